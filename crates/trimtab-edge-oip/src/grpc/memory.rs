//! Shared memory over gRPC.

use std::collections::HashMap;

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use prost::Message;
use trimtab_edge::{CallScope, Failure};

use super::{Empty, call};
use crate::{
    Inference,
    memory::{self, RegionStatus},
};

/// Which region; none is all.
#[derive(Clone, PartialEq, Message)]
struct RegionRequest {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct StatusResponse {
    #[prost(map = "string, message", tag = "1")]
    regions: HashMap<String, SystemSharedMemoryRegion>,
}

/// The request to register a region, and its status.
#[derive(Clone, PartialEq, Message)]
struct SystemSharedMemoryRegion {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    key: String,
    #[prost(uint64, tag = "3")]
    offset: u64,
    #[prost(uint64, tag = "4")]
    byte_size: u64,
}

impl RegionRequest {
    fn name(&self) -> Option<&str> {
        Some(self.name.as_str()).filter(|name| !name.is_empty())
    }
}

pub(super) async fn status(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: RegionRequest| {
        let regions = state.memory.status(&scope, asked.name())?;
        let regions = regions.into_iter().map(|region| {
            let of = SystemSharedMemoryRegion {
                name: region.name.clone(),
                key: region.key,
                offset: region.offset,
                byte_size: region.byte_size,
            };
            (region.name, of)
        });
        Ok(StatusResponse {
            regions: regions.collect(),
        })
    })
    .await
}

pub(super) async fn register(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: SystemSharedMemoryRegion| {
        let status = RegionStatus {
            name: asked.name,
            key: asked.key,
            offset: asked.offset,
            byte_size: asked.byte_size,
        };
        state.memory.register(&scope, status)?;
        Ok(Empty {})
    })
    .await
}

pub(super) async fn unregister(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: RegionRequest| {
        state.memory.unregister(&scope, asked.name());
        Ok(Empty {})
    })
    .await
}

/// Every method of CUDA shared memory.
pub(super) async fn cuda() -> Failure {
    memory::no_cuda()
}
