//! Uploads in parts and signed URLs, as the stock client uses them with object stores: here the store is this server,
//! and the word in the URL is the right to one transfer.

use std::io;

use axum::{
    extract::{Path, Request, State},
    response::{IntoResponse, Response},
};
use futures::TryStreamExt;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use trimtab_edge::CallScope;
use trimtab_tracking::{ArtifactPath, ArtifactPlace, Errand};
use trimtab_types::{Duration, Scope};

use crate::{
    Services,
    artifacts::{self, path_behind},
    input::Input,
    refusal::Refusal,
    wire::{self, Answer, Json},
};

/// How long a signed URL is good when nobody says otherwise.
const LIFE_S: i64 = 900;
/// The longest that one may be good: a week.
const LONGEST_S: i64 = 604_800;

/// The address by which the caller reached us, for URLs that it will call.
fn base(headers: &HeaderMap, uri: &http::Uri) -> Result<String, Refusal> {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| uri.authority().map(http::uri::Authority::as_str))
        .ok_or_else(|| Refusal::invalid("host", "The request names no host"))?;
    // Only the caller itself reads the answer: a wrong word here harms nobody else.
    let is_tls = headers
        .get("x-forwarded-proto")
        .is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let scheme = if is_tls { "https" } else { "http" };
    Ok(format!("{scheme}://{host}/api/2.0/mlflow-artifacts"))
}

/// The file that an upload in parts makes: the URL names its folder, the body the client's own path of it.
fn target(uri: &http::Uri, mark: &str, input: &Input) -> Result<ArtifactPath, Refusal> {
    let folder = path_behind(uri, mark)?;
    let local = input.required("path")?;
    let name = local.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::invalid("path", "Invalid path"));
    }
    Ok(folder.join(&ArtifactPath::parse(name)?))
}

async fn body(request: Request) -> Result<(http::request::Parts, Input), Refusal> {
    let (parts, body) = request.into_parts();
    let bytes = axum::body::to_bytes(body, 16 << 20)
        .await
        .map_err(|_| Refusal::invalid("body", "The body cannot be read"))?;
    Ok((parts, Input::of_body(&bytes)?))
}

pub(crate) async fn create(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let (head, input) = body(request).await?;
    let path = target(&head.uri, "/mlflow-artifacts/mpu/create/", &input)?;
    let parts = input.integer("num_parts")?.unwrap_or(1);
    // What is no number of parts is refused by its value.
    let parts = u32::try_from(parts).unwrap_or(0);
    let upload = services.tracking.begin_upload(&scope, &path, parts).await?;
    let base = base(&head.headers, &head.uri)?;
    let credentials: Vec<Value> = upload
        .parts
        .iter()
        .zip(1..)
        .map(|(ticket, number)| {
            json!({ "url": format!("{base}/part/{ticket}"), "part_number": number, "headers": {} })
        })
        .collect();
    Ok(Json(
        json!({ "upload_id": upload.id, "credentials": credentials }),
    ))
}

pub(crate) async fn complete(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let (head, input) = body(request).await?;
    let path = target(&head.uri, "/mlflow-artifacts/mpu/complete/", &input)?;
    let upload = input.required("upload_id")?;
    let mut parts = Vec::new();
    for part in input.objects("parts")? {
        let number = part.integer("part_number")?.unwrap_or_default();
        let number = u32::try_from(number)
            .map_err(|_| Refusal::invalid("part_number", "Invalid part_number"))?;
        let etag = part.text("etag")?.filter(|etag| !etag.is_empty());
        parts.push((number, etag.map(|etag| etag.trim_matches('"').to_owned())));
    }
    parts.sort();
    services
        .tracking
        .complete_upload(&scope, &upload, &path, parts)
        .await?;
    Ok(wire::nothing())
}

pub(crate) async fn abort(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let (head, input) = body(request).await?;
    let path = target(&head.uri, "/mlflow-artifacts/mpu/abort/", &input)?;
    let upload = input.required("upload_id")?;
    services
        .tracking
        .abort_upload(&scope, &upload, &path)
        .await?;
    Ok(wire::nothing())
}

/// One part, by whoever bears its ticket.
pub(crate) async fn part(
    State(services): State<Services>,
    Path(ticket): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let ticket = services.tracking.read_ticket(&ticket, Errand::Part)?;
    let stream = request
        .into_body()
        .into_data_stream()
        .map_err(io::Error::other);
    let hash = services.tracking.upload_part(&ticket, stream).await?;
    Ok((StatusCode::OK, [(header::ETAG, format!("\"{hash}\""))]).into_response())
}

