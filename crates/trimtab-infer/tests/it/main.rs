//! ONNX Runtime, found as the product finds it, on real models.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a helper of tests fails by panicking; the same model on the same row says the same to the bit"
)]

mod environment;
mod models;
mod python;
mod threads;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use trimtab_infer::{Engine, OnnxRuntime};

/// A committed model.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The library of `TRIMTAB_PYTHON` or of the repository's `.venv`.
pub(crate) fn runtime() -> OnnxRuntime {
    OnnxRuntime::locate(None).expect("`cargo xtask setup` installs onnxruntime into .venv")
}

/// A committed model, loaded.
pub(crate) fn open(name: &str) -> Arc<dyn Engine> {
    runtime().open(&fixture(name)).unwrap()
}
