//! What the handlers of every protocol work with.

use std::path::Path;

use axum::extract::FromRef;
use tokio_util::sync::CancellationToken;
use trimtab_registry::Registry;
use trimtab_serving::Serving;

use crate::{memory::Memory, settings::Traces};

/// The services behind the inference protocols, and what clients set for this process; cheap to clone.
#[derive(Debug, Clone, FromRef)]
pub struct Inference {
    pub(crate) serving: Serving,
    pub(crate) registry: Option<Registry>,
    pub(crate) stopping: CancellationToken,
    pub(crate) traces: Traces,
    pub(crate) memory: Memory,
}

impl Inference {
    /// Over these services. The registry is the model repository; a server of one model has none. When `stopping` is
    /// cancelled, the server is no longer ready, and streams end.
    pub fn new(serving: Serving, registry: Option<Registry>, stopping: CancellationToken) -> Self {
        Self {
            serving,
            registry,
            stopping,
            traces: Traces::default(),
            memory: Memory::off(),
        }
    }

    /// The same, with or without system shared memory: with it, whoever may predict makes the server read and write
    /// files of `/dev/shm`.
    #[must_use]
    pub fn with_shared_memory(self, is_on: bool) -> Self {
        let memory = if is_on {
            Memory::of(Path::new("/dev/shm"))
        } else {
            Memory::off()
        };
        Self { memory, ..self }
    }
}
