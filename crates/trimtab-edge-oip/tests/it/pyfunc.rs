//! Python models behind the protocols, beside what MLflow's own server answers to the same requests.

use std::{path::Path, process::Command};

use serde_json::{Value, json};
use trimtab_infer::{Limits, LocalEngines, OnnxEngines, PythonEnvironments, PythonModels};

use trimtab_serving::{EndpointSpec, Serving, ServingError, Traffic};
use trimtab_types::{Name, Scope};

use crate::{python::python, world::World};

/// Logs models of the common flavors, and writes down what MLflow's server answers to requests.
const MODELS: &str = include_str!("pyfunc_models.py");

pub(crate) fn engines(folder: &Path) -> LocalEngines {
    LocalEngines::new(
        OnnxEngines::default(),
        PythonModels::new(
            PythonEnvironments::new(folder.join("environments"), Some(python()), None),
            Limits::default(),
        ),
    )
}

async fn serve(serving: &Serving, name: &str) -> Result<(), ServingError> {
    let (scope, endpoint): (Scope, Name) = (Scope::local(), name.parse().unwrap());
    let spec = EndpointSpec::new(endpoint.clone(), "tests", name);
    serving.apply(&scope, "tests", vec![spec]).await?;
    let revision = serving.add_revision(&scope, &endpoint, 1).await?;
    let traffic = Traffic {
        champion: Some(revision.id),
        ..Traffic::default()
    };
    serving.set_traffic(&scope, &endpoint, traffic).await?;
    Ok(())
}

/// Whether two answers are the same; numbers to a single's precision, which MLflow writes as doubles.
fn is_same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap(), b.as_f64().unwrap());
            (a - b).abs() <= 1e-6 * b.abs()
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(name, a)| b.get(name).is_some_and(|b| is_same(a, b)))
        }
        (a, b) => a == b,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_models_answer_as_mlflow_models_serve_does() {
    let world = World::new().await;
    let models = world.folder.path().join("models");
    let output = Command::new(python())
        .args(["-c", MODELS])
        .arg(&models)
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .current_dir(world.folder.path())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = std::fs::read_to_string(models.join("answers.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut loaded: Vec<&str> = Vec::new();
    for case in &cases {
        let name = case["model"].as_str().unwrap();
        if !loaded.contains(&name) {
            serve(&world.serving, name).await.unwrap();
            loaded.push(name);
        }
    }
    for case in &cases {
        let path = format!("/serve/{}/invocations", case["model"].as_str().unwrap());
        let body = case["body"].as_str().unwrap().to_owned();
        let kind = case["type"].as_str().unwrap();
        let answer = world
            .call("POST", &path, &[("content-type", kind)], body)
            .await;
        let said = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status.as_u16(), case["status"], "{case}: {said}");
        if answer.status.is_success() {
            assert!(is_same(&answer.json(), &case["answer"]), "{case}: {said}");
        }
    }
    let metadata = world.get("/v2/models/columns").await.json();
    assert_eq!(metadata["platform"], "mlflow_pyfunc");
    assert_eq!(
        metadata["inputs"][0],
        json!({"name": "age", "datatype": "FP64", "shape": [-1, 1]})
    );
    let request = json!({"inputs": [
        {"name": "age", "datatype": "FP64", "shape": [2, 1], "data": [1.0, 2.0]},
        {"name": "fare", "datatype": "FP64", "shape": [2, 1], "data": [3.0, 4.0]},
    ]});
    let answer = world
        .post("/v2/models/columns/infer", request.to_string())
        .await;
    assert_eq!(answer.status, 200, "{}", answer.error());
    let outputs = &answer.json()["outputs"];
    assert_eq!(outputs[0]["datatype"], "INT64");
    assert_eq!(outputs[0]["shape"], json!([2]));
    let request =
        json!({"inputs": [{"name": "fare", "datatype": "FP64", "shape": [1, 1], "data": [1.0]}]});
    let refused = world
        .post("/v2/models/columns/infer", request.to_string())
        .await;
    assert_eq!(refused.status, 400);
    assert_eq!(refused.error(), "input `age` is missing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_code_of_nobody_is_not_run() {
    let world = World::new().await;
    let place = world.folder.path().join("models/nobodys/1");
    std::fs::create_dir_all(&place).unwrap();
    let mlmodel = "flavors:\n  python_function:\n    loader_module: os\n";
    std::fs::write(place.join("MLmodel"), mlmodel).unwrap();
    let refused = serve(&world.serving, "nobodys").await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "version 1 of model `nobodys` is Python code from an unknown source"
    );
}
