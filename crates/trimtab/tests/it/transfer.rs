//! Imports from MLflow and exports to it: its own store is filled by its own client, and both sides are read back
//! through the stock client and compared.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

use super::{run, trimtab};

/// A server that ends with the test.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Ours, on a folder.
    fn start(folder: &Path, data: &str) -> Self {
        let mut child = trimtab(folder)
            .args(["server", "--output", "json", "--listen", "127.0.0.1:0"])
            .args(["--data-dir", data])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said.push_str(&line.unwrap());
            if said.contains('}') {
                break;
            }
        }
        let said: Value = serde_json::from_str(&said).unwrap();
        Self {
            url: said["url"].as_str().unwrap().to_owned(),
            child,
        }
    }

    /// MLflow's, with a store of its own in the folder.
    fn mlflow(folder: &Path, store: &str) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let files = folder.join("served");
        let child = python(folder)
            .args(["-m", "mlflow", "server", "--workers", "1"])
            .args(["--backend-store-uri", store])
            .arg("--artifacts-destination")
            .arg(&files)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = format!("http://127.0.0.1:{port}");
        let server = Self { child, url };
        // Up to three minutes: it starts slowly, and more so beside other tests.
        let up = "import sys, time, urllib.request\n\
            end = time.time() + 180\n\
            while True:\n    try:\n        urllib.request.urlopen(sys.argv[1] + '/health', timeout=5); break\n    \
            except OSError:\n        time.sleep(0.2)\n    if time.time() > end: sys.exit(1)\n";
        let waited = python(folder)
            .args(["-c", up, &server.url])
            .output()
            .unwrap();
        assert!(waited.status.success(), "mlflow server does not answer");
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // MLflow's has children that end with it when it is asked to end.
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        if asked.is_err() {
            self.child.kill().unwrap();
        }
        self.child.wait().unwrap();
    }
}

pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The Python that has mlflow: `TRIMTAB_PYTHON`, or the environment that `cargo xtask setup` makes.
pub(super) fn python(folder: &Path) -> Command {
    let python = std::env::var_os("TRIMTAB_PYTHON")
        .map_or_else(|| root().join(".venv/bin/python"), PathBuf::from);
    assert!(
        python.exists(),
        "no Python with mlflow at {}: run `cargo xtask setup`, or set TRIMTAB_PYTHON",
        python.display()
    );
    let mut command = Command::new(python);
    command
        .current_dir(folder)
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .env("MLFLOW_DISABLE_AUTH_WARNING", "true")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env_remove("MLFLOW_TRACKING_URI")
        .env_remove("MLFLOW_RUN_ID");
    command
}

