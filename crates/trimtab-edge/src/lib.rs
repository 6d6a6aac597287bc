//! The shell that every protocol is mounted on: listeners, the one table of paths, authentication, request ids,
//! limits, refusals in each protocol's own shape, metrics, graceful shutdown.
//!
//! It knows no protocol's content: edges bring [`Routes`]. A path that has no row in the table is not served,
//! so nothing is reachable without a decision about who may reach it.

mod failure;
pub mod grpc;
mod guard;
mod listen;
mod metrics;
mod owner;
mod paths;
mod reason;
mod request;
mod routes;
mod serve;
mod shape;
mod shell;

pub use failure::Failure;
pub use listen::{BindError, Listener, bind};
pub use owner::port_holder;
pub use paths::{Edge, edge_of};
pub use reason::json_reason;
pub use request::{AuditObject, CallScope, Peer, RequestId};
pub use routes::{BodyLimit, Gate, MountError, Route, Routes, Table};
pub use serve::Server;
pub use shell::{Fallback, HostPolicy, Shell};
