//! What attackers try, by class of weakness (CWE). Those of artifacts, addresses and secrets are tested where they live:
//! `trimtab-blob`, `trimtab-tracking` and `trimtab-registry`.

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::json;
use trimtab_access::{Access, AccessMode};
use trimtab_db::testing;
use trimtab_edge::{HostPolicy, Shell};
use trimtab_registry::{WebhookPolicy, Webhooks};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_types::Clock;

use crate::harness::{self, Harness};

/// POSTs text as JSON, whatever it is.
async fn post(harness: &Harness, path: &str, body: String) -> (StatusCode, String) {
    let request = Request::builder()
        .method("POST")
        .uri(format!("/api/2.0/mlflow/{path}"))
        .header(header::HOST, "127.0.0.1")
        .header(header::CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .unwrap();
    let (status, body) = harness.send(request).await;
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn cwe_22_and_610_a_source_reaches_no_file_and_no_site() {
    for harness in harness::all().await {
        let run = harness.run().await;
        harness
            .ok("registered-models/create", json!({ "name": "m" }))
            .await;
        let own = format!("mlflow-artifacts:/0/{run}/artifacts");
        for source in [
            "/etc/passwd".to_owned(),
            "etc/passwd".to_owned(),
            "../../../etc".to_owned(),
            "file:///etc/passwd".to_owned(),
            "FILE:/etc/passwd".to_owned(),
            "file:%2f%2f/etc".to_owned(),
            "%66ile:///etc".to_owned(),
            "http://169.254.169.254/latest".to_owned(),
            "https://host/model".to_owned(),
            "ftp://host/model".to_owned(),
            "C:\\Windows".to_owned(),
            format!("{own}/../../../x"),
            format!("{own}/%2e%2e/%2e%2e/x"),
            format!("{own}/%252e%252e/x"),
            format!("{own}/..%5c..%5cx"),
            format!("{own}/model?x=/../.."),
            format!("{own}/model#/../.."),
            "mlflow-artifacts:/0/00000000000000000000000000000000/artifacts".to_owned(),
            "models:/m/../../etc".to_owned(),
            "runs:/../../etc".to_owned(),
            "prompt-template".to_owned(),
            "dummy-source".to_owned(),
        ] {
            let body = json!({ "name": "m", "source": source, "run_id": run });
            let refused = harness.refused("model-versions/create", body).await;
            assert!(matches!(refused.0, 400 | 404), "{source}: {refused:?}");
        }
        let (_, found) = harness.get("/api/2.0/mlflow/model-versions/search").await;
        assert_eq!(found, json!({}));
    }
}

#[tokio::test]
async fn cwe_674_nesting_is_refused_before_it_is_followed() {
    for harness in harness::all().await {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":[", "]}]")] {
            for depth in [200, 100_000] {
                let deep = format!(
                    "{{\"tags\": {}1{}}}",
                    open.repeat(depth),
                    close.repeat(depth)
                );
                for path in [
                    "runs/create",
                    "runs/log-batch",
                    "runs/search",
                    "registered-models/create",
                ] {
                    let (status, body) = post(&harness, path, deep.clone()).await;
                    assert_eq!(
                        status,
                        StatusCode::BAD_REQUEST,
                        "{path} {open} {depth}: {body}"
                    );
                }
            }
        }
        // As the text of a text too.
        let inner = format!("{{\"a\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let (status, _) = post(
            &harness,
            "runs/create",
            serde_json::to_string(&inner).unwrap(),
        )
        .await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn cwe_770_names_and_texts_have_ends() {
    for harness in harness::all().await {
        let run = harness.run().await;
        harness
            .ok("registered-models/create", json!({ "name": "m" }))
            .await;
        let huge = "x".repeat(1 << 20);
        for (path, body) in [
            ("experiments/create", json!({ "name": huge })),
            ("registered-models/create", json!({ "name": huge })),
            (
                "registered-models/rename",
                json!({ "name": "m", "new_name": huge }),
            ),
            (
                "registered-models/set-tag",
                json!({ "name": "m", "key": huge, "value": "v" }),
            ),
            (
                "registered-models/set-tag",
                json!({ "name": "m", "key": "k", "value": huge }),
            ),
            (
                "registered-models/alias",
                json!({ "name": "m", "alias": huge, "version": "1" }),
            ),
            (
                "runs/set-tag",
                json!({ "run_id": run, "key": huge, "value": "v" }),
            ),
            (
                "runs/log-parameter",
                json!({ "run_id": run, "key": huge, "value": "v" }),
            ),
            (
                "runs/log-metric",
                json!({ "run_id": run, "key": huge, "value": 1.0, "timestamp": 1 }),
            ),
            (
                "webhooks",
                json!({ "name": huge, "url": "https://8.8.8.8/", "events": [{ "entity": "PROMPT", "action": "CREATED" }] }),
            ),
            (
                "webhooks",
                json!({ "name": "w", "url": format!("https://8.8.8.8/{huge}"), "events": [{ "entity": "PROMPT", "action": "CREATED" }] }),
            ),
            (
                "webhooks",
                json!({ "name": "w", "url": "https://8.8.8.8/", "secret": huge, "events": [{ "entity": "PROMPT", "action": "CREATED" }] }),
            ),
        ] {
            let (status, word, message) = harness.refused(path, body).await;
            assert_eq!(
                (status, word.as_str()),
                (400, "INVALID_PARAMETER_VALUE"),
                "{path}: {message}"
            );
            assert!(
                message.len() < 2_000,
                "{path} repeats what it refuses: {} bytes",
                message.len()
            );
        }
        let too_large = format!("{{\"name\": \"{}\"}}", "x".repeat(17 << 20));
        let (status, _) = post(&harness, "experiments/create", too_large).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}

#[tokio::test]
async fn cwe_400_a_filter_of_many_clauses_is_refused_whole() {
    for harness in harness::all().await {
        let filter = vec!["metrics.a > 1"; 500].join(" AND ");
        let body = json!({ "experiment_ids": ["0"], "filter": filter });
        let (status, word, _) = harness.refused("runs/search", body).await;
        assert_eq!((status, word.as_str()), (400, "INVALID_PARAMETER_VALUE"));
        let filter = vec!["name%20%3D%20'a'"; 500].join("%20AND%20");
        for path in [
            "registered-models/search",
            "model-versions/search",
            "experiments/search",
        ] {
            let (status, answer) = harness
                .get(&format!(
                    "/api/2.0/mlflow/{path}?max_results=10&filter={filter}"
                ))
                .await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}: {answer}");
        }
        let quotes = format!("name LIKE '{}'", "%a".repeat(50_000));
        let (status, _, message) = harness
            .refused(
                "experiments/search",
                json!({ "max_results": 5, "filter": quotes }),
            )
            .await;
        assert!(status == 400 && message.len() < 2_000, "{status} {message}");
    }
}

#[tokio::test]
async fn cwe_209_refusals_say_nothing_of_the_inside() {
    for harness in harness::all().await {
        let mut said = String::new();
        for body in [
            "",
            "x",
            "[1]",
            "null",
            "{",
            "\u{fffd}",
            "{\"name\": 1}",
            "{\"name\": {\"a\": 1}}",
            "\"x\"",
        ] {
            for path in [
                "experiments/create",
                "registered-models/create",
                "runs/log-batch",
                "webhooks",
            ] {
                let (status, answer) = post(&harness, path, body.to_owned()).await;
                assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body}: {answer}");
                said.push_str(&answer);
            }
        }
        let said = said.to_ascii_lowercase();
        for word in [
            "select ", "insert ", "sqlite", "postgres", "panicked", "src/", ".rs:",
        ] {
            assert!(!said.contains(word), "{word}");
        }
    }
}

/// A server that has these names, on whatever address.
async fn named(host: HostPolicy) -> axum::Router {
    let db = testing::databases(&[trimtab_access::MIGRATIONS, trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
        .remove(0);
    let clock = Clock::system();
    let access = Access::open(db.clone(), clock.clone(), AccessMode::Tokens)
        .await
        .unwrap();
    let webhooks = Webhooks::new(db, clock, WebhookPolicy::default());
    Shell::new(access, Metrics::default(), Tasks::new(), host)
        .mount(trimtab_edge_mlflow::webhook_routes(webhooks))
        .into_router()
        .unwrap()
}

async fn status_of(
    router: &axum::Router,
    method: &str,
    headers: &[(&str, &str)],
) -> (StatusCode, http::HeaderMap) {
    use tower::ServiceExt as _;
    let mut request = Request::builder()
        .method(method)
        .uri("/api/2.0/mlflow/webhooks");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router
        .clone()
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    (response.status(), response.headers().clone())
}

#[tokio::test]
async fn cwe_350_a_name_that_is_not_ours_is_not_answered() {
    let local = named(HostPolicy {
        loopback_only: true,
        ..HostPolicy::default()
    })
    .await;
    let open = named(HostPolicy {
        allowed: vec!["trimtab.example".to_owned()],
        ..HostPolicy::default()
    })
    .await;
    for (router, host, expected) in [
        (&local, "127.0.0.1:5000", 200),
        (&local, "localhost:5000", 200),
        (&local, "[::1]:5000", 200),
        (&local, "evil.example", 403),
        (&local, "evil.example:5000", 403),
        (&local, "localhost.evil.example", 403),
        (&local, "127.0.0.1.evil.example", 403),
        (&local, "10.0.0.1", 403),
        (&open, "trimtab.example:5000", 200),
        (&open, "TRIMTAB.example", 200),
        (&open, "10.0.0.1:5000", 200),
        (&open, "localhost", 200),
        (&open, "evil.example", 403),
    ] {
        let (status, _) = status_of(router, "GET", &[("host", host)]).await;
        assert_eq!(status.as_u16(), expected, "{host}");
    }
}

#[tokio::test]
async fn cwe_352_pages_of_other_sites_change_nothing() {
    let local = named(HostPolicy {
        loopback_only: true,
        ..HostPolicy::default()
    })
    .await;
    for headers in [
        [
            ("host", "127.0.0.1:5000"),
            ("origin", "https://evil.example"),
        ],
        [("host", "127.0.0.1:5000"), ("origin", "null")],
        [
            ("host", "127.0.0.1:5000"),
            ("origin", "http://127.0.0.1:6000"),
        ],
        [("host", "127.0.0.1:5000"), ("sec-fetch-site", "cross-site")],
    ] {
        let (status, _) = status_of(&local, "POST", &headers).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{headers:?}");
    }
}

#[tokio::test]
async fn cwe_1021_and_430_every_answer_says_how_it_may_be_used() {
    let local = named(HostPolicy {
        loopback_only: true,
        ..HostPolicy::default()
    })
    .await;
    for (method, host) in [
        ("GET", "127.0.0.1"),
        ("POST", "127.0.0.1"),
        ("PUT", "127.0.0.1"),
        ("GET", "evil.example"),
    ] {
        let (_, headers) = status_of(&local, method, &[("host", host)]).await;
        assert_eq!(
            headers["x-content-type-options"], "nosniff",
            "{method} {host}"
        );
        assert!(headers.contains_key("x-frame-options"), "{method} {host}");
    }
}