pub(super) fn said(output: &Output) -> String {
    format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Fills an MLflow store in the folder; answers its address.
pub(super) fn seed(folder: &Path) -> String {
    let store = format!("sqlite:///{}/mlflow.db", folder.display());
    script(folder, "seed.py", &[&store]);
    store
}

pub(super) fn script(folder: &Path, name: &str, words: &[&str]) {
    let output = python(folder)
        .arg(root().join("tests/mlflow/transfer").join(name))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {}", said(&output));
}

/// `trimtab` with these words against a server; answers its report.
fn report(folder: &Path, server: &Server, words: &[&str]) -> Value {
    let mut all = words.to_vec();
    all.extend(["--server", &server.url, "--output", "json"]);
    let output = run(folder, &all);
    assert!(output.status.success(), "{words:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn counts(report: &Value, names: &[&str]) -> Vec<u64> {
    names
        .iter()
        .map(|name| report[*name].as_u64().unwrap())
        .collect()
}

#[test]
fn an_mlflow_database_comes_whole_and_again_only_what_is_new() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = seed(folder);
    let server = Server::start(folder, "data");
    let words = ["import", "mlflow", &store, "--artifacts", "copy"];
    let first = report(folder, &server, &words);
    assert_eq!(
        counts(
            &first,
            &[
                "runs",
                "runs_verified",
                "logged_models",
                "models",
                "versions"
            ]
        ),
        [8, 8, 5, 3, 4],
        "{first}"
    );
    assert_eq!(first["skipped"], serde_json::json!([]), "{first}");
    assert_eq!(first["left_in_place"], serde_json::json!([]), "{first}");
    script(
        folder,
        "compare.py",
        &[&store, &server.url, "same", "artifacts"],
    );

    let second = report(folder, &server, &words);
    assert_eq!(
        counts(
            &second,
            &[
                "experiments",
                "runs",
                "points",
                "logged_models",
                "models",
                "files"
            ]
        ),
        [0; 6],
        "{second}"
    );
    assert_eq!(
        counts(
            &second,
            &[
                "runs_unchanged",
                "logged_models_unchanged",
                "models_unchanged"
            ]
        ),
        [8, 5, 3]
    );

    script(folder, "seed.py", &[&store, "more"]);
    let third = report(folder, &server, &words);
    assert_eq!(
        counts(&third, &["runs", "runs_unchanged", "points", "files"]),
        [2, 7, 1, 1],
        "{third}"
    );
    script(
        folder,
        "compare.py",
        &[&store, &server.url, "same", "artifacts"],
    );
}

#[test]
fn artifacts_in_place_are_read_there_and_what_lies_elsewhere_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = seed(folder);
    let server = Server::start(folder, "data");
    let first = report(folder, &server, &["import", "mlflow", &store]);
    assert_eq!(counts(&first, &["files"]), [0], "{first}");
    assert_eq!(first["left_in_place"], serde_json::json!([]), "{first}");
    script(
        folder,
        "compare.py",
        &[&store, &server.url, "same", "artifacts"],
    );
    // A client on any machine reaches them, and what it adds comes to us.
    let files = files_below(folder, "mlruns");
    assert!(!files.is_empty());
    let add = "import sys, mlflow\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        client = mlflow.MlflowClient()\n\
        runs = mlflow.search_runs(search_all_experiments=True, output_format='list')\n\
        runs += [client.create_run(e.experiment_id) for e in mlflow.search_experiments()]\n\
        for run in runs:\n    \
            assert run.info.artifact_uri.startswith('mlflow-artifacts:/'), run.info.artifact_uri\n    \
            before = [f.path for f in client.list_artifacts(run.info.run_id)]\n    \
            client.log_text(run.info.run_id, 'new', 'added.txt')\n    \
            after = [f.path for f in client.list_artifacts(run.info.run_id)]\n    \
            assert after == sorted(before + ['added.txt']), (before, after)\n";
    let added = python(folder)
        .args(["-c", add, &server.url])
        .output()
        .unwrap();
    assert!(added.status.success(), "{}", said(&added));
    assert_eq!(files_below(folder, "mlruns"), files);
}

/// Every file below a folder, in order.
fn files_below(root: &Path, folder: &str) -> Vec<PathBuf> {
    let (mut folders, mut files) = (vec![root.join(folder)], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_server_is_not_brought_to_itself() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, "data");
    let same = server.url.replace("127.0.0.1", "localhost");
    for words in [["import", "mlflow"], ["export", "mlflow"]] {
        let refused = run(
            folder,
            &[&words[..], &[&same, "--server", &server.url]].concat(),
        );
        assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
        let text = String::from_utf8(refused.stderr).unwrap();
        assert!(
            text.contains("is both the Trimtab server and the MLflow server"),
            "{text}"
        );
    }
}

