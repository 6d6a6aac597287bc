//! Requests: messages out of a body that comes in pieces.

use std::{future::Future, io::Read, time::Duration};

use axum::body::Body;
use bytes::{Buf as _, Bytes, BytesMut};
use flate2::read::{GzDecoder, ZlibDecoder};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use trimtab_types::ErrorCode;

use super::status::is_grpc;
use crate::Failure;

/// Whether the message is packed, and its length.
pub(super) const HEAD: usize = 5;

/// The messages of a request, in their order. Room is made for what was received, never for what a head announces.
#[derive(Debug)]
pub struct Messages {
    body: Body,
    /// Received and not yet handed out.
    held: Bytes,
    packing: Packing,
    /// How long a message may be, packed or unpacked.
    limit: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Identity,
    Gzip,
    Deflate,
}

impl Messages {
    /// The messages of a request, each of at most `limit` bytes.
    pub fn new(headers: &HeaderMap, body: Body, limit: usize) -> Result<Self, Failure> {
        if !is_grpc(headers) {
            return Err(Failure::invalid(
                "content-type",
                "this path speaks gRPC: application/grpc",
            )
            .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let packing = match headers.get("grpc-encoding").map(HeaderValue::as_bytes) {
            None | Some(b"identity") => Packing::Identity,
            Some(b"gzip") => Packing::Gzip,
            Some(b"deflate") => Packing::Deflate,
            Some(other) => {
                return Err(Failure::new(
                    ErrorCode::Unsupported,
                    format!(
                        "the message encoding `{}` is not known: use identity, gzip or deflate",
                        String::from_utf8_lossy(other)
                    ),
                ));
            }
        };
        Ok(Self {
            body,
            held: Bytes::new(),
            packing,
            limit,
        })
    }

    /// The next message; `None` when the caller has no more.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut gathered = BytesMut::new();
        loop {
            if let Some((is_packed, length)) = self.head(&gathered)? {
                let end = HEAD + length;
                if gathered.is_empty() && self.held.len() >= end {
                    // The usual case: the message lies in one piece, and is handed out as it lies.
                    self.held.advance(HEAD);
                    return self.unpacked(is_packed, length).map(Some);
                }
                if gathered.len() >= end {
                    self.held = gathered.freeze();
                    self.held.advance(HEAD);
                    return self.unpacked(is_packed, length).map(Some);
                }
            }
            let Some(piece) = self.piece().await? else {
                return if gathered.is_empty() && self.held.is_empty() {
                    Ok(None)
                } else {
                    Err(Failure::invalid("", "the message is cut off"))
                };
            };
            if gathered.is_empty() && self.held.is_empty() {
                self.held = piece;
            } else {
                if gathered.is_empty() {
                    gathered.extend_from_slice(&std::mem::take(&mut self.held));
                }
                gathered.extend_from_slice(&piece);
            }
        }
    }

    /// The one message of a unary call.
    pub async fn only(mut self) -> Result<Bytes, Failure> {
        let message = self
            .next()
            .await?
            .ok_or_else(|| Failure::invalid("", "the request has no message"))?;
        if self.next().await?.is_some() {
            return Err(Failure::invalid(
                "",
                "the request has more than one message",
            ));
        }
        Ok(message)
    }

    /// Whether the message at the front is packed, and its length; `None` while its head is not there.
    fn head(&self, gathered: &BytesMut) -> Result<Option<(bool, usize)>, Failure> {
        let front: &[u8] = if gathered.is_empty() {
            &self.held
        } else {
            gathered
        };
        let Some(&[flag, a, b, c, d]) = front.first_chunk::<HEAD>() else {
            return Ok(None);
        };
        if flag > 1 {
            return Err(Failure::invalid(
                "",
                format!("the message begins with {flag} where 0 or 1 says whether it is packed"),
            ));
        }
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > self.limit {
            return Err(self.too_large());
        }
        Ok(Some((flag == 1, length)))
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| {
                Failure::invalid("", format!("the request could not be read: {error}"))
            })?;
            // Trailers of a caller say nothing.
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Takes the first `length` bytes out of what is held, unpacked.
    fn unpacked(&mut self, is_packed: bool, length: usize) -> Result<Bytes, Failure> {
        let message = self.held.split_to(length);
        if !is_packed {
            return Ok(message);
        }
        match self.packing {
            Packing::Gzip => self.unpack(GzDecoder::new(&*message)),
            Packing::Deflate => self.unpack(ZlibDecoder::new(&*message)),
            Packing::Identity => Err(Failure::invalid(
                "grpc-encoding",
                "the message is packed, and grpc-encoding does not say how",
            )),
        }
    }

    fn unpack(&self, reader: impl Read) -> Result<Bytes, Failure> {
        let mut unpacked = Vec::new();
        reader
            .take(self.limit as u64 + 1)
            .read_to_end(&mut unpacked)
            .map_err(|error| {
                Failure::invalid("", format!("the message cannot be unpacked: {error}"))
            })?;
        if unpacked.len() > self.limit {
            return Err(self.too_large());
        }
        Ok(unpacked.into())
    }

    fn too_large(&self) -> Failure {
        Failure::invalid(
            "",
            format!(
                "the message is larger than the {} bytes that this method takes",
                self.limit
            ),
        )
        .with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }
}

/// What `answer` says, or that the caller's deadline (`grpc-timeout`) has passed.
pub async fn within<T>(
    headers: &HeaderMap,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(timeout) = headers.get("grpc-timeout") else {
        return answer.await;
    };
    let timeout = timeout
        .to_str()
        .ok()
        .and_then(duration)
        .ok_or_else(|| Failure::invalid("grpc-timeout", "grpc-timeout is no time span"))?;
    match tokio::time::timeout(timeout, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure::new(
            ErrorCode::DeadlineExceeded,
            format!("the caller's deadline of {timeout:?} has passed"),
        )),
    }
}

/// At most eight digits and a unit.
fn duration(text: &str) -> Option<Duration> {
    let (at, unit) = text.char_indices().next_back()?;
    let digits = &text[..at];
    if digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let count: u64 = digits.parse().ok()?;
    match unit {
        'H' => Some(Duration::from_secs(count * 3_600)),
        'M' => Some(Duration::from_secs(count * 60)),
        'S' => Some(Duration::from_secs(count)),
        'm' => Some(Duration::from_millis(count)),
        'u' => Some(Duration::from_micros(count)),
        'n' => Some(Duration::from_nanos(count)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
