//! Our own `/api/v1` with its OpenAPI document and event stream, `/metrics`, probes, and the console embedded from `ui/`.
//!
//! It knows no other protocol and decides nothing: handlers decode, ask a service, and convert its answer into the
//! types of [`wire`].

pub mod wire;
