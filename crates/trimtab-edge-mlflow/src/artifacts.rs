//! Artifacts: through the proxy by path, by run, by model version.

use std::io;

use axum::{
    body::Body,
    extract::{RawQuery, Request, State},
    response::Response,
};
use bytes::Bytes;
use futures::TryStreamExt;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_tracking::{ArtifactListing, ArtifactPath, ArtifactPlace};
use trimtab_types::Scope;

use crate::{
    Services,
    input::Input,
    refusal::Refusal,
    source,
    wire::{self, Answer, Json},
};

/// The path behind a route's prefix, its percent signs decoded once.
fn path_of(uri: &http::Uri) -> Result<ArtifactPath, Refusal> {
    path_behind(uri, "/mlflow-artifacts/artifacts/")
}

/// The path behind some words of the URL.
pub(crate) fn path_behind(uri: &http::Uri, mark: &str) -> Result<ArtifactPath, Refusal> {
    let raw = uri.path();
    let rest = raw
        .find(mark)
        .map(|at| &raw[at + mark.len()..])
        .unwrap_or_default();
    let text = percent_encoding::percent_decode_str(rest)
        .decode_utf8()
        .map_err(|_| Refusal::invalid("path", "Invalid path"))?;
    Ok(ArtifactPath::parse(&text)?)
}

pub(crate) async fn upload(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Result<StatusCode, Refusal> {
    let path = path_of(request.uri())?;
    let stream = request
        .into_body()
        .into_data_stream()
        .map_err(io::Error::other);
    services
        .tracking
        .artifact_put(&scope, &path, stream)
        .await?;
    Ok(StatusCode::OK)
}

pub(crate) async fn download(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Result<Response, Refusal> {
    let path = path_of(request.uri())?;
    let place = ArtifactPlace::Own(path);
    file(&services, &scope, &place, request.headers()).await
}

pub(crate) async fn remove(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let path = path_of(request.uri())?;
    services.tracking.artifact_delete(&scope, &path).await?;
    Ok(wire::nothing())
}

/// Files by path, each below `from`.
fn files(listing: &ArtifactListing, from: &ArtifactPath) -> Value {
    listing
        .entries
        .iter()
        .map(|entry| {
            let path = from.join(&entry.path);
            match entry.size {
                Some(size) => json!({ "path": path.as_str(), "is_dir": false, "file_size": size }),
                None => json!({ "path": path.as_str(), "is_dir": true }),
            }
        })
        .collect()
}

pub(crate) async fn list(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let folder = ArtifactPath::parse(
        input
            .text("path")?
            .unwrap_or_default()
            .trim_start_matches('/'),
    )?;
    let place = ArtifactPlace::Own(folder);
    let listing = services
        .tracking
        .artifact_list_place(&scope, &place)
        .await?;
    let names = files(&listing, &ArtifactPath::root());
    Ok(Json(wire::object([("files", names)])))
}

/// The root of a run's artifacts.
async fn run_root(
    services: &Services,
    scope: &Scope,
    input: &Input,
) -> Result<(String, ArtifactPlace), Refusal> {
    let run = services.tracking.get_run(scope, input.run()?).await?;
    let root = services
        .tracking
        .artifact_place(scope, &run.artifact_uri)
        .await?;
    Ok((run.artifact_uri, root))
}

/// The root of a logged model's artifacts.
async fn model_root(
    services: &Services,
    scope: &Scope,
    input: &Input,
) -> Result<(String, ArtifactPlace), Refusal> {
    let model = services
        .tracking
        .get_logged_model(scope, input.logged_model()?)
        .await?;
    let root = services
        .tracking
        .artifact_place(scope, &model.artifact_uri)
        .await?;
    Ok((model.artifact_uri, root))
}

async fn list_below(
    services: &Services,
    scope: &Scope,
    (uri, root): (String, ArtifactPlace),
    below: &ArtifactPath,
) -> Answer {
    let listing = services
        .tracking
        .artifact_list_place(scope, &root.join(below))
        .await?;
    Ok(Json(wire::object([
        ("root_uri", uri.into()),
        ("files", files(&listing, below)),
    ])))
}

/// What stands in a folder of a run; paths are relative to the run's root.
pub(crate) async fn list_run(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let below = ArtifactPath::parse(&input.text("path")?.unwrap_or_default())?;
    let root = run_root(&services, &scope, &input).await?;
    list_below(&services, &scope, root, &below).await
}

/// What stands in a folder of a logged model; paths are relative to its root.
pub(crate) async fn list_logged_model(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    input: Input,
) -> Answer {
    let below = ArtifactPath::parse(&input.text("artifact_directory_path")?.unwrap_or_default())?;
    let root = model_root(&services, &scope, &input).await?;
    list_below(&services, &scope, root, &below).await
}

/// A file of a run, for a browser.
pub(crate) async fn get_of_run(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    input: Input,
) -> Result<Response, Refusal> {
    let path = ArtifactPath::parse(&input.required("path")?)?;
    let (_, root) = run_root(&services, &scope, &input).await?;
    file(&services, &scope, &root.join(&path), &headers).await
}

/// A file of a logged model, for a browser.
pub(crate) async fn get_of_logged_model(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    input: Input,
) -> Result<Response, Refusal> {
    let path = ArtifactPath::parse(&input.required("artifact_file_path")?)?;
    let (_, root) = model_root(&services, &scope, &input).await?;
    file(&services, &scope, &root.join(&path), &headers).await
}

/// A file of a model version, for a browser.
pub(crate) async fn get_of_version(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    headers: HeaderMap,
    input: Input,
) -> Result<Response, Refusal> {
    let path = ArtifactPath::parse(&input.required("path")?)?;
    let name = input.required("name")?;
    let version = crate::versions::number(&input, "version")?;
    let version = services
        .registry
        .get_version(&scope, &name, version)
        .await?;
    let uri = source::download_uri(&services, &scope, &version).await?;
    let root = services.tracking.artifact_place(&scope, &uri).await?;
    file(&services, &scope, &root.join(&path), &headers).await
}

/// The most bytes that MLflow's UI may add to a run at once.
const FROM_BROWSER: usize = 10 << 20;

/// Adds a file to a run, as MLflow's UI does.
pub(crate) async fn upload_of_run(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    RawQuery(query): RawQuery,
    body: Bytes,
) -> Answer {
    let input = Input::of_query(&query.unwrap_or_default())?;
    for field in ["run_uuid", "path"] {
        if input.text(field)?.is_none_or(|text| text.is_empty()) {
            let message = format!("Request must specify {field}.");
            return Err(Refusal::invalid(field, message));
        }
    }
    let path = ArtifactPath::parse(&input.required("path")?)?;
    if body.is_empty() {
        return Err(Refusal::invalid("body", "Request must specify data."));
    }
    if body.len() > FROM_BROWSER {
        return Err(Refusal::invalid(
            "body",
            "Artifact size is too large. Max size is 10MB.",
        ));
    }
    let (uri, root) = run_root(&services, &scope, &input).await?;
    let ArtifactPlace::Own(root) = root else {
        return Err(Refusal::unsupported(format!(
            "artifacts at {uri} are not kept by this server: they are only read"
        )));
    };
    let stream = futures::stream::once(std::future::ready(Ok::<_, io::Error>(body)));
    services
        .tracking
        .artifact_put(&scope, &root.join(&path), stream)
        .await?;
    Ok(wire::nothing())
}

/// What a range header asks of a file of this size; `None` is the whole file, `Err` what cannot be given.
fn range_of(headers: &HeaderMap, size: u64) -> Result<Option<std::ops::Range<u64>>, Refusal> {
    let Some(text) = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.strip_prefix("bytes="))
    else {
        return Ok(None);
    };
    // Several ranges at once may be answered with the whole file.
    let Some((from, to)) = text.split_once('-').filter(|(_, to)| !to.contains(',')) else {
        return Ok(None);
    };
    let range = match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), Ok(to)) => from..to.saturating_add(1).min(size),
        (Ok(from), Err(_)) if to.trim().is_empty() => from..size,
        (Err(_), Ok(last)) if from.trim().is_empty() => size.saturating_sub(last)..size,
        _ => return Ok(None),
    };
    if range.start >= range.end {
        let mut refusal = Refusal::invalid(
            "range",
            format!("the range is not inside a file of {size} bytes"),
        );
        refusal.0 = refusal.0.with_status(StatusCode::RANGE_NOT_SATISFIABLE);
        return Err(refusal);
    }
    Ok(Some(range))
}

