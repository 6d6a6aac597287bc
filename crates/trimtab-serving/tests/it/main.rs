//! Serving, on real ONNX models and both databases.

mod apply;
mod predict;
mod revisions;
mod rollout;
mod score;
mod world;
