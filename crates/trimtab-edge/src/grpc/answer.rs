//! Answers: messages behind their heads, then the status.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, HttpBody},
    response::Response,
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use http::{HeaderValue, header};
use http_body_util::StreamBody;
use hyper::body::{Frame, SizeHint};
use trimtab_types::ErrorCode;

use super::{
    messages::HEAD,
    status::{content_type, trailers},
};
use crate::Failure;

/// A message with its head, which `encode` appends to what it is given; `length` is how long it will be about.
pub fn frame(length: usize, encode: impl FnOnce(&mut Vec<u8>)) -> Result<Bytes, Failure> {
    let mut bytes = Vec::with_capacity(HEAD + length);
    bytes.extend_from_slice(&[0; HEAD]);
    encode(&mut bytes);
    let length = u32::try_from(bytes.len() - HEAD).map_err(|_| {
        Failure::new(
            ErrorCode::Unsupported,
            "the answer is larger than the 4 GiB that a message can hold",
        )
    })?;
    // The first byte says that the message is not packed.
    bytes[1..HEAD].copy_from_slice(&length.to_be_bytes());
    Ok(bytes.into())
}

/// The answer of a call that has one.
pub fn unary(frame: Bytes) -> Response {
    answer(Body::new(Whole {
        frame: Some(frame),
        is_ended: false,
    }))
}

/// The answers of a call that has many; the first refusal ends it.
pub fn stream(frames: impl Stream<Item = Result<Bytes, Failure>> + Send + 'static) -> Response {
    let frames = frames.boxed();
    let frames = futures::stream::unfold(Some(frames), |frames| async move {
        let mut frames = frames?;
        Some(match frames.next().await {
            Some(Ok(frame)) => (Ok(Frame::data(frame)), Some(frames)),
            Some(Err(failure)) => (Ok(Frame::trailers(trailers(Some(&failure)))), None),
            None => (Ok::<_, Infallible>(Frame::trailers(trailers(None))), None),
        })
    });
    answer(Body::new(StreamBody::new(frames)))
}

fn answer(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type());
    headers.insert(
        "grpc-accept-encoding",
        HeaderValue::from_static("identity,deflate,gzip"),
    );
    response
}

/// One message and the status that all is well.
struct Whole {
    frame: Option<Bytes>,
    is_ended: bool,
}

impl HttpBody for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(frame) = self.frame.take() {
            return Poll::Ready(Some(Ok(Frame::data(frame))));
        }
        if std::mem::replace(&mut self.is_ended, true) {
            return Poll::Ready(None);
        }
        Poll::Ready(Some(Ok(Frame::trailers(trailers(None)))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_ended
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.frame.as_ref().map_or(0, |frame| frame.len() as u64))
    }
}
