//! The inference edge behind the real shell, over real ONNX models; and the stock tritonclient against it.

mod binary;
mod malformed;
mod python;
mod routes;
mod scoring;
mod v2;
mod world;
