//! A store that speaks as much of S3 as a reader needs, and checks each signature as AWS describes it (Signature
//! Version 4): <https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>. It takes nothing in by
//! HTTP, so that whoever writes to it is found out.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::Path,
    sync::{Arc, Mutex},
};

use axum::{
    body::Body,
    extract::{Request, State},
    response::Response,
};
use hmac::{Hmac, KeyInit, Mac};
use http::{StatusCode, header};
use sha2::{Digest, Sha256};

pub(super) const KEY: &str = "AKIDTEST";
pub(super) const SECRET: &str = "a/secret+of=ours";
pub(super) const REGION: &str = "eu-west-3";
/// A bucket that the key may not look into.
pub(super) const CLOSED: &str = "closed-bucket";
/// How many keys a page of a listing names.
const PAGE: usize = 3;

/// Objects by bucket and key.
#[derive(Default)]
struct Store {
    buckets: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// What was asked: the method and the path.
    asked: Vec<(String, String)>,
}

/// A running one.
#[derive(Clone)]
pub(super) struct Double {
    store: Arc<Mutex<Store>>,
    pub(super) url: String,
}

impl Double {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let double = Self {
            store: Arc::default(),
            url,
        };
        double.bucket(CLOSED);
        let router = axum::Router::new()
            .fallback(answer)
            .with_state(double.clone());
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move { axum::serve(listener, router).await.unwrap() });
        // It answers until the test's runtime ends.
        task.detach_all();
        double
    }

    pub(super) fn bucket(&self, name: &str) {
        let mut store = self.store.lock().unwrap();
        store.buckets.entry(name.to_owned()).or_default();
    }

    pub(super) fn put(&self, bucket: &str, key: &str, content: &[u8]) {
        let mut store = self.store.lock().unwrap();
        let objects = store.buckets.entry(bucket.to_owned()).or_default();
        objects.insert(key.to_owned(), content.to_vec());
    }

    /// Every file below a folder, by its path behind the prefix.
    pub(super) fn put_folder(&self, bucket: &str, prefix: &str, folder: &Path) -> usize {
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let key = format!("{prefix}/{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                count += self.put_folder(bucket, &key, &path);
            } else {
                self.put(bucket, &key, &std::fs::read(&path).unwrap());
                count += 1;
            }
        }
        count
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut self.store.lock().unwrap().asked)
    }

    /// The environment of a process that reads it.
    pub(super) fn variables(&self) -> Vec<(&str, &str)> {
        vec![
            ("MLFLOW_S3_ENDPOINT_URL", &self.url),
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_DEFAULT_REGION", REGION),
        ]
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (decoded(key), decoded(&value.replace('+', " "))))
}

/// As AWS encodes what is signed: all but unreserved characters.
fn encoded(text: &str) -> String {
    const RESERVED: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'_')
        .remove(b'.')
        .remove(b'~');
    percent_encoding::utf8_percent_encode(text, RESERVED).to_string()
}

fn refusal(status: StatusCode, code: &str) -> Response {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    Response::builder()
        .status(status)
        .body(Body::from(body))
        .unwrap()
}

