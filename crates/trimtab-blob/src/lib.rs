//! Bytes of any size, kept once per workspace and content, counted by reference; on local disk through `object_store`.
//!
//! It knows no artifact, model or dataset: whoever refers to a blob owns the reference and gives it back.
//!
//! A blob's key is random and fixed before its first byte arrives; its BLAKE3 is computed while it streams. The bytes
//! are synced under a temporary name and renamed before any row names them, so a crash leaves at most a file that no
//! row knows ([`BlobStore::sweep`] removes those), never a row without its file.

mod body;
mod error;
mod sql;
mod store;

pub use body::BlobBody;
pub use error::BlobError;
pub use sql::MIGRATIONS;
pub use store::{BlobRef, BlobStore, Kept, Staged};
