//! The table of paths.

use trimtab_edge::{Gate, Table};
use trimtab_types::Verb;

use crate::world::World;

#[tokio::test]
async fn every_path_is_our_own_and_predicting_is_writing() {
    let world = World::new().await;
    let routes = trimtab_edge_oip::routes(world.inference.clone());
    assert_eq!(routes.stray(), None);
    for route in routes.table() {
        let expected = match (&route.method, route.path) {
            (_, path) if path.starts_with("/v2/health/") => Gate::Public,
            (&http::Method::GET, _) | (_, "/v2/repository/index") => Gate::Needs(Verb::Read),
            (_, path) if path.starts_with("/v2/repository/") => Gate::Needs(Verb::Operate),
            (_, path) if path.ends_with("/trace/setting") => Gate::Needs(Verb::Operate),
            (_, path) if path.contains("sharedmemory") => Gate::Needs(Verb::Write),
            (_, "/v2/logging") => Gate::Needs(Verb::Admin),
            _ => Gate::Needs(Verb::Write),
        };
        assert_eq!(route.gate, expected, "{route:?}");
    }
    let scoring =
        trimtab_edge_oip::scoring_routes(world.inference.clone(), "flights".parse().unwrap());
    assert_eq!(scoring.stray(), None);
    let grpc = trimtab_edge_oip::grpc_routes(world.inference.clone());
    let v2 = trimtab_edge_oip::v2_routes(world.inference.clone());
    Table::of(&[scoring, v2, grpc]).unwrap();
}

#[tokio::test]
async fn models_serve_has_one_model_at_the_root() {
    let world = World::with(|inference| {
        [
            trimtab_edge_oip::v2_routes(inference.clone()),
            trimtab_edge_oip::scoring_routes(inference, "flights".parse().unwrap()),
        ]
    })
    .await;
    for path in [
        "/ping",
        "/health",
        "/version",
        "/v2/health/ready",
        "/v2/models/flights/ready",
    ] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
    }
    let body = r#"{"dataframe_split":{"columns":["carrier","origin","distance","temp"],"data":[["UA","EWR",500,10]]}}"#;
    let answer = world.post("/invocations", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["predictions"][0]["label"], 1);
    // Each protocol refuses in its own shape.
    assert!(!world.get("/v2/models/none").await.error().is_empty());
    let refused = world.post("/invocations", "{").await.json();
    assert_eq!(refused["error_code"], "BAD_REQUEST");
    let none = World::with(|inference| {
        [trimtab_edge_oip::scoring_routes(
            inference,
            "empty".parse().unwrap(),
        )]
    })
    .await;
    assert_eq!(none.get("/ping").await.status, 503);
}
