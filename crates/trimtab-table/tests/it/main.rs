//! Tables of every format are read alike, and what is wrong with one is said with its place.

#[cfg(test)]
mod tables;
