//! The registry as a model repository, and statistics.

use serde_json::{Value, json};
use trimtab_edge_oip::Inference;
use trimtab_registry::{Direction, NodeRef};
use trimtab_types::Scope;

use crate::world::{FLIGHTS, World};

async fn index(world: &World, body: &'static str) -> Vec<Value> {
    let answer = world.post("/v2/repository/index", body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json().as_array().unwrap().clone()
}

fn row<'i>(index: &'i [Value], name: &str) -> &'i Value {
    index.iter().find(|row| row["name"] == name).unwrap()
}

#[tokio::test]
async fn a_registered_model_is_loaded_by_its_name_and_unloaded() {
    let world = World::new().await;
    let scope = Scope::local();
    let load = "/v2/repository/models/spare/load";
    let unload = "/v2/repository/models/spare/unload";
    let before = index(&world, "").await;
    assert_eq!(
        row(&before, "spare"),
        &json!({"name": "spare", "state": "UNAVAILABLE", "reason": "no endpoint serves it"})
    );
    let versions: Vec<_> = before
        .iter()
        .filter(|row| row["name"] == "flights")
        .map(|row| {
            (
                row["version"].as_str().unwrap(),
                row["state"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(versions, [("1", "READY"), ("2", "READY")]);
    let empty = row(&before, "empty");
    assert_eq!(empty["state"], "UNAVAILABLE");
    assert!(empty["reason"].as_str().unwrap().contains("declared"));
    let ready = index(&world, r#"{"ready": true}"#).await;
    assert!(ready.iter().all(|row| row["state"] == "READY") && ready.len() == 6);
    // Without an alias nobody said which version.
    let refused = world.post(load, "").await;
    assert_eq!(refused.status, 409);
    let error = refused.error();
    assert!(
        error.contains("neither alias `champion` nor `production`"),
        "{error}"
    );
    assert!(error.contains("set_registered_model_alias(\"spare\", \"champion\", VERSION)"));
    world
        .registry
        .set_alias(&scope, "spare", "production", 1)
        .await
        .unwrap();
    for _ in 0..2 {
        let answer = world.post(load, "{}").await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let row_now = index(&world, "").await;
    assert_eq!(row(&row_now, "spare")["state"], "READY");
    let endpoint = "spare".parse().unwrap();
    let endpoint = world.serving.endpoint(&scope, &endpoint).await.unwrap();
    assert_eq!(endpoint.spec.alias, "production");
    let answer = world.post("/v2/models/spare/infer", FLIGHTS).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    // Where it came from can be asked.
    let node = NodeRef {
        kind: "endpoint".to_owned(),
        id: "spare".to_owned(),
    };
    let edges = world
        .registry
        .lineage(&scope, &node, Direction::Upstream, 5)
        .await
        .unwrap();
    assert!(
        edges.iter().any(|edge| edge.to.id == "spare/1"),
        "{edges:?}"
    );
    assert_eq!(world.post(unload, "").await.status, 200);
    assert_eq!(
        world.post("/v2/models/spare/infer", FLIGHTS).await.status,
        404
    );
    assert_eq!(world.post(unload, "").await.status, 404);
    let after = index(&world, "").await;
    assert_eq!(row(&after, "spare")["state"], "UNAVAILABLE");
}

#[tokio::test]
async fn what_cannot_be_loaded_or_unloaded_is_told() {
    let world = World::new().await;
    for (path, body, status, expected) in [
        ("none/load", "", 404, "none"),
        ("a%20b/load", "", 400, "cannot be an endpoint"),
        ("empty/load", "", 409, "declared by project `tests`"),
        ("flights/load", "", 200, ""),
        ("flights/unload", "", 409, "declared by project `tests`"),
        ("none/unload", "", 404, "does not exist"),
        ("spare/load", "{", 400, "EOF"),
        (
            "spare/load",
            r#"{"parameters":{"config":"{}"}}"#,
            501,
            "parameter `config`",
        ),
        (
            "spare/load",
            r#"{"parameters":{"file:1/model.onnx":"AA=="}}"#,
            501,
            "registry",
        ),
    ] {
        let answer = world
            .post(&format!("/v2/repository/models/{path}"), body)
            .await;
        assert_eq!(answer.status, status, "{path} {answer:?}");
        if status != 200 {
            assert!(
                answer.error().contains(expected),
                "{path} {}",
                answer.error()
            );
        }
    }
    // A server of one model has no registry.
    let alone = Inference::new(world.serving.clone(), None, world.stopping.clone());
    let alone = World::with(|_| [trimtab_edge_oip::v2_routes(alone)]).await;
    let names = index(&alone, "").await;
    assert!(names.iter().all(|row| row["name"] != "spare"));
    let answer = alone.post("/v2/repository/models/spare/load", "").await;
    assert_eq!(answer.status, 501);
    assert!(answer.error().contains("no registry"), "{}", answer.error());
}

#[tokio::test]
async fn statistics_are_those_of_the_requests() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(
            world.post("/v2/models/flights/infer", FLIGHTS).await.status,
            200
        );
    }
    let wrong = FLIGHTS.replace("temp", "q");
    assert_eq!(
        world.post("/v2/models/flights/infer", wrong).await.status,
        400
    );
    let answer = world
        .get("/v2/models/flights/versions/1/stats")
        .await
        .json();
    let stats = &answer["model_stats"][0];
    assert_eq!(
        (&stats["name"], &stats["version"]),
        (&json!("flights"), &json!("1"))
    );
    assert_eq!(
        (&stats["inference_count"], &stats["execution_count"]),
        (&json!(6), &json!(3))
    );
    let count = |field: &str| stats["inference_stats"][field]["count"].as_u64();
    for field in [
        "success",
        "queue",
        "compute_input",
        "compute_infer",
        "compute_output",
    ] {
        assert_eq!(count(field), Some(3), "{field}");
    }
    assert_eq!((count("fail"), count("cache_hit")), (Some(1), Some(0)));
    assert_eq!(stats["batch_stats"][0]["batch_size"], 2);
    assert!(stats["last_inference"].as_u64().unwrap() > 1_700_000_000_000);
    let all = world.get("/v2/models/stats").await.json();
    assert_eq!(all["model_stats"].as_array().unwrap().len(), 6);
    assert_eq!(
        world.get("/v2/models/flights/stats").await.json()["model_stats"][1]["version"],
        "2"
    );
    assert_eq!(world.get("/v2/models/none/stats").await.status, 404);
}