/// A file in place of what is at its path, by whoever bears its ticket.
pub(crate) async fn signed_put(
    State(services): State<Services>,
    Path(ticket): Path<String>,
    request: Request,
) -> Result<Response, Refusal> {
    let ticket = services.tracking.read_ticket(&ticket, Errand::Put)?;
    let stream = request
        .into_body()
        .into_data_stream()
        .map_err(io::Error::other);
    let blob = services
        .tracking
        .artifact_put(&ticket.scope()?, &ticket.path()?, stream)
        .await?;
    let etag = [(header::ETAG, format!("\"{}\"", blob.blake3))];
    Ok((StatusCode::OK, etag).into_response())
}

/// A file, by whoever bears its ticket.
pub(crate) async fn signed_get(
    State(services): State<Services>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let ticket = services.tracking.read_ticket(&ticket, Errand::Get)?;
    let place = ArtifactPlace::Own(ticket.path()?);
    artifacts::file(&services, &ticket.scope()?, &place, &headers).await
}

/// A signed URL to download a file of the tree.
pub(crate) async fn presign(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let path = path_behind(request.uri(), "/mlflow-artifacts/presigned/")?;
    let base = base(request.headers(), request.uri())?;
    let (url, size) = download(&services, &scope, &path, LIFE_S, &base).await?;
    Ok(Json(
        json!({ "url": url, "headers": {}, "file_size": size }),
    ))
}

async fn download(
    services: &Services,
    scope: &Scope,
    path: &ArtifactPath,
    life_s: i64,
    base: &str,
) -> Result<(String, u64), Refusal> {
    let place = ArtifactPlace::Own(path.clone());
    let size = services.tracking.artifact_file(scope, &place).await?.size();
    let life = Duration::from_secs(life_s);
    let ticket = services
        .tracking
        .artifact_ticket(scope, Errand::Get, path, life)?;
    Ok((format!("{base}/signed/{ticket}"), size))
}

fn life(input: &Input) -> Result<i64, Refusal> {
    let life = input.integer("expiration")?.unwrap_or(LIFE_S);
    if (1..=LONGEST_S).contains(&life) {
        return Ok(life);
    }
    Err(Refusal::invalid(
        "expiration",
        format!("expiration must be between 1 and {LONGEST_S} seconds (got {life})."),
    ))
}

/// The file of a run or a logged model that a signed URL is asked for.
async fn file_of(
    services: &Services,
    scope: &Scope,
    input: &Input,
) -> Result<ArtifactPath, Refusal> {
    let given = |field| -> Result<bool, Refusal> {
        Ok(input.text(field)?.is_some_and(|text| !text.is_empty()))
    };
    if given("run_id")? == given("model_id")? {
        return Err(Refusal::invalid(
            "run_id",
            "Exactly one of run_id and model_id must be provided.",
        ));
    }
    let path = ArtifactPath::parse(&input.required("path")?)?;
    let uri = if given("run_id")? {
        let run = services.tracking.get_run(scope, input.run()?).await?;
        run.artifact_uri
    } else {
        let id = input.logged_model()?;
        services
            .tracking
            .get_logged_model(scope, id)
            .await?
            .artifact_uri
    };
    let root = services.tracking.artifact_path(scope, &uri).await?;
    Ok(root.join(&path))
}

/// A signed URL to upload a file of a run or a logged model.
pub(crate) async fn presign_upload(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let (head, input) = body(request).await?;
    let path = file_of(&services, &scope, &input).await?;
    let life = Duration::from_secs(life(&input)?);
    let ticket = services
        .tracking
        .artifact_ticket(&scope, Errand::Put, &path, life)?;
    let base = base(&head.headers, &head.uri)?;
    Ok(Json(
        json!({ "presigned_url": format!("{base}/signed/{ticket}"), "headers": {} }),
    ))
}

/// A signed URL to download a file of a run or a logged model.
pub(crate) async fn presign_download(
    State(services): State<Services>,
    CallScope(scope): CallScope,
    request: Request,
) -> Answer {
    let (head, input) = body(request).await?;
    let path = file_of(&services, &scope, &input).await?;
    let base = base(&head.headers, &head.uri)?;
    let (url, size) = download(&services, &scope, &path, life(&input)?, &base).await?;
    Ok(Json(
        json!({ "presigned_url": url, "headers": {}, "file_size": size }),
    ))
}
