//! Whatever comes in, the answer is a 400 that says what is wrong: no 500, no panic, no memory from a declared shape.

use proptest::{prelude::*, strategy::ValueTree as _, test_runner::TestRunner};
use serde_json::json;

use crate::{
    binary::body,
    world::{FLIGHTS, World},
};

fn x(shape: &str, data: &str) -> String {
    format!(r#"{{"inputs":[{{"name":"x","datatype":"FP32","shape":{shape},"data":{data}}}]}}"#)
}

#[tokio::test]
async fn json_that_is_wrong_is_told() {
    let world = World::new().await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let cases: Vec<(String, &str)> = vec![
        (String::new(), "EOF"),
        ("{".to_owned(), "EOF"),
        ("[]".to_owned(), "valid"),
        ("null".to_owned(), "valid"),
        ("\u{feff}{}".to_owned(), "valid"),
        ("{}".to_owned(), "missing field `inputs`"),
        ("7".to_owned(), "integer `7`, expected an object"),
        (r#"{"inputs":[]}"#.to_owned(), "input `x` is missing"),
        (r#"{"inputs":{}}"#.to_owned(), "expected a sequence"),
        (r#"{"inputs":[1]}"#.to_owned(), "an input with name"),
        (r#"{"inputs":[{"name":"x","shape":[1,1]}]}"#.to_owned(), "missing field `datatype`"),
        (r#"{"inputs":[{"name":"x","datatype":"FP32","data":[1]}]}"#.to_owned(), "missing field `shape`"),
        (r#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32"}]}"#.to_owned(), "neither `data`"),
        (r#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP99","data":[1]}]}"#.to_owned(), "`FP99` is not a datatype"),
        (r#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"INT64","data":[1]}]}"#.to_owned(), "the model takes FP32"),
        (r#"{"inputs":[{"name":"q","shape":[1,1],"datatype":"FP32","data":[1]}]}"#.to_owned(), "no input `q`"),
        (r#"{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]},{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}"#.to_owned(), "given twice"),
        (x("[1,1]", "[1,2]"), "1 elements, 2 were given"),
        (x("[2,1]", "[1]"), "2 elements, 1 were given"),
        (x("[1099511627776,28]", "[1]"), "elements, 1 were given"),
        (x("[18446744073709551615,18446744073709551615]", "[1]"), "too many elements"),
        (x("[-1,1]", "[1]"), "shape of input `x`"),
        (x("[1.5,1]", "[1]"), "shape of input `x`"),
        (x("[\"a\"]", "[1]"), "shape of input `x`"),
        (x("null", "[1]"), "shape of input `x`"),
        (x(&format!("[{}1]", "1,".repeat(10_000)), "[1]"), "at most 64 dimensions"),
        (x("[1]", "[1]"), "has shape [1]"),
        (x("[0,1]", "[]"), "no rows"),
        (x("[1,1]", "[\"a\"]"), "data of input `x`: \"a\" is no FP32"),
        (x("[1,1]", "[null]"), "null is no number"),
        (x("[1,1]", "null"), "null is no number"),
        (x("[1,1]", "[true]"), "true is no FP32"),
        (x("[1,1]", "[{}]"), "invalid type: map"),
        (x("[1,1]", "[NaN]"), "valid"),
        (x("[1,1]", "[1e999]"), "number out of range"),
        (x("[1,1]", &deep), "recursion limit"),
        (deep.clone(), "valid"),
        (format!(r#"{{"inputs":[{{"name":"x","data":{deep},"shape":[1,1],"datatype":"FP32"}}]}}"#), "recursion limit"),
        (format!(r#"{{"unknown":{deep},"inputs":[]}}"#), "input `x` is missing"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"id\":7,\"inputs\""), "expected a string"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"outputs\":[{\"name\":\"q\"}],\"inputs\""), "no output `q`"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":-3}}],\"inputs\""), "invalid value: integer `-3`"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"parameters\":{\"row_keys\":\"x\"},\"inputs\""), "`row_keys`"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"parameters\":{\"row_keys\":[\"a\",\"b\"]},\"inputs\""), "2 row keys were given for 1 rows"),
        (x("[1,1]", "[1]").replace("\"inputs\"", "\"parameters\":{\"event_time\":\"soon\"},\"inputs\""), "`soon` is not a time"),
        (x("[1,1]", "[1]").replace("\"data\"", "\"parameters\":{\"shared_memory_region\":\"r\"},\"data\""), "in shared memory and in the request"),
        (x("[1,1]", "[1]").replace("\"data\"", "\"parameters\":{\"binary_data_size\":4},\"data\""), "`data` and `binary_data_size`"),
    ];
    for (request, expected) in cases {
        let start: String = request.chars().take(200).collect();
        let answer = world.post("/v2/models/logarithm/infer", request).await;
        assert_eq!(answer.status, 400, "{start}\n{answer:?}");
        let error = answer.error();
        assert!(error.contains(expected), "{start}\n{error}");
    }
    for body in ["{}", "", "[1"] {
        let answer = world.post("/v2/models/nope/infer", body).await;
        assert_eq!(answer.status, 404, "{body}: {answer:?}");
    }
    // `null` where something may be left out is nothing, as KServe's clients send it.
    let nulls = x("[1,1]", "[1]").replace(
        "\"inputs\"",
        "\"id\":null,\"parameters\":null,\"outputs\":null,\"inputs\"",
    );
    assert_eq!(
        world.post("/v2/models/logarithm/infer", nulls).await.status,
        200
    );
    let failing = x("[3,1]", "[1,2,3]");
    let answer = world.post("/v2/models/reshape/infer", failing).await;
    assert_eq!(answer.status, 400);
    assert!(answer.error().contains("Reshape"), "{}", answer.error());
}

#[tokio::test]
async fn binary_parts_that_are_wrong_are_told() {
    let world = World::new().await;
    let head = |size: &str| json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 1], "parameters": {"binary_data_size": serde_json::from_str::<serde_json::Value>(size).unwrap()}}]});
    for (size, tail, length, expected) in [
        ("4", &[0; 3][..], None, "4, 3 bytes are there"),
        ("4", &[0; 5], None, "1 bytes are left over"),
        ("3", &[0; 3], None, "no whole number of FP32"),
        ("8", &[0; 8], None, "1 elements, 2 were given"),
        (
            "-4",
            &[0; 4],
            None,
            "parameters of input `x`: invalid value",
        ),
        ("1e30", &[0; 4], None, "valid"),
        ("18446744073709551615", &[0; 4], None, "bytes are there"),
        ("4", &[0; 4], Some("999999"), "says 999999 bytes of JSON"),
        ("4", &[0; 4], Some("5"), "valid"),
        ("4", &[0; 4], Some("-1"), "no length in bytes"),
        ("4", &[0; 4], Some("1x"), "no length in bytes"),
        (
            "4",
            &[0; 4],
            Some("99999999999999999999999"),
            "no length in bytes",
        ),
    ] {
        let (request, own) = body(&head(size), tail);
        let answer = world
            .call(
                "POST",
                "/v2/models/logarithm/infer",
                &[("inference-header-content-length", length.unwrap_or(&own))],
                request,
            )
            .await;
        assert_eq!(answer.status, 400, "{size} {length:?} {answer:?}");
        let error = answer.error();
        assert!(error.contains(expected), "{size} {length:?}: {error}");
    }
    // A text that says that it is four gigabytes long.
    let head = json!({"inputs": [{"name": "carrier", "datatype": "BYTES", "shape": [1, 1], "parameters": {"binary_data_size": 5}}]});
    let (request, length) = body(&head, &[255, 255, 255, 255, 1]);
    let answer = world
        .call(
            "POST",
            "/v2/models/flights/infer",
            &[("inference-header-content-length", &length)],
            request,
        )
        .await;
    assert!(
        answer.error().contains("no whole number of BYTES"),
        "{answer:?}"
    );
}

#[tokio::test]
async fn requests_that_are_wrong_around_the_body_are_told() {
    let world = World::new().await;
    for (headers, status, expected) in [
        (&[("content-encoding", "br")][..], 415, "`br` is not known"),
        (&[("content-encoding", "gzip")], 400, "cannot be unpacked"),
        (
            &[("x-trimtab-event-time", "soon")],
            400,
            "`soon` is not a time",
        ),
        (&[("x-trimtab-key", "")], 400, "1 to 512 bytes"),
    ] {
        let answer = world
            .call("POST", "/v2/models/flights/infer", headers, FLIGHTS)
            .await;
        assert_eq!(answer.status, status, "{headers:?} {answer:?}");
        assert!(answer.error().contains(expected), "{}", answer.error());
    }
    assert_eq!(world.get("/v2/models/flights/infer").await.status, 405);
    let unknown = world.post("/v2/models/none/infer", FLIGHTS).await;
    assert_eq!(unknown.status, 404);
    assert!(
        unknown
            .error()
            .starts_with("endpoint `none` does not exist"),
        "{unknown:?}"
    );
    let empty = world.post("/v2/models/empty/infer", FLIGHTS).await;
    assert_eq!(empty.status, 503);
    assert!(empty.error().contains("hint"), "{}", empty.error());

    let large = vec![b' '; (64 << 20) + 1];
    let answer = world.post("/v2/models/flights/infer", large.clone()).await;
    assert_eq!(answer.status, 413);
    assert!(answer.error().contains("larger than"), "{}", answer.error());
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut bomb, &large).unwrap();
    let answer = world
        .call(
            "POST",
            "/v2/models/flights/infer",
            &[("content-encoding", "gzip")],
            bomb.finish().unwrap(),
        )
        .await;
    assert_eq!(answer.status, 413);
}

/// A valid request of each protocol, with bytes changed, cut and put in.
fn damaged() -> impl Strategy<Value = (usize, Vec<u8>, String)> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..4_u8);
    (
        0..SEEDS.len(),
        prop::collection::vec(change, 1..8),
        any::<bool>(),
    )
        .prop_map(|(seed, changes, is_raw)| {
            let mut bytes = SEEDS[seed].2.as_bytes().to_vec();
            for (at, byte, kind) in changes {
                let at = at.index(bytes.len().max(1));
                match kind {
                    0 if at < bytes.len() => bytes[at] = byte,
                    1 => bytes.insert(at, byte),
                    2 => bytes.truncate(at),
                    _ => bytes.extend_from_within(at..),
                }
            }
            let length = if is_raw { 0 } else { bytes.len() / 2 };
            (seed, bytes, length.to_string())
        })
}

/// Path, content type, body.
const SEEDS: [(&str, &str, &str); 6] = [
    ("/v2/models/flights/infer", "application/json", FLIGHTS),
    (
        "/v2/models/matrix/infer",
        "application/octet-stream",
        r#"{"inputs":[{"name":"X","datatype":"FP32","shape":[1,4],"parameters":{"binary_data_size":16}}]}0123456789abcdef"#,
    ),
    (
        "/serve/flights/invocations",
        "application/json",
        r#"{"dataframe_split":{"columns":["carrier","origin","distance","temp"],"data":[["UA","EWR",500,10]]}}"#,
    ),
    (
        "/serve/flights/invocations",
        "application/json",
        r#"{"dataframe_records":[{"carrier":"UA","origin":"EWR","distance":500,"temp":null}]}"#,
    ),
    (
        "/serve/flights/invocations",
        "application/json",
        r#"{"instances":[{"carrier":"UA","origin":["EWR"],"distance":500,"temp":10}],"params":{"row_keys":["a"]}}"#,
    ),
    (
        "/serve/flights/invocations",
        "text/csv",
        "carrier,origin,distance,temp\nUA,EWR,500,10\n",
    ),
];

#[tokio::test]
async fn damaged_requests_are_answered_or_refused() {
    let world = World::new().await;
    // Deterministic, so that a failure here is a failure everywhere.
    let mut runner = TestRunner::deterministic();
    for _ in 0..2_000 {
        let (seed, bytes, length) = damaged().new_tree(&mut runner).unwrap().current();
        let (path, kind, _) = SEEDS[seed];
        let all = [
            ("content-type", kind),
            ("inference-header-content-length", &length),
        ];
        for headers in [&all[..1], &all] {
            let answer = world.call("POST", path, headers, bytes.clone()).await;
            assert!(
                answer.status == 200 || answer.status == 400,
                "{path} {length} {:?}\n{answer:?}",
                String::from_utf8_lossy(&bytes)
            );
        }
    }
}
