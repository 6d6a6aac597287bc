//! What the guard lets pass, and how it refuses.

use axum::{Router, body::Body, response::Response};
use http::{Request, header};
use http_body_util::BodyExt as _;
use serde_json::Value;
use tower::ServiceExt as _;
use trimtab_access::NewToken;
use trimtab_edge::{Edge, HostPolicy, MountError, Route, Routes, Table};
use trimtab_types::{Role, Scope, Verb, WorkspaceId};

use super::{access, api, edge, router, shell};

async fn call(router: &Router, request: Request<Body>) -> (u16, http::HeaderMap, String) {
    let response: Response = router.clone().oneshot(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, headers, String::from_utf8_lossy(&body).into_owned())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

async fn get(router: &Router, path: &str) -> (u16, http::HeaderMap, String) {
    call(router, request("GET", path, &[], "")).await
}

#[tokio::test]
async fn every_protocol_refuses_in_its_own_shape() {
    let router = router(&access().await);
    for (path, shape) in [
        ("/api/v1/nothing", "/error/code"),
        ("/api/2.0/mlflow/nothing", "/error_code"),
        ("/v2/nothing", "/error"),
        ("/elsewhere", "/error/code"),
    ] {
        let (status, headers, body) = get(&router, path).await;
        assert_eq!(status, 404, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/json");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert!(body.pointer(shape).is_some(), "{path}: {body}");
    }
    let (status, headers, body) = call(
        &router,
        request("DELETE", "/api/2.0/mlflow/things/get", &[], ""),
    )
    .await;
    assert_eq!(
        (status, &headers[header::ALLOW]),
        (405, &"GET, HEAD".parse().unwrap())
    );
    assert!(body.contains("error_code"), "{body}");
    let (status, _, body) = get(&router, "/api/v1/things/7").await;
    assert_eq!(status, 404);
    assert!(body.contains("there is no thing 7"), "{body}");
    // axum's own refusals are spelled like ours.
    let (status, _, body) = get(&router, "/api/v1/things/x").await;
    assert_eq!(status, 400);
    assert!(body.contains(r#""code":"invalid""#), "{body}");
}

#[tokio::test]
async fn an_unknown_grpc_method_is_unimplemented() {
    let router = router(&access().await);
    let headers = [("content-type", "application/grpc")];
    let path = "/inference.GRPCInferenceService/ModelInfer";
    let (status, headers, _) = call(&router, request("POST", path, &headers, "")).await;
    assert_eq!(
        (status, &headers["grpc-status"]),
        (200, &"12".parse().unwrap())
    );
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_server_goes_on() {
    let router = router(&access().await);
    let (status, _, body) = get(&router, "/api/v1/things/13").await;
    assert_eq!(status, 500);
    assert!(body.contains(r#""code":"internal""#), "{body}");
    assert!(!body.contains("thirteen"), "{body}");
    assert_eq!(get(&router, "/api/v1/things").await.0, 200);
}

#[tokio::test]
async fn request_ids_go_in_and_out() {
    let router = router(&access().await);
    let named = request("GET", "/api/v1/things", &[("x-request-id", "abc")], "");
    let (_, headers, body) = call(&router, named).await;
    assert_eq!(headers["x-request-id"], "abc");
    assert_eq!(body, "default local abc");
    let (_, headers, body) = get(&router, "/api/v1/nothing").await;
    let id = headers["x-request-id"].to_str().unwrap();
    assert!(body.contains(id), "{body}");
}

#[tokio::test]
async fn bodies_have_limits() {
    let router = router(&access().await);
    let post = |body| call(&router, request("POST", "/v2/things", &[], body));
    assert_eq!(post("12345678").await.0, 200);
    let (status, _, body) = post("123456789").await;
    assert_eq!(status, 413);
    assert!(body.starts_with(r#"{"error":"#), "{body}");
    // Without a declared length the limit holds while reading.
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>("12345"), Ok("6789")]);
    let streamed = Request::post("/v2/things")
        .body(Body::from_stream(chunks))
        .unwrap();
    let (status, _, body) = call(&router, streamed).await;
    assert_eq!(status, 413);
    assert!(body.starts_with(r#"{"error":"#), "{body}");
}

#[tokio::test]
async fn tokens_open_their_workspace_to_their_role() {
    let access = access().await;
    let team = Scope {
        workspace: WorkspaceId::new("team").unwrap(),
        ..Scope::local()
    };
    let admin = NewToken {
        name: "root".to_owned(),
        role: Role::Admin,
        expires_at: None,
    };
    access.create_token(&team, admin).await.unwrap();
    let new = NewToken {
        name: "eve".to_owned(),
        role: Role::Viewer,
        expires_at: None,
    };
    let (_, text) = access.create_token(&team, new).await.unwrap();
    let router = router(&access);
    let bearer = format!("Bearer {}", text.reveal());
    let basic = {
        use base64::Engine as _;
        let pair = format!("anyone:{}", text.reveal());
        format!(
            "Basic {}",
            base64::engine::general_purpose::STANDARD.encode(pair)
        )
    };
    assert_eq!(get(&router, "/livez").await.0, 200);
    let (status, headers, body) = get(&router, "/api/2.0/mlflow/things/get").await;
    assert_eq!(status, 401);
    assert!(headers.contains_key(header::WWW_AUTHENTICATE));
    assert!(body.contains("UNAUTHENTICATED"), "{body}");
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("authorization", &basic),
        ("x-api-key", &text.reveal()),
    ] {
        let headers = [(name, value), ("x-request-id", "i")];
        let read = request("GET", "/api/v1/things", &headers, "");
        assert_eq!(call(&router, read).await.2, "team eve i");
    }
    let auth = [("authorization", bearer.as_str())];
    for (method, path) in [
        ("POST", "/api/2.0/mlflow/things/create"),
        ("POST", "/v2/things"),
        ("POST", "/api/v1/things"),
        ("DELETE", "/api/v1/things/1"),
    ] {
        let (status, _, body) = call(&router, request(method, path, &auth, "")).await;
        assert_eq!(status, 403, "{method} {path}: {body}");
    }
    let elsewhere = [auth[0], ("x-mlflow-workspace", "default")];
    let (status, _, _) = call(&router, request("GET", "/api/v1/things", &elsewhere, "")).await;
    assert_eq!(status, 403);
    // What an operator would do is in the trail, refused or not; reading is not.
    let trail = access.audit_trail(&team, None, 10).await.unwrap();
    assert_eq!(trail.len(), 1);
    assert_eq!(trail[0].entry.action, "DELETE /api/v1/things/{id}");
    assert_eq!(
        (trail[0].entry.status, trail[0].principal.as_str()),
        (403, "eve")
    );
}

#[tokio::test]
async fn the_trail_says_what_a_request_was_about_where_its_path_does_not() {
    let access = access().await;
    let router = router(&access);
    let (status, _, _) = call(&router, request("DELETE", "/api/v1/things/7", &[], "")).await;
    assert_eq!(status, 200);
    let trail = access.audit_trail(&Scope::local(), None, 10).await.unwrap();
    assert_eq!(
        trail[0].entry.object,
        "/api/v1/things/7: version 7 of a thing"
    );
}

#[tokio::test]
async fn pages_of_other_sites_are_refused() {
    let policy = HostPolicy {
        loopback_only: true,
        allowed: vec!["trimtab.example".to_owned()],
        origins: vec!["https://console.example".to_owned()],
    };
    let router = shell(&access().await, policy).into_router().unwrap();
    let status = async |method: &str, headers: &[(&str, &str)]| {
        call(&router, request(method, "/api/v1/things", headers, ""))
            .await
            .0
    };
    for host in [
        "localhost:5000",
        "127.0.0.1:5000",
        "[::1]:5000",
        "a.localhost",
        "Trimtab.Example",
    ] {
        assert_eq!(status("GET", &[("host", host)]).await, 200, "{host}");
    }
    // DNS rebinding: the name is the attacker's, the address is ours.
    assert_eq!(status("GET", &[("host", "evil.example:5000")]).await, 403);
    let host = ("host", "localhost:5000");
    for (origin, expected) in [
        ("http://localhost:5000", 200),
        ("https://console.example", 200),
        ("http://localhost:6000", 403),
        ("https://evil.example", 403),
        ("null", 403),
    ] {
        assert_eq!(
            status("POST", &[host, ("origin", origin)]).await,
            expected,
            "{origin}"
        );
        assert_eq!(
            status("GET", &[host, ("origin", origin)]).await,
            200,
            "{origin}"
        );
    }
    assert_eq!(
        status("POST", &[host, ("sec-fetch-site", "cross-site")]).await,
        403
    );
    assert_eq!(
        status("POST", &[host, ("sec-fetch-site", "same-origin")]).await,
        200
    );
}

#[tokio::test]
async fn only_browsers_get_the_console_and_only_where_no_protocol_is() {
    let router = router(&access().await);
    let page = [("accept", "text/html,application/xhtml+xml")];
    for (path, expected) in [
        ("/", 200),
        ("/runs/1", 200),
        ("/api/v1/x", 404),
        ("/v2/x", 404),
        ("/health", 404),
    ] {
        let (status, _, body) = call(&router, request("GET", path, &page, "")).await;
        assert_eq!(status, expected, "{path}");
        assert_eq!(body == "console", expected == 200, "{path}");
    }
    assert_eq!(get(&router, "/").await.0, 404);
    let (status, _, _) = call(&router, request("POST", "/", &page, "")).await;
    assert_eq!(status, 404);
}

#[tokio::test]
async fn edges_that_do_not_fit_together_are_refused_at_start() {
    let stray = edge(Edge::Oip, "/api/v1/x", "/v2/x");
    assert!(matches!(
        Table::of(&[stray]),
        Err(MountError::Stray {
            path: "/api/v1/x",
            ..
        })
    ));
    let twice = Routes::new(Edge::Api).route(
        Route::get("/api/v1/things", Verb::Read, "thing"),
        async || "",
    );
    assert!(matches!(
        Table::of(&[api(), twice]),
        Err(MountError::Twice { .. })
    ));
    let table = Table::of(&[api()]).unwrap();
    assert!(table.rows().iter().all(|(edge, _)| *edge == Edge::Api));
}
