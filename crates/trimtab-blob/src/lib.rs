//! Bytes of any size, kept once per workspace and content, counted by reference; small ones in their row, others as files.
//!
//! It knows no artifact, model or dataset: whoever refers to a blob owns the reference and gives it back.
//!
//! A blob's key is random and fixed before its first byte arrives; its BLAKE3 is computed while it streams. The bytes
//! are synced under a temporary name and renamed before any row names them, so a crash leaves at most a file that no
//! row knows ([`BlobStore::sweep`] removes those), never a row without its file.

mod body;
mod error;
mod files;
mod foreign;
mod parts;
mod pin;
mod s3;
mod signed;
mod sql;
mod store;

pub use body::BlobBody;
pub use error::BlobError;
pub use foreign::ForeignEntry;
pub use pin::Pin;
pub use s3::{S3, S3File, S3Location, S3Problem};
pub use sql::MIGRATIONS;
pub use store::{BlobRef, BlobStore, Kept, Staged};