/// The content type by suffix. Whatever a browser would run goes out as bytes to be saved.
fn content_type(path: &str) -> &'static str {
    let suffix = path.rsplit_once('.').map_or("", |(_, suffix)| suffix);
    match suffix.to_ascii_lowercase().as_str() {
        "json" => "application/json",
        "txt" | "log" | "md" | "yaml" | "yml" | "mlmodel" | "py" | "cfg" | "ini" | "toml" => {
            "text/plain; charset=utf-8"
        }
        "csv" => "text/csv; charset=utf-8",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "pdf" => "application/pdf",
        _ if path.ends_with("MLmodel") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Answers a file, or the part of it that was asked for.
pub(crate) async fn file(
    services: &Services,
    scope: &Scope,
    place: &ArtifactPlace,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let (ArtifactPlace::Own(path) | ArtifactPlace::Foreign { below: path, .. }) = place;
    let found = services.tracking.artifact_file(scope, place).await?;
    let range = range_of(headers, found.size())?;
    let is_part = range.is_some();
    let range = range.unwrap_or(0..found.size());
    let content_range = format!(
        "bytes {}-{}/{}",
        range.start,
        range.end.saturating_sub(1),
        found.size()
    );
    let body = services
        .tracking
        .artifact_file_range(scope, &found, range)
        .await?;
    let length = body.size();
    let mut response = Response::new(Body::from_stream(body));
    let name = path.as_str().rsplit('/').next().unwrap_or_default();
    let encoded = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    let disposition = format!("attachment; filename*=UTF-8''{encoded}");
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(content_type(path.as_str())),
    );
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(hash) = found.blake3()
        && let Ok(value) = HeaderValue::try_from(format!("\"{hash}\""))
    {
        headers.insert(header::ETAG, value);
    }
    if is_part {
        if let Ok(value) = HeaderValue::try_from(content_range) {
            headers.insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_browsers_write_them() {
        let ask = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, text.parse().unwrap());
            range_of(&headers, 10)
        };
        assert_eq!(ask("bytes=0-3").unwrap(), Some(0..4));
        assert_eq!(ask("bytes=4-").unwrap(), Some(4..10));
        assert_eq!(ask("bytes=-3").unwrap(), Some(7..10));
        assert_eq!(ask("bytes=8-99").unwrap(), Some(8..10));
        for whole in ["bytes=0-1,3-4", "bytes=x-y", "items=0-3"] {
            assert_eq!(ask(whole).unwrap(), None, "{whole}");
        }
        for bad in ["bytes=10-", "bytes=5-4"] {
            assert_eq!(ask(bad).unwrap_err().0.http_status(), 416, "{bad}");
        }
    }
}
