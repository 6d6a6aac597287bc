//! Serving, on real ONNX models and both databases.

#![expect(clippy::unwrap_used, reason = "a helper of tests fails by panicking")]

mod apply;
mod deploy;
mod predict;
mod revisions;
mod rollout;
mod score;
mod world;
