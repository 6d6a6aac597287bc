//! What every request passes: the look-up in the table, the checks against other sites, authentication, the
//! limit on its body; and on the way out the protocol's shape, the request id, the log line and the count.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use futures::FutureExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use trimtab_access::{Access, AuditEntry, Credentials, Resource};
use trimtab_telemetry::Tasks;
use trimtab_types::{ErrorCode, Scope, Verb};

use crate::{
    AuditObject, BodyLimit, CallScope, Edge, Failure, Fallback, Gate, HostPolicy, RequestId, Route,
    Table, edge_of, grpc, metrics::EdgeMetrics, paths::is_protocol_path, request, shape,
};

/// Texts longer than this are no refusals of extractors.
const REFUSAL: usize = 64 << 10;

#[derive(Debug)]
pub(crate) struct Guard {
    pub(crate) access: Access,
    pub(crate) metrics: EdgeMetrics,
    pub(crate) tasks: Tasks,
    pub(crate) host: HostPolicy,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) table: Table,
    pub(crate) mounted: Vec<Edge>,
}

/// The one middleware.
pub(crate) async fn guard(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = RequestId::of(request.headers());
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let row = request
        .extensions()
        .get::<MatchedPath>()
        .and_then(|pattern| guard.table.find(&method, pattern.as_str()));
    let edge = row.map_or_else(|| edge_of(&path, &guard.mounted), |(edge, _)| *edge);
    let (response, scope) = match admit(&guard, row.map(|(_, route)| route), request).await {
        Ok((request, scope)) => (run(&guard, request, next).await, scope),
        Err(refused) => (refused.response, refused.scope),
    };
    let about = response.extensions().get::<AuditObject>().cloned();
    // Whoever reads the log could use a ticket as its bearer does.
    let path = match row {
        Some((_, route)) if route.path.contains("{ticket}") => route.path.to_owned(),
        _ => path,
    };
    let reason = response
        .extensions()
        .get::<Failure>()
        .map(|failure| failure.message.clone());
    let (mut response, status) = shaped(edge, response, &id).await;
    guard
        .metrics
        .count(edge, status, started.elapsed().as_secs_f64());
    let principal = scope.as_ref().map_or("-", |scope| &scope.principal.name);
    if status >= 500 {
        let reason = reason.as_deref().unwrap_or("it was not said");
        tracing::warn!(%method, path, status, principal, request_id = %id.0, reason, "request failed");
    } else {
        tracing::debug!(
            target: "access", %method, path, status, principal, request_id = %id.0,
            micros = started.elapsed().as_micros(), "request"
        );
    }
    if let (Some(scope), Some((_, route))) = (scope, row)
        && matches!(route.gate, Gate::Needs(Verb::Operate | Verb::Admin))
        && route.method != Method::GET
    {
        let action = format!("{method} {}", route.path);
        let object = match about {
            Some(AuditObject(about)) => format!("{path}: {about}"),
            None => path,
        };
        audit(&guard, &scope, action, route.resource, object, status, &id).await;
    }
    harden(response.headers_mut());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    response
}

/// A request that goes no further.
struct Refused {
    response: Response,
    scope: Option<Scope>,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self {
            response: axum::response::IntoResponse::into_response(failure),
            scope: None,
        }
    }
}

async fn admit(
    guard: &Guard,
    route: Option<&Route>,
    request: Request,
) -> Result<(Request, Option<Scope>), Refused> {
    check_site(&guard.host, &request)?;
    let Some(route) = route else {
        return Err(unknown(guard, request));
    };
    let mut request = limited(request, route.body_limit)?;
    let Gate::Needs(verb) = route.gate else {
        return Ok((request, None));
    };
    let credentials = Credentials {
        token: request::token(request.headers()),
        workspace: request::workspace(request.headers()),
    };
    let scope = guard
        .access
        .authenticate(&credentials)
        .await
        .map_err(Failure::from)?;
    if let Err(denied) = guard
        .access
        .require(&scope, verb, Resource::any(route.resource))
    {
        return Err(Refused {
            scope: Some(scope),
            ..Failure::from(denied).into()
        });
    }
    request.extensions_mut().insert(CallScope(scope.clone()));
    Ok((request, Some(scope)))
}

/// No row: a method that a known path does not have, a page of the console, or nothing at all.
fn unknown(guard: &Guard, request: Request) -> Refused {
    let path = request.uri().path().to_owned();
    if let Some(pattern) = request.extensions().get::<MatchedPath>() {
        let method = request.method();
        let mut refused = Refused::from(
            Failure::new(
                ErrorCode::Unsupported,
                format!("{path} does not answer {method}"),
            )
            .with_status(StatusCode::METHOD_NOT_ALLOWED),
        );
        if let Ok(allowed) = HeaderValue::from_str(&guard.table.allowed(pattern.as_str())) {
            refused
                .response
                .headers_mut()
                .insert(header::ALLOW, allowed);
        }
        return refused;
    }
    if grpc::is_grpc(request.headers()) {
        let failure = Failure::new(ErrorCode::Unsupported, format!("there is no method {path}"));
        return Refused {
            response: grpc::refusal(&failure),
            scope: None,
        };
    }
    let is_page = matches!(*request.method(), Method::GET | Method::HEAD)
        && !is_protocol_path(&path)
        && accepts_html(request.headers());
    let (parts, _) = request.into_parts();
    if is_page
        && let Some(fallback) = &guard.fallback
        && let Some(response) = fallback.answer(&parts)
    {
        return Refused {
            response,
            scope: None,
        };
    }
    let edge = edge_of(&path, &guard.mounted);
    Failure::not_found(format!("there is no {} path {path}", word(edge)))
        .with_status(StatusCode::NOT_FOUND)
        .into()
}