#[test]
fn an_mlflow_database_on_postgresql_comes_too() {
    // Set by `make test`; without it there is no PostgreSQL.
    let Ok(admin) = std::env::var("TRIMTAB_TEST_POSTGRES") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let name = folder.file_name().unwrap().to_string_lossy();
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .collect::<String>()
        .to_lowercase();
    // As MLflow writes such an address where it is to use that driver.
    let server = admin.rsplit_once('/').unwrap().0;
    let server = server.replacen("postgresql://", "postgresql+psycopg2://", 1);
    let store = format!("{server}/mlflow_{name}");
    let sql = "import sys, psycopg2\n\
        base = psycopg2.connect(sys.argv[1])\n\
        base.autocommit = True\n\
        base.cursor().execute(sys.argv[2])\n";
    let database = |words: &str| {
        let done = python(folder)
            .args(["-c", sql, &admin, &format!("{words} mlflow_{name}")])
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", said(&done));
    };
    database("CREATE DATABASE");
    script(folder, "seed.py", &[&store]);
    let server = Server::start(folder, "data");
    let files = folder.display().to_string();
    let words = [
        "import",
        "mlflow",
        &store,
        "--artifacts",
        "copy",
        "--artifacts-root",
        &files,
    ];
    let first = report(folder, &server, &words);
    assert_eq!(
        counts(
            &first,
            &[
                "runs",
                "runs_verified",
                "logged_models",
                "models",
                "versions"
            ]
        ),
        [8, 8, 5, 3, 4],
        "{first}"
    );
    script(
        folder,
        "compare.py",
        &[&store, &server.url, "same", "artifacts"],
    );
    let second = report(folder, &server, &words);
    assert_eq!(
        counts(&second, &["runs", "points", "files"]),
        [0; 3],
        "{second}"
    );
    database("DROP DATABASE");
}

#[test]
fn what_is_here_already_is_told_and_nothing_comes() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = seed(folder);
    let server = Server::start(folder, "data");
    let make = "import sys, mlflow\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        mlflow.create_experiment('mine')\n\
        mlflow.MlflowClient().create_registered_model('classifier')\n";
    let made = python(folder)
        .args(["-c", make, &server.url])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let words = [
        "import",
        "mlflow",
        &store,
        "--artifacts",
        "copy",
        "--server",
        &server.url,
    ];
    let refused = run(folder, &words);
    assert_eq!(refused.status.code(), Some(4), "{}", said(&refused));
    let text = String::from_utf8(refused.stderr).unwrap();
    for line in [
        "2 records cannot come, and nothing was brought",
        "experiment 1: it was made here",
        "model classifier: it was made here",
        "import into another workspace",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let count = "import sys, mlflow\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        assert len(mlflow.search_experiments()) == 2\n\
        assert not mlflow.search_runs(search_all_experiments=True, output_format='list')\n";
    let counted = python(folder)
        .args(["-c", count, &server.url])
        .output()
        .unwrap();
    assert!(counted.status.success(), "{}", said(&counted));
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = seed(folder);
    let words = ["import", "mlflow", &store, "--artifacts", "copy"];
    let mut runs = 0;
    for after_ms in [30, 90, 200] {
        let mut server = Server::start(folder, "data");
        let mut all = words.to_vec();
        all.extend(["--server", &server.url]);
        let mut import = trimtab(folder)
            .args(&all)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Wherever this lands, the next import must end at the same place.
        std::thread::sleep(std::time::Duration::from_millis(after_ms));
        server.child.kill().unwrap();
        runs += u32::from(!import.wait().unwrap().success());
    }
    assert!(runs > 0, "no import was interrupted");
    let server = Server::start(folder, "data");
    let last = report(folder, &server, &words);
    assert_eq!(
        counts(&last, &["runs", "runs_unchanged"])
            .iter()
            .sum::<u64>(),
        8,
        "{last}"
    );
    script(
        folder,
        "compare.py",
        &[&store, &server.url, "same", "artifacts"],
    );
}

