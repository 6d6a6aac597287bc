//! Artifacts that stay in S3: imported, read through the server by the stock client, copied, and never written.

mod double;

use std::{
    path::Path,
    process::{Output, Stdio},
};

use double::{CLOSED, Double};
use serde_json::Value;

use super::{
    server::Server,
    transfer::{python, root, said, script, seed},
    trimtab,
};

const BUCKET: &str = "team.models";

/// An MLflow store whose artifacts are in the double: what was seeded below the folder, and its database with every
/// location rewritten. Answers the address of the new database and how many objects there are.
fn seed_in_s3(folder: &Path, double: &Double) -> (String, usize) {
    seed(folder);
    let objects = double.put_folder(BUCKET, "mlflow/runs", &folder.join("mlruns"));
    assert!(objects > 10, "{objects} objects");
    let rewrite = "import shutil, sqlite3, sys\n\
        folder = sys.argv[1]\n\
        shutil.copy(folder + '/mlflow.db', folder + '/s3.db')\n\
        base = sqlite3.connect(folder + '/s3.db')\n\
        for table, column in [('experiments', 'artifact_location'), ('runs', 'artifact_uri'), ('logged_models', 'artifact_location'), ('model_versions', 'source'), ('model_versions', 'storage_location')]:\n    \
        for old in (folder + '/mlruns', 'file://' + folder + '/mlruns'):\n        \
        base.execute(f'UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?', ('s3://team.models/mlflow/runs', len(old) + 1, len(old), old))\n\
        base.commit()\n";
    let done = python(folder)
        .args(["-c", rewrite, &folder.display().to_string()])
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
    (format!("sqlite:///{}/s3.db", folder.display()), objects)
}

/// `trimtab` with these words against a server, with these variables.
async fn ask(folder: &Path, url: &str, words: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = trimtab(folder);
    command
        .args(words)
        .args(["--server", url, "--output", "json"])
        .envs(variables.iter().copied());
    tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap()
}

