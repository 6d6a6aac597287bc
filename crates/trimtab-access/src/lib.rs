//! Who may do what: workspaces, tokens, roles, and the audit trail of what was done with them.
//!
//! It knows no protocol (the shell in `trimtab-edge` takes credentials out of requests) and no kind of object:
//! a resource is a word and a name here. Every door asks [`Access::require`]; what no rule allows is denied.

mod audit;
mod cache;
mod error;
mod model;
mod service;
mod sql;

pub use audit::{AuditEntry, AuditRecord};
pub use error::AccessError;
pub use model::{Credentials, NewToken, Resource, Token, TokenText, Workspace};
pub use service::{Access, AccessMode};
pub use sql::MIGRATIONS;
