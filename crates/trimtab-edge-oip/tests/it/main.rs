//! The inference edge behind the real shell, over real ONNX models; and the stock tritonclient against it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a helper of tests fails by panicking; the same model on the same row says the same to the bit"
)]

mod binary;
mod grpc;
mod malformed;
mod pyfunc;
mod python;
mod repository;
mod routes;
mod scoring;
mod v2;
mod world;
