//! The stock Python client of mlflow against a server in this process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::process::Command;

use crate::harness;

/// The Python that has mlflow: `TRIMTAB_PYTHON`, or the environment that `cargo xtask setup` makes.
fn python(root: &Path) -> PathBuf {
    let python = std::env::var_os("TRIMTAB_PYTHON")
        .map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "no Python with mlflow at {}: run `cargo xtask setup`, or set TRIMTAB_PYTHON",
        python.display()
    );
    python
}

async fn pytest(file: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().unwrap();
    let python = python(&root);
    for harness in harness::all().await {
        let (server, url) = harness.serve().await;
        let folder = tempfile::tempdir().unwrap();
        let output = Command::new(&python)
            .args(["-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider"])
            .arg(root.join("tests/mlflow").join(file))
            .current_dir(folder.path())
            .env("MLFLOW_TRACKING_URI", &url)
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env_remove("MLFLOW_RUN_ID")
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .unwrap();
        assert!(server.shutdown(std::time::Duration::from_secs(10)).await);
        assert!(
            output.status.success(),
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_tracks() {
    pytest("test_tracking.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_stores_artifacts() {
    pytest("test_artifacts.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_logs_registers_and_loads_models() {
    pytest("test_models.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_keeps_prompts() {
    pytest("test_prompts.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_logs_by_itself() {
    pytest("test_autolog.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_evaluates() {
    pytest("test_evaluate.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mlflow_command_works() {
    pytest("test_cli.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_transfers_in_parts_and_by_signed_urls() {
    pytest("test_transfers.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_gc_wants_a_database() {
    pytest("test_gc.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stock_client_is_told_by_webhooks() {
    pytest("test_webhooks.py").await;
}
