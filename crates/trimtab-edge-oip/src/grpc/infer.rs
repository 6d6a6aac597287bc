//! ModelInfer and ModelStreamInfer.

mod decode;
mod encode;

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use bytes::Bytes;
use futures::StreamExt as _;
use http::HeaderMap;
use prost::Message as _;
use trimtab_edge::{
    CallScope, Failure,
    grpc::{self, Messages},
};
use trimtab_serving::Prediction;
use trimtab_types::{Name, Scope};

use super::wire::ModelInferRequest;
use crate::{Inference, MAX_BODY, context, infer::Outputs, memory::Regions};

/// How many requests of one stream are worked on at once; their answers go back in the requests' order.
const IN_FLIGHT: usize = 16;
/// A caller that sets this header wants the first error as the stream's status.
const ERRORS_END: &str = "triton_grpc_error";

/// What a request is answered with, before it is a message.
struct Answer {
    name: Name,
    id: Option<String>,
    prediction: Prediction,
    wanted: Outputs,
}

/// ModelInfer.
pub(super) async fn infer(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    grpc::within(&headers, async {
        let message = Messages::new(&headers, body, MAX_BODY)?.only().await?;
        let request = decode::message(message)?;
        let answer = answer(&state, &scope, &headers, request).await?;
        let mut response = grpc::unary(encode::unary(&answer)?);
        context::put_headers(response.headers_mut(), &answer.prediction);
        Ok(response)
    })
    .await
}

/// ModelStreamInfer: a request that is refused is told in its answer, and the stream goes on.
pub(super) async fn stream(
    State(state): State<Inference>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let messages = Messages::new(&headers, body, MAX_BODY)?;
    let asked = Arc::new((state.clone(), scope, headers));
    let requests = futures::stream::unfold(Some(messages), |messages| async move {
        let mut messages = messages?;
        match messages.next().await {
            Ok(Some(message)) => Some((Ok(message), Some(messages))),
            Ok(None) => None,
            // What is no message leaves the place of the next one unknown.
            Err(failure) => Some((Err(failure), None)),
        }
    });
    let stopping = state.stopping.cancelled_owned();
    let frames = requests
        .take_until(stopping)
        .map(move |message| {
            let asked = Arc::clone(&asked);
            async move { streamed(&asked.0, &asked.1, &asked.2, message?).await }
        })
        .buffered(IN_FLIGHT);
    Ok(grpc::stream(frames))
}

/// One answer of a stream as a frame.
async fn streamed(
    state: &Inference,
    scope: &Scope,
    headers: &HeaderMap,
    message: Bytes,
) -> Result<Bytes, Failure> {
    let request = ModelInferRequest::decode(message).map_err(|error| decode::broken(&error));
    let id = request
        .as_ref()
        .map_or_else(|_| String::new(), |request| request.id.clone());
    let answer = match request {
        Ok(request) => answer(state, scope, headers, request).await,
        Err(failure) => Err(failure),
    };
    match answer.and_then(|answer| encode::streamed(&answer)) {
        Err(failure) if !headers.contains_key(ERRORS_END) => encode::refusal(&failure, id),
        answer => answer,
    }
}

async fn answer(
    state: &Inference,
    scope: &Scope,
    headers: &HeaderMap,
    request: ModelInferRequest,
) -> Result<Answer, Failure> {
    let name = context::endpoint(&request.model_name)?;
    let version = Some(request.model_version.as_str()).filter(|version| !version.is_empty());
    let version = context::version(&name, version)?;
    let regions = Regions {
        memory: &state.memory,
        scope,
    };
    let asked = decode::request(request, regions)?;
    let (id, prediction, wanted) = asked.predict(state, scope, &name, version, headers).await?;
    Ok(Answer {
        name,
        id,
        prediction,
        wanted,
    })
}
