//! The console, embedded: hashed files are cached for ever, the page itself is asked for again each time.

use axum::{body::Body, response::Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use trimtab_edge::{Failure, Fallback, Route, Routes};

/// One file of the console.
struct File {
    path: &'static str,
    tag: &'static str,
    plain: &'static [u8],
    gzip: Option<&'static [u8]>,
}

include!(concat!(env!("OUT_DIR"), "/console.rs"));

/// Scripts and styles from here alone, no frames, no forms: the console needs nothing else. `blob:` images are
/// artifacts that it fetched with its token.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; \
     font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const ABSENT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Trimtab</title>\
<h1>Trimtab is running</h1>\
<p>This build has no console. To get one: <code>cargo xtask ui</code>, then build again (<code>make demo</code> does both).</p>\
<p>The API is at <a href=\"/api/v1/openapi.json\">/api/v1/openapi.json</a>, metrics are at <a href=\"/metrics\">/metrics</a>.</p></html>";

/// Answers a browser that asks for a page.
pub fn page() -> Fallback {
    Fallback::new(|parts: &Parts| {
        let answer = match find("index.html") {
            Some(file) => file_answer(file, &parts.headers, "no-cache"),
            None => plain_page(),
        };
        Some(if parts.method == Method::HEAD {
            answer.map(|_| Body::empty())
        } else {
            answer
        })
    })
}

/// The console's own files.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>(routes: Routes<S>) -> Routes<S> {
    routes
        .route(Route::public("/assets/{*path}", "console file"), asset)
        .route(Route::public("/favicon.svg", "console file"), root_file)
        .route(Route::public("/favicon.ico", "console file"), root_file)
        .route(Route::public("/robots.txt", "console file"), robots)
}

async fn asset(request: axum::extract::Request) -> Result<Response, Failure> {
    serve(&request, "public, max-age=31536000, immutable")
}

async fn root_file(request: axum::extract::Request) -> Result<Response, Failure> {
    serve(&request, "public, max-age=3600")
}

async fn robots() -> &'static str {
    "User-agent: *\nDisallow: /\n"
}

fn serve(request: &axum::extract::Request, cache: &'static str) -> Result<Response, Failure> {
    let path = request.uri().path().trim_start_matches('/');
    let file =
        find(path).ok_or_else(|| Failure::not_found(format!("the console has no file {path}")))?;
    Ok(file_answer(file, request.headers(), cache))
}

fn find(path: &str) -> Option<&'static File> {
    FILES
        .binary_search_by(|file| file.path.cmp(path))
        .ok()
        .map(|index| &FILES[index])
}

fn file_answer(file: &'static File, asked: &HeaderMap, cache: &'static str) -> Response {
    let is_known = asked
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| tag == file.tag);
    let takes_gzip = asked
        .get(header::ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.contains("gzip"));
    let (body, is_packed) = match (takes_gzip, file.gzip) {
        (true, Some(packed)) => (packed, true),
        (true | false, _) => (file.plain, false),
    };
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(Bytes::from_static(body)))
    };
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, media_type(file.path));
    set(headers, header::CACHE_CONTROL, cache);
    set(headers, header::ETAG, file.tag);
    set(headers, header::VARY, "accept-encoding");
    if is_packed {
        set(headers, header::CONTENT_ENCODING, "gzip");
    }
    guard(headers);
    response
}

fn plain_page() -> Response {
    let mut response = Response::new(Body::from(ABSENT));
    let headers = response.headers_mut();
    set(headers, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(headers, header::CACHE_CONTROL, "no-cache");
    guard(headers);
    response
}

fn guard(headers: &mut HeaderMap) {
    set(headers, header::CONTENT_SECURITY_POLICY, POLICY);
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(headers, header::REFERRER_POLICY, "no-referrer");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, suffix)| suffix) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" | "map" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