#[test]
fn in_out_and_in_again_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let store = seed(folder);
    let first = Server::start(folder, "first");
    report(
        folder,
        &first,
        &["import", "mlflow", &store, "--artifacts", "copy"],
    );
    fs::create_dir(folder.join("peer")).unwrap();
    let peer_store = format!("sqlite:///{}/peer/mlflow.db", folder.display());
    let peer = Server::mlflow(&folder.join("peer"), &peer_store);

    let out = report(folder, &first, &["export", "mlflow", &peer.url]);
    assert_eq!(
        counts(&out, &["runs", "models", "versions"]),
        [8, 3, 4],
        "{out}"
    );
    assert_eq!(out["skipped"], serde_json::json!([]), "{out}");
    let again = report(folder, &first, &["export", "mlflow", &peer.url]);
    assert_eq!(
        counts(
            &again,
            &["runs", "runs_unchanged", "points", "files", "versions"]
        ),
        [0, 8, 0, 0, 0],
        "{again}"
    );

    let second = Server::start(folder, "second");
    let back = report(folder, &second, &["import", "mlflow", &peer.url]);
    assert_eq!(counts(&back, &["runs", "runs_verified"]), [8, 8], "{back}");
    script(
        folder,
        "compare.py",
        &[&peer.url, &second.url, "same", "artifacts"],
    );
    script(
        folder,
        "compare.py",
        &[&first.url, &second.url, "written", "artifacts"],
    );
}

#[test]
fn what_mlflow_alone_cannot_hold_goes_out_too() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, "data");
    fs::create_dir(folder.join("peer")).unwrap();
    let store = format!("sqlite:///{}/peer/mlflow.db", folder.display());
    let peer = Server::mlflow(&folder.join("peer"), &store);
    // Names that were freed, versions copied from a model that comes later, and tags of an export before.
    let make = "import sys, mlflow\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        client = mlflow.MlflowClient()\n\
        for i in range(3):\n    \
            experiment = client.create_experiment('freed')\n    \
            run = client.create_run(experiment, run_name=f'run {i}', tags={'trimtab.run_id': 'old', 'trimtab.export': 'whole'})\n    \
            client.log_inputs(run.info.run_id, [mlflow.entities.DatasetInput(mlflow.entities.Dataset('d', '1', 'local', 'x'))])\n    \
            if i < 2: client.delete_experiment(experiment)\n\
        model = client.create_logged_model(experiment, name='m', tags={'trimtab.model_id': 'old'})\n\
        client.finalize_logged_model(model.model_id, 'READY')\n\
        client.create_registered_model('second', tags={'trimtab.export': 'model'})\n\
        client.create_model_version('second', f'models:/{model.model_id}', model_id=model.model_id)\n\
        client.copy_model_version('models:/second/1', 'first')\n\
        client.set_registered_model_alias('first', 'champion', '1')\n";
    let made = python(folder)
        .args(["-c", make, &server.url])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", said(&made));
    let out = report(folder, &server, &["export", "mlflow", &peer.url]);
    assert_eq!(
        counts(&out, &["experiments", "runs", "models", "versions"]),
        [3, 3, 2, 2],
        "{out}"
    );
    assert_eq!(out["skipped"], serde_json::json!([]), "{out}");
    let again = report(folder, &server, &["export", "mlflow", &peer.url]);
    assert_eq!(
        counts(&again, &["runs", "runs_unchanged", "models", "versions"]),
        [0, 3, 0, 0],
        "{again}"
    );
    let look = "import sys, mlflow\n\
        mlflow.set_tracking_uri(sys.argv[1])\n\
        client = mlflow.MlflowClient()\n\
        def runs(name):\n    \
            experiment = client.get_experiment_by_name(name)\n    \
            found = client.search_runs([experiment.experiment_id], run_view_type=3)\n    \
            return experiment.lifecycle_stage, [run.info.run_name for run in found]\n\
        assert runs('freed') == ('active', ['run 2']), runs('freed')\n\
        assert runs('freed (deleted, 1)') == ('deleted', ['run 0'])\n\
        assert runs('freed (deleted, 2)') == ('deleted', ['run 1'])\n\
        copied = client.get_model_version_by_alias('first', 'champion')\n\
        assert copied.source == 'models:/second/1', copied.source\n";
    let looked = python(folder)
        .args(["-c", look, &peer.url])
        .output()
        .unwrap();
    assert!(looked.status.success(), "{}", said(&looked));
    let unknown = run(
        folder,
        &[
            "export",
            "mlflow",
            &peer.url,
            "--experiment",
            "none",
            "--server",
            &server.url,
        ],
    );
    assert_eq!(unknown.status.code(), Some(4), "{}", said(&unknown));
}
