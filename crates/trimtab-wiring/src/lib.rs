//! Adapters from one crate's ports to another's services, one file each: conversions and nothing else.
//!
//! No decision is made here; a service that needs to know something of another says so in a trait of its own.

mod checks;
mod models;
mod references;

pub use checks::DatasetChecks;
pub use models::RegistryModels;
pub use references::ChampionReferences;
