//! Our own `/api/v1` with its OpenAPI document and event stream, `/metrics`, probes, and the console embedded from `ui/`.
//!
//! It knows no other protocol and decides nothing: handlers decode, ask a service, and convert its answer into the
//! types of [`wire`]. The module [`desired`] reads `trimtab.yaml`, which only this edge speaks.

mod backups;
mod console;
mod convert;
pub mod desired;
mod extract;
mod handlers;
mod operation;
mod routes;
mod state;
pub mod wire;

pub use backups::{Backups, POSTGRES_COPY};
pub use console::page;
pub use state::{Api, ProcessInfo, Services};

/// The routes of this edge.
pub fn routes(api: Api) -> trimtab_edge::Routes {
    routes::routes().with_state(api)
}

/// The OpenAPI document of `/api/v1`.
pub fn openapi_document() -> serde_json::Value {
    routes::documented().document()
}
