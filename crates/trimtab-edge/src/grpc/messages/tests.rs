use std::{convert::Infallible, io::Write as _};

use flate2::{Compression, write::GzEncoder, write::ZlibEncoder};

use proptest::prelude::*;

use super::*;

const LIMIT: usize = 1_000;

fn headers(encoding: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    if let Some(encoding) = encoding {
        headers.insert("grpc-encoding", HeaderValue::from_static(encoding));
    }
    headers
}

/// Every message of a body that arrives in these pieces.
fn read(encoding: Option<&'static str>, pieces: Vec<Vec<u8>>) -> Result<Vec<Bytes>, Failure> {
    let pieces = futures::stream::iter(pieces.into_iter().map(Ok::<_, Infallible>));
    let mut messages = Messages::new(&headers(encoding), Body::from_stream(pieces), LIMIT)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut all = Vec::new();
        while let Some(message) = messages.next().await? {
            all.push(message);
        }
        Ok(all)
    })
}

fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let mut bytes = vec![flag];
    bytes.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(message);
    bytes
}

proptest! {
    #[test]
    fn messages_come_out_whole_however_they_are_cut(
        messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
        cuts in prop::collection::vec(1_usize..40, 1..60),
    ) {
        let whole: Vec<u8> = messages.iter().flat_map(|message| framed(0, message)).collect();
        let mut pieces = Vec::new();
        let mut rest = whole.as_slice();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        let found = read(None, pieces).unwrap();
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn bytes_at_random_are_messages_or_refused(
        bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), any::<u8>()], 0..300),
        encoding in prop_oneof![Just(None), Just(Some("gzip")), Just(Some("deflate"))],
    ) {
        // What it says does not matter; that it says something does.
        if let Ok(messages) = read(encoding, vec![bytes]) {
            prop_assert!(messages.iter().all(|message| message.len() <= LIMIT));
        }
    }
}

#[test]
fn packed_messages_are_unpacked_within_the_limit() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        framed(1, &encoder.finish().unwrap())
    };
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(b"abc").unwrap();
    let deflate = framed(1, &deflate.finish().unwrap());
    assert_eq!(read(Some("gzip"), vec![gzip(b"abc")]).unwrap(), vec!["abc"]);
    assert_eq!(read(Some("deflate"), vec![deflate]).unwrap(), vec!["abc"]);
    // A message may stay as it is, whatever the encoding is.
    assert_eq!(
        read(Some("gzip"), vec![framed(0, b"abc")]).unwrap(),
        vec!["abc"]
    );
    let bomb = read(Some("gzip"), vec![gzip(&vec![0; 100_000])]).unwrap_err();
    assert_eq!(bomb.http_status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[test]
fn what_is_no_message_is_refused_at_once() {
    let message =
        |encoding, bytes: &[u8]| read(encoding, vec![bytes.to_vec()]).unwrap_err().message;
    // The announced 4 GiB are neither waited for nor made room for.
    assert!(message(None, &[0, 255, 255, 255, 255]).contains("larger than the 1000 bytes"));
    assert!(message(None, &[0, 0, 0, 0, 9, 1]).contains("cut off"));
    assert!(message(None, &[0, 0]).contains("cut off"));
    assert!(message(None, &[7, 0, 0, 0, 0]).contains("begins with 7"));
    assert!(message(None, &framed(1, b"x")).contains("does not say how"));
    assert!(message(Some("gzip"), &framed(1, b"x")).contains("cannot be unpacked"));
    let unknown = read(Some("snappy"), vec![]).unwrap_err();
    assert_eq!(unknown.code, ErrorCode::Unsupported);
    let other = Messages::new(&HeaderMap::new(), Body::empty(), 1).unwrap_err();
    assert_eq!(other.http_status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_unary_call_has_one_message() {
    let only = |bytes: Vec<u8>| {
        Messages::new(&headers(None), Body::from(bytes), LIMIT)
            .unwrap()
            .only()
    };
    assert_eq!(only(framed(0, b"abc")).await.unwrap(), "abc");
    assert!(
        only(vec![])
            .await
            .unwrap_err()
            .message
            .contains("no message")
    );
    let two = [framed(0, b"a"), framed(0, b"b")].concat();
    assert!(
        only(two)
            .await
            .unwrap_err()
            .message
            .contains("more than one")
    );
}

#[tokio::test]
async fn a_deadline_that_passes_is_told() {
    let within_text = async |text: &'static str, ready: bool| {
        let mut headers = HeaderMap::new();
        headers.insert("grpc-timeout", HeaderValue::from_static(text));
        within(&headers, async {
            if !ready {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
        .await
    };
    assert_eq!(within_text("1H", true).await, Ok(()));
    let late = within_text("5m", false).await.unwrap_err();
    assert_eq!(late.code, ErrorCode::DeadlineExceeded);
    for text in ["", "m", "5", "5x", "123456789S", "-1S", "5µ"] {
        let mut headers = HeaderMap::new();
        headers.insert(
            "grpc-timeout",
            HeaderValue::from_bytes(text.as_bytes()).unwrap(),
        );
        let refused = within(&headers, async { Ok(()) }).await.unwrap_err();
        assert_eq!(refused.code, ErrorCode::invalid("grpc-timeout"), "{text}");
    }
}