fn report(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs the stock client beside the double, which answers meanwhile.
async fn client(folder: &Path, text: &'static str, words: Vec<String>) {
    let mut command = python(folder);
    command.args(["-c", text]).args(words).stdin(Stdio::null());
    let done = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(done.status.success(), "{}", said(&done));
}

/// Downloads what every run and model has through the server, and compares it with the files that were seeded.
const DOWNLOAD: &str = "import os, sys, mlflow\n\
    from mlflow import MlflowClient\n\
    from mlflow.artifacts import download_artifacts, list_artifacts\n\
    url, folder = sys.argv[1:]\n\
    mlflow.set_tracking_uri(url)\n\
    client = MlflowClient()\n\
    def files(top):\n    \
        return {os.path.relpath(os.path.join(at, name), top): open(os.path.join(at, name), 'rb').read() for at, _, names in os.walk(top) for name in names}\n\
    seen = 0\n\
    for run in client.search_runs([e.experiment_id for e in client.search_experiments()]):\n    \
        here = run.info.artifact_uri.replace('s3://team.models/mlflow/runs', folder + '/mlruns')\n    \
        assert here != run.info.artifact_uri, run.info.artifact_uri\n    \
        if not os.path.isdir(here): continue\n    \
        uri = f'mlflow-artifacts:/{run.info.experiment_id}/{run.info.run_id}/artifacts'\n    \
        got = files(download_artifacts(artifact_uri=uri))\n    \
        assert got == files(here), (uri, sorted(got), sorted(files(here)))\n    \
        seen += len(got)\n\
    models = client.search_logged_models([e.experiment_id for e in client.search_experiments()])\n\
    for model in models:\n    \
        here = model.artifact_location.replace('s3://team.models/mlflow/runs', folder + '/mlruns')\n    \
        if not os.path.isdir(here): continue\n    \
        uri = f'mlflow-artifacts:/{model.experiment_id}/models/{model.model_id}/artifacts'\n    \
        names = sorted(file.path for file in list_artifacts(artifact_uri=uri))\n    \
        assert any(name.endswith('MLmodel') for name in names), names\n    \
        assert files(download_artifacts(artifact_uri=uri)) == files(here), uri\n    \
        if model.name.startswith('clf'): assert list(mlflow.sklearn.load_model(uri).predict([[0.0], [3.0]])) == [0, 1]\n    \
        seen += 1\n\
    assert seen == 8, seen\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn artifacts_in_s3_are_read_through_the_server_and_never_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let double = Double::start().await;
    let (store, _) = seed_in_s3(folder, &double);
    // Locations that the import was not told of stay as they are, are reported, and are not read.
    let unnamed = Server::start_with(folder, &["--data-dir", "unnamed"], &double.variables());
    let words = [
        "import",
        "mlflow",
        &store,
        "--artifacts-root",
        "s3://team.models2/mlflow",
    ];
    double.bucket("team.models2");
    let first = report(&ask(folder, &unnamed.url, &words, &[]).await);
    let left = first["left_in_place"].to_string();
    assert!(
        left.contains("--artifacts-root s3://BUCKET/PREFIX"),
        "{left}"
    );
    client(
        folder,
        "import sys, mlflow, requests\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        run = mlflow.search_runs(search_all_experiments=True, output_format='list')[0]\n\
        assert run.info.artifact_uri.startswith('s3://team.models/'), run.info\n\
        got = requests.get(sys.argv[1] + '/get-artifact', params={'run_uuid': run.info.run_id, 'path': 'x'})\n\
        assert got.status_code in (400, 404, 501), got.status_code\n\
        assert 'not below a location' in got.text, got.text\n",
        vec![unnamed.url.clone()],
    )
    .await;
    let asked = double.asked();
    assert!(
        asked
            .iter()
            .all(|(_, path)| path.starts_with("/team.models2")),
        "{asked:?}"
    );
    assert_eq!(unnamed.stop().0, Some(0));

    let server = Server::start_with(folder, &[], &double.variables());
    let root_of_runs = format!("s3://{BUCKET}/mlflow");
    let words = [
        "import",
        "mlflow",
        &store,
        "--artifacts-root",
        &root_of_runs,
    ];
    // The command needs no credentials: the server reads.
    let first = report(&ask(folder, &server.url, &words, &[]).await);
    assert_eq!(first["files"], 0, "{first}");
    assert_eq!(first["left_in_place"], serde_json::json!([]), "{first}");
    client(
        folder,
        DOWNLOAD,
        vec![server.url.clone(), folder.display().to_string()],
    )
    .await;

    // A part of a file, as a browser asks for it.
    double.put(BUCKET, "mlflow/runs/9/x", b"0123456789");
    let http = reqwest::Client::new();
    let found: Value = http
        .post(format!("{}/api/2.0/mlflow/runs/search", server.url))
        .json(&serde_json::json!({ "experiment_ids": ["0", "1", "2"], "filter": "attributes.run_name = 'rich'" }))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let run = found["runs"][0]["info"]["run_id"].as_str().unwrap();
    let read = http
        .get(format!(
            "{}/get-artifact?run_uuid={run}&path=notes/hello.txt",
            server.url
        ))
        .header("range", "bytes=1-3")
        .send()
        .await
        .unwrap();
    assert_eq!(read.status(), 206);
    assert_eq!(read.headers()["content-range"], "bytes 1-3/5");
    assert_eq!(read.text().await.unwrap(), "ell");

    // What was deleted goes for good here, and stays there.
    let deleted = http
        .post(format!("{}/api/2.0/mlflow/runs/delete", server.url))
        .json(&serde_json::json!({ "run_id": run }))
        .send()
        .await
        .unwrap();
    assert_eq!(deleted.status(), 200);
    let collected = report(&ask(folder, &server.url, &["gc"], &[]).await);
    assert!(collected["foreign"].as_u64().unwrap() >= 1, "{collected}");
    let asked = double.asked();
    assert!(!asked.is_empty());
    for (method, path) in asked {
        assert!(
            ["GET", "HEAD"].contains(&method.as_str()),
            "{method} {path}"
        );
        let is_below = path.strip_prefix(&format!("/{BUCKET}"));
        assert!(is_below.is_some(), "{path}");
    }
    assert_eq!(server.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn artifacts_in_s3_are_copied_whole_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let double = Double::start().await;
    let (store, objects) = seed_in_s3(folder, &double);
    // The server needs no credentials: the command reads.
    let server = Server::start(folder, &[]);
    let root_of_runs = format!("s3://{BUCKET}/mlflow/runs");
    let words = [
        "import",
        "mlflow",
        &store,
        "--artifacts",
        "copy",
        "--artifacts-root",
        &root_of_runs,
    ];
    let first = report(&ask(folder, &server.url, &words, &double.variables()).await);
    let files = first["files"].as_u64().unwrap();
    assert!(files > 10 && files <= objects as u64, "{first}");
    let second = report(&ask(folder, &server.url, &words, &double.variables()).await);
    assert_eq!(second["files"], 0, "{second}");
    let before = format!("sqlite:///{}/mlflow.db", folder.display());
    script(
        folder,
        "compare.py",
        &[&before, &server.url, "same", "artifacts"],
    );
    assert!(root().join("tests/mlflow/transfer/compare.py").exists());
    assert_eq!(server.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_in_the_way_of_s3_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let double = Double::start().await;
    double.bucket(BUCKET);
    let wrong_secret = {
        let mut variables = double.variables();
        variables.retain(|(key, _)| *key != "AWS_SECRET_ACCESS_KEY");
        variables.push(("AWS_SECRET_ACCESS_KEY", "another"));
        variables
    };
    let nobody = [
        ("AWS_ENDPOINT_URL", double.url.as_str()),
        // No machine gives a role here.
        ("AWS_METADATA_ENDPOINT", "http://127.0.0.1:9"),
    ];
    let root_of = |bucket: &str| format!("s3://{bucket}/mlflow");
    for (variables, bucket, expected) in [
        (
            double.variables(),
            CLOSED,
            "the store refuses these credentials",
        ),
        (
            double.variables(),
            "no-such-bucket",
            "there is no such bucket",
        ),
        (wrong_secret, BUCKET, "the store refuses these credentials"),
        (nobody.to_vec(), BUCKET, "there are no credentials for S3"),
    ] {
        let data = format!("data-{bucket}-{}", variables.len());
        let server = Server::start_with(folder, &["--data-dir", &data], &variables);
        let told = reqwest::Client::new()
            .post(format!("{}/api/v1/ingest/roots", server.url))
            .json(&serde_json::json!({ "uri": root_of(bucket) }))
            .send()
            .await
            .unwrap();
        assert!(
            told.status().is_client_error(),
            "{expected}: {}",
            told.status()
        );
        let text = told.text().await.unwrap();
        assert!(text.contains(expected), "{expected}: {text}");
        assert!(text.contains("hint"), "{text}");
        for secret in [double::SECRET, "another", double.url.as_str()] {
            assert!(!text.contains(secret), "{text}");
        }
        assert_eq!(server.stop().0, Some(0));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cwe_918_no_request_names_the_host_that_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let double = Double::start().await;
    double.bucket(BUCKET);
    let other = Double::start().await;
    let server = Server::start_with(folder, &[], &double.variables());
    let http = reqwest::Client::new();
    let host = other.url.strip_prefix("http://").unwrap();
    for uri in [
        format!("s3://{host}/{BUCKET}"),
        format!("s3://x@{host}/{BUCKET}"),
        format!("s3://{BUCKET}?endpoint={}", other.url),
        format!("s3://{BUCKET}/../../{host}"),
        format!("s3://..//{host}/x"),
        other.url.clone(),
        format!("s3a://{BUCKET}"),
    ] {
        let told = http
            .post(format!("{}/api/v1/ingest/roots", server.url))
            .json(&serde_json::json!({ "uri": uri }))
            .send()
            .await
            .unwrap();
        assert!(
            told.status().is_client_error() || told.status() == 501,
            "{uri}: {}",
            told.status()
        );
    }
    assert_eq!(other.asked(), []);
    assert_eq!(double.asked(), []);
    assert_eq!(server.stop().0, Some(0));
}
