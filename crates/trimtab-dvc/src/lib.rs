//! DVC's files as they are: `dvc.yaml`, `dvc.lock`, parameters, content hashes, the cache and the run cache, to the
//! byte, so that a repository works with DVC and with Trimtab in turn.
//!
//! It runs no command and knows no git: it says what a pipeline is, what has changed, and keeps outputs by content.

mod cache;
mod changed;
mod error;
mod graph;
mod hash;
mod lock;
mod params;
mod pipeline;
mod run_cache;
mod yaml;

pub use cache::{Cache, LinkType, remove, write_atomically};
pub use changed::{Reason, Snapshot};
pub use error::DvcError;
pub use graph::Graph;
pub use hash::{Digest, Manifest, ManifestEntry, hash_file, hash_path};
pub use lock::{Entry, Lock, LockedStage};
pub use params::{override_params, read_params};
pub use pipeline::{Out, OutKind, ParamFile, Pipeline, Stage};
pub use run_cache::RunCache;
pub use yaml::{Value, emit};
