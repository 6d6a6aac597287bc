//! The event log, on SQLite and on PostgreSQL.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod feedback;
#[cfg(test)]
mod log;
#[cfg(test)]
mod speed;
#[cfg(test)]
mod support;