fn word(edge: Edge) -> &'static str {
    match edge {
        Edge::Mlflow => "MLflow API",
        Edge::Oip | Edge::Grpc => "inference",
        Edge::Scoring => "scoring",
        Edge::Api => "API",
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.contains("text/html"))
}

/// Refuses what a page of another site makes a browser send.
fn check_site(policy: &HostPolicy, request: &Request) -> Result<(), Failure> {
    let headers = request.headers();
    let authority = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    // On other addresses whoever lists names means them; an address in place of a name is nobody's rebinding.
    if (policy.loopback_only || !policy.allowed.is_empty())
        && let Some(authority) = authority
    {
        let host = host_of(authority);
        let is_known = is_loopback_name(host)
            || (!policy.loopback_only && host.parse::<std::net::IpAddr>().is_ok())
            || policy
                .allowed
                .iter()
                .any(|allowed| allowed.eq_ignore_ascii_case(host));
        if !is_known {
            return Err(Failure::new(
                ErrorCode::Denied,
                format!("this server does not answer to the name `{host}`"),
            )
            .hint("call it by 127.0.0.1 or localhost, or list the name in `allowed_hosts` of trimtab.toml"));
        }
    }
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if is_safe {
        return Ok(());
    }
    let origin = headers
        .get(header::ORIGIN)
        .and_then(|value| value.to_str().ok());
    let is_other_site = match origin {
        Some(origin) => {
            let own = origin.split_once("://").map(|(_, authority)| authority);
            let is_own = own.is_some() && own == authority;
            !is_own && !policy.origins.iter().any(|allowed| allowed == origin)
        }
        None => headers
            .get("sec-fetch-site")
            .is_some_and(|value| value == "cross-site"),
    };
    if is_other_site {
        return Err(Failure::new(
            ErrorCode::Denied,
            "requests made by pages of another site are refused",
        )
        .hint("list the page's origin in `allowed_origins` of trimtab.toml"));
    }
    Ok(())
}

/// No browser guesses a type, or shows an answer inside a page of another site; a handler that says more is heard.
fn harden(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ] {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    }
}

/// The name in `name`, `name:port`, `[::1]:port`.
fn host_of(authority: &str) -> &str {
    match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => authority
            .rsplit_once(':')
            .map_or(authority, |(host, _)| host),
    }
}

fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

fn limited(request: Request, limit: BodyLimit) -> Result<Request, Failure> {
    let BodyLimit::Bytes(limit) = limit else {
        return Ok(request);
    };
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit) {
        return Err(Failure::invalid(
            "",
            format!("the body is larger than the {limit} bytes that this path takes"),
        )
        .with_status(StatusCode::PAYLOAD_TOO_LARGE));
    }
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(request.map(|body| Body::new(Limited::new(body, limit))))
}

async fn run(guard: &Guard, request: Request, next: Next) -> Response {
    match AssertUnwindSafe(next.run(request)).catch_unwind().await {
        Ok(response) => response,
        Err(panic) => {
            let said = panic
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| panic.downcast_ref::<String>().cloned())
                .unwrap_or_default();
            tracing::error!(panic = said, "a handler panicked");
            guard.metrics.panicked();
            axum::response::IntoResponse::into_response(Failure::new(
                ErrorCode::Internal,
                "the server has a defect here; its log says more",
            ))
        }
    }
}

/// Spells a refusal in the edge's shape: ours, and the plain texts of axum's extractors. Says which HTTP status it
/// stands for: gRPC's refusals are answered with 200.
async fn shaped(edge: Edge, mut response: Response, id: &RequestId) -> (Response, u16) {
    let status = response.status();
    let failure = if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        failure
    } else if (status.is_client_error() || status.is_server_error()) && is_plain_text(&response) {
        let (parts, body) = response.into_parts();
        let text = Limited::new(body, REFUSAL)
            .collect()
            .await
            .map(|body| String::from_utf8_lossy(&body.to_bytes()).into_owned())
            .unwrap_or_default();
        response = Response::from_parts(parts, Body::empty());
        Failure::of_status(status, text)
    } else {
        return (response, status.as_u16());
    };
    if failure.code == ErrorCode::Internal {
        tracing::error!(request_id = %id.0, message = failure.message, "internal error");
    }
    let mut shaped = shape::render(edge, &failure, &id.0);
    if let Some(allowed) = response.headers_mut().remove(header::ALLOW) {
        shaped.headers_mut().insert(header::ALLOW, allowed);
    }
    (shaped, failure.http_status().as_u16())
}

fn is_plain_text(response: &Response) -> bool {
    response
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("text/plain"))
}

async fn audit(
    guard: &Guard,
    scope: &Scope,
    action: String,
    kind: &str,
    object: String,
    status: u16,
    id: &RequestId,
) {
    let entry = AuditEntry {
        action,
        kind: kind.to_owned(),
        object,
        status: status.into(),
        request_id: id.0.to_string(),
    };
    // The answer must not come before its row in the trail; but a caller that hangs up must not lose the row.
    let (access, scope) = (guard.access.clone(), scope.clone());
    let (sender, receiver) = tokio::sync::oneshot::channel();
    guard.tasks.spawn("audit", async move {
        if let Err(error) = access.audit(&scope, entry).await {
            tracing::error!(%error, "the audit trail could not be written");
        }
        let _ = sender.send(());
    });
    let _ = receiver.await;
}
