//! The table of paths.

use trimtab_edge::{Gate, Table};
use trimtab_types::Verb;

use crate::world::World;

#[tokio::test]
async fn every_path_is_our_own_and_predicting_is_writing() {
    let world = World::new().await;
    let routes = trimtab_edge_oip::routes(world.serving.clone());
    assert_eq!(routes.stray(), None);
    for route in routes.table() {
        let is_write = route.gate == Gate::Needs(Verb::Write);
        let is_post = route.method == http::Method::POST;
        assert_eq!(is_write, is_post, "{route:?}");
    }
    let scoring =
        trimtab_edge_oip::scoring_routes(world.serving.clone(), "flights".parse().unwrap());
    assert_eq!(scoring.stray(), None);
    let grpc = trimtab_edge_oip::grpc_routes(world.serving.clone(), world.stopping.clone());
    Table::of(&[scoring, grpc]).unwrap();
}

#[tokio::test]
async fn models_serve_has_one_model_at_the_root() {
    let world = World::with(|serving| {
        trimtab_edge_oip::scoring_routes(serving, "flights".parse().unwrap())
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
    let none =
        World::with(|serving| trimtab_edge_oip::scoring_routes(serving, "empty".parse().unwrap()))
            .await;
    assert_eq!(none.get("/ping").await.status, 503);
}
