//! The model repository over gRPC.

use std::collections::HashMap;

use axum::{body::Body, extract::State, response::Response};
use http::HeaderMap;
use prost::Message;
use trimtab_edge::{AuditObject, CallScope, Failure};

use super::{Empty, call};
use crate::{Inference, repository};

#[derive(Clone, PartialEq, Message)]
struct RepositoryIndexRequest {
    #[prost(string, tag = "1")]
    repository_name: String,
    #[prost(bool, tag = "2")]
    ready: bool,
}

#[derive(Clone, PartialEq, Message)]
struct RepositoryIndexResponse {
    #[prost(message, repeated, tag = "1")]
    models: Vec<ModelIndex>,
}

#[derive(Clone, PartialEq, Message)]
struct ModelIndex {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    version: String,
    #[prost(string, tag = "3")]
    state: String,
    #[prost(string, tag = "4")]
    reason: String,
}

/// A request to load or to unload; what the parameters say is not read, only that they are there.
#[derive(Clone, PartialEq, Message)]
struct RepositoryModelRequest {
    #[prost(string, tag = "1")]
    repository_name: String,
    #[prost(string, tag = "2")]
    model_name: String,
    #[prost(map = "string, bytes", tag = "3")]
    parameters: HashMap<String, Vec<u8>>,
}

pub(super) async fn index(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    call(&headers, body, async |asked: RepositoryIndexRequest| {
        only_repository(&asked.repository_name)?;
        let index = repository::index(&state, &scope, asked.ready).await?;
        Ok(RepositoryIndexResponse {
            models: index
                .into_iter()
                .map(|row| ModelIndex {
                    name: row.name,
                    version: row.version,
                    state: row.state.to_owned(),
                    reason: row.reason,
                })
                .collect(),
        })
    })
    .await
}

pub(super) async fn load(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let mut about = String::new();
    let answer = call(&headers, body, async |asked: RepositoryModelRequest| {
        about.clone_from(&asked.model_name);
        only_repository(&asked.repository_name)?;
        repository::check_parameters(asked.parameters.keys().map(String::as_str))?;
        repository::load(&state, &scope, &asked.model_name).await?;
        Ok(Empty {})
    })
    .await;
    Ok(audited(answer, about))
}

pub(super) async fn unload(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let mut about = String::new();
    let answer = call(&headers, body, async |asked: RepositoryModelRequest| {
        about.clone_from(&asked.model_name);
        only_repository(&asked.repository_name)?;
        repository::unload(&state, &scope, &asked.model_name).await?;
        Ok(Empty {})
    })
    .await;
    Ok(audited(answer, about))
}

/// The path does not say which model it is about.
fn audited(answer: Result<Response, Failure>, model: String) -> Response {
    let mut response = answer.unwrap_or_else(axum::response::IntoResponse::into_response);
    response.extensions_mut().insert(AuditObject(model));
    response
}

fn only_repository(name: &str) -> Result<(), Failure> {
    if name.is_empty() {
        return Ok(());
    }
    Err(Failure::invalid(
        "repository_name",
        format!("there is no repository `{name}`: leave the name out, there is one"),
    ))
}