async fn answer(State(double): State<Double>, request: Request) -> Response {
    let mut store = double.store.lock().unwrap();
    let path = decoded(request.uri().path());
    store
        .asked
        .push((request.method().to_string(), path.clone()));
    if !is_signed(&request) {
        return refusal(StatusCode::FORBIDDEN, "SignatureDoesNotMatch");
    }
    let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    if bucket == CLOSED {
        return refusal(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let Some(objects) = store.buckets.get(bucket) else {
        return refusal(StatusCode::NOT_FOUND, "NoSuchBucket");
    };
    if key.is_empty() {
        return list(objects, request.uri().query().unwrap_or_default());
    }
    let Some(content) = objects.get(key) else {
        return refusal(StatusCode::NOT_FOUND, "NoSuchKey");
    };
    object(content, &request)
}

fn object(content: &[u8], request: &Request) -> Response {
    let size = content.len();
    let range = request.headers().get(header::RANGE).map(|range| {
        let range = range.to_str().unwrap().strip_prefix("bytes=").unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let to: usize = to.parse().unwrap();
        (from.parse::<usize>().unwrap(), to.min(size - 1))
    });
    let mut response = Response::builder()
        .header(header::LAST_MODIFIED, "Tue, 01 Dec 2026 00:00:00 GMT")
        .header(header::ETAG, "\"1\"");
    let part = match range {
        Some((from, to)) => {
            response = response
                .status(StatusCode::PARTIAL_CONTENT)
                .header(header::CONTENT_RANGE, format!("bytes {from}-{to}/{size}"));
            &content[from..=to]
        }
        None => content,
    };
    response = response.header(header::CONTENT_LENGTH, part.len());
    let is_head = request.method() == http::Method::HEAD;
    let body = if is_head { Vec::new() } else { part.to_vec() };
    response.body(Body::from(body)).unwrap()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// `ListObjectsV2`; a token is the last key or folder of the page before.
fn list(objects: &BTreeMap<String, Vec<u8>>, query: &str) -> Response {
    let query: BTreeMap<String, String> = pairs(query).collect();
    let word = |key: &str| query.get(key).map(String::as_str).unwrap_or_default();
    assert_eq!(word("list-type"), "2");
    let (prefix, after) = (word("prefix"), word("continuation-token"));
    let most = word("max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let mut xml = String::new();
    let mut names: Vec<String> = Vec::new();
    let mut is_cut = false;
    for (key, content) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        let folder = key[prefix.len()..]
            .split_once('/')
            .filter(|_| word("delimiter") == "/")
            .map(|(first, _)| format!("{prefix}{first}/"));
        let name = folder.clone().unwrap_or_else(|| key.clone());
        if (!after.is_empty() && name.as_str() <= after) || names.last() == Some(&name) {
            continue;
        }
        if names.len() == most {
            is_cut = true;
            break;
        }
        let shown = escaped(&name);
        let size = content.len();
        match folder {
            Some(_) => write!(xml, "<CommonPrefixes><Prefix>{shown}</Prefix></CommonPrefixes>"),
            None => write!(
                xml,
                "<Contents><Key>{shown}</Key><Size>{size}</Size><ETag>1</ETag><LastModified>2026-12-01T00:00:00.000Z</LastModified></Contents>"
            ),
        }
        .unwrap();
        names.push(name);
    }
    let next = names
        .last()
        .filter(|_| is_cut)
        .map_or_else(String::new, |name| {
            let name = escaped(name);
            format!("<NextContinuationToken>{name}</NextContinuationToken>")
        });
    let body = format!(
        "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>{is_cut}</IsTruncated>{next}{xml}</ListBucketResult>"
    );
    Response::new(Body::from(body))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// Whether the request was signed with our secret for our region.
fn is_signed(request: &Request) -> bool {
    let header = |name: &str| {
        let value = request.headers().get(name)?;
        value.to_str().ok()
    };
    let Some(authorization) =
        header("authorization").and_then(|text| text.strip_prefix("AWS4-HMAC-SHA256 "))
    else {
        return false;
    };
    let part = |name: &str| {
        let parts = authorization.split(',').map(str::trim);
        parts
            .filter_map(|part| part.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .unwrap_or_default()
    };
    let (date, signed) = (header("x-amz-date").unwrap(), part("SignedHeaders"));
    let day = &date[..8];
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    if part("Credential") != format!("{KEY}/{scope}") {
        return false;
    }
    let mut query: Vec<String> = pairs(request.uri().query().unwrap_or_default())
        .map(|(key, value)| format!("{}={}", encoded(&key), encoded(&value)))
        .collect();
    query.sort_unstable();
    let mut canonical = format!(
        "{}\n{}\n{}\n",
        request.method(),
        request.uri().path(),
        query.join("&")
    );
    for name in signed.split(';') {
        writeln!(canonical, "{name}:{}", header(name).unwrap().trim()).unwrap();
    }
    let payload = header("x-amz-content-sha256").unwrap();
    write!(canonical, "\n{signed}\n{payload}").unwrap();
    let hashed = hex::encode(Sha256::digest(canonical.as_bytes()));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in [day, REGION, "s3", "aws4_request"] {
        key = hmac(&key, step);
    }
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hashed}");
    hex::encode(hmac(&key, &text)) == part("Signature")
}
