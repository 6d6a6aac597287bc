//! Request bodies in, whole and unpacked; response bodies out, packed where the caller asks.

use std::io::Read;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use flate2::{
    Compression,
    read::{GzDecoder, GzEncoder, ZlibDecoder, ZlibEncoder},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use trimtab_edge::Failure;

use crate::MAX_BODY;

/// Smaller answers are not worth packing.
const MIN_PACKED: usize = 1_024;

/// The whole body, unpacked; a body that is larger than the limit, packed or unpacked, is a 413.
pub(crate) async fn read(headers: &HeaderMap, body: Body) -> Result<Bytes, Failure> {
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|error| {
        if is_too_large(&error) {
            too_large()
        } else {
            Failure::invalid("", format!("the body could not be read: {error}"))
        }
    })?;
    let encoding = headers
        .get(header::CONTENT_ENCODING)
        .map_or("identity", |value| value.to_str().unwrap_or("?"));
    match encoding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(bytes),
        "gzip" | "x-gzip" => unpack(GzDecoder::new(&*bytes)),
        "deflate" => unpack(ZlibDecoder::new(&*bytes)),
        other => Err(Failure::invalid(
            "content-encoding",
            format!("the content encoding `{other}` is not known: use gzip or deflate"),
        )
        .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn too_large() -> Failure {
    Failure::invalid(
        "",
        format!("the body is larger than the {MAX_BODY} bytes that this path takes"),
    )
    .with_status(StatusCode::PAYLOAD_TOO_LARGE)
}

fn unpack(reader: impl Read) -> Result<Bytes, Failure> {
    let mut unpacked = Vec::new();
    reader
        .take(MAX_BODY as u64 + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Failure::invalid("", format!("the body cannot be unpacked: {error}")))?;
    if unpacked.len() > MAX_BODY {
        return Err(too_large());
    }
    Ok(unpacked.into())
}

/// Packs an answer as the caller accepts it, and says so in its headers.
pub(crate) fn pack(asked: &HeaderMap, answer: Vec<u8>, headers: &mut HeaderMap) -> Vec<u8> {
    let Some(encoding) = accepted(asked).filter(|_| answer.len() >= MIN_PACKED) else {
        return answer;
    };
    let mut packed = Vec::with_capacity(answer.len() / 2);
    let done = match encoding {
        "gzip" => GzEncoder::new(&*answer, Compression::fast()).read_to_end(&mut packed),
        _ => ZlibEncoder::new(&*answer, Compression::fast()).read_to_end(&mut packed),
    };
    if done.is_err() {
        return answer;
    }
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    packed
}

/// The first of gzip and deflate that the caller names without refusing it.
fn accepted(headers: &HeaderMap) -> Option<&'static str> {
    headers
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .find_map(|choice| {
            let (name, parameters) = choice.split_once(';').unwrap_or((choice, ""));
            let weight = parameters.trim().strip_prefix("q=");
            let is_refused =
                weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|w| w <= 0.0));
            match name.trim() {
                _ if is_refused => None,
                "gzip" => Some("gzip"),
                "deflate" => Some("deflate"),
                _ => None,
            }
        })
}
