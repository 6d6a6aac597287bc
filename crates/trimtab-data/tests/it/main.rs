//! The data service, on SQLite and on PostgreSQL; its checks on made-up tables and on a year of real flights.

#[cfg(test)]
mod check;
#[cfg(test)]
mod events;
#[cfg(test)]
mod flights;
#[cfg(test)]
mod support;
#[cfg(test)]
mod versions;
