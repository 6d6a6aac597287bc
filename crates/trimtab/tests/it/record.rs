//! `trimtab run` and `trimtab sync`: scripts as they stand, with the stock client; servers that are away, and that die.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use super::trimtab;

/// A server on a port of its own, so that it can come back to it.
struct Server {
    child: Child,
}

impl Server {
    fn start(folder: &Path, port: u16) -> Self {
        let mut child = trimtab(folder)
            .args(["server", "--output", "json", "--data-dir", "data"])
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(
            lines.any(|line| line.unwrap().contains('}')),
            "the server ended"
        );
        Self { child }
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct World {
    folder: tempfile::TempDir,
    port: u16,
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("TRIMTAB_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from)
}

impl World {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Self {
            folder: tempfile::tempdir().unwrap(),
            port: listener.local_addr().unwrap().port(),
        }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn server(&self) -> Server {
        Server::start(self.path(), self.port)
    }

    fn command(&self) -> Command {
        let mut command = trimtab(self.path());
        command
            .env("TRIMTAB_SERVER", format!("http://127.0.0.1:{}", self.port))
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .env("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "1")
            .env("USER", "someone")
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    /// Runs a script under `trimtab run`.
    fn run(&self, words: &[&str], script: &str) -> Output {
        fs::write(self.path().join("train.py"), script).unwrap();
        self.command()
            .args(["run", "--patience", "1"])
            .args(words)
            .arg("--")
            .arg(python())
            .arg("train.py")
            .output()
            .unwrap()
    }

    fn sync(&self) -> Output {
        self.command()
            .args(["sync", "--output", "json"])
            .output()
            .unwrap()
    }

    fn spools(&self) -> usize {
        let Ok(entries) = fs::read_dir(self.path().join(".trimtab/spool")) else {
            return 0;
        };
        entries
            .filter(|entry| entry.as_ref().unwrap().path().is_dir())
            .count()
    }

    /// Everything that the stock client finds, by the names of runs.
    fn found(&self) -> Value {
        let output = Command::new(python())
            .args(["-c", LOOK])
            .env(
                "MLFLOW_TRACKING_URI",
                format!("http://127.0.0.1:{}", self.port),
            )
            .env("MLFLOW_DISABLE_TELEMETRY", "true")
            .current_dir(self.path())
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(text.lines().last().unwrap()).unwrap()
    }
}

const LOOK: &str = r#"
import json, mlflow
client = mlflow.MlflowClient()
def files(run, path=None):
    found = []
    for entry in client.list_artifacts(run, path):
        found += files(run, entry.path) if entry.is_dir else [entry.path]
    return sorted(found)
def text(run, path):
    return open(mlflow.artifacts.download_artifacts(run_id=run, artifact_path=path)).read()
found = {}
for experiment in client.search_experiments():
    for run in client.search_runs([experiment.experiment_id]):
        id = run.info.run_id
        paths = files(id)
        assert run.info.run_name not in found, f"two runs {run.info.run_name}"
        found[run.info.run_name] = {
            "experiment": experiment.name, "status": run.info.status, "params": run.data.params, "files": paths,
            "tags": run.data.tags,
            "console": text(id, "trimtab/console.log") if "trimtab/console.log" in paths else None,
            "metrics": {key: [[p.step, p.value] for p in client.get_metric_history(id, key)] for key in run.data.metrics},
        }
versions = {f"{v.name}/{v.version}": v.tags for v in client.search_model_versions()}
aliases = {m.name: m.aliases for m in client.search_registered_models()}
print(json.dumps({"runs": found, "versions": versions, "aliases": aliases}))
"#;

/// Two top-level runs, one with a part; the server can be killed in the middle.
const TRAIN: &str = r#"
import os, signal, sys, mlflow
mlflow.set_experiment("flights")
with mlflow.start_run(run_name="first"):
    mlflow.log_param("lr", 0.1)
    for step in range(20):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
        if step == 10 and "VICTIM" in os.environ:
            os.kill(int(os.environ["VICTIM"]), signal.SIGKILL)
    print("said by the first")
    open("report.txt", "w").write("a report")
    mlflow.log_artifact("report.txt")
    with mlflow.start_run(run_name="part", nested=True):
        mlflow.log_metric("score", 1.0)
    mlflow.set_tag("done", "yes")
with mlflow.start_run(run_name="second"):
    mlflow.log_metric("loss", 5.0)
    print("said by the second", file=sys.stderr)
"#;

/// What every way of recording [`TRAIN`] must end in.
fn check_train(found: &Value) {
    let runs = &found["runs"];
    assert_eq!(runs.as_object().unwrap().len(), 3, "{runs}");
    let losses: Vec<Value> = (0..20)
        .map(|step| json!([step, 1.0 / f64::from(step + 1)]))
        .collect();
    let first = &runs["first"];
    assert_eq!(first["metrics"]["loss"], json!(losses));
    assert_eq!(first["params"], json!({ "lr": "0.1" }));
    assert_eq!(first["tags"]["done"], "yes");
    assert_eq!(runs["part"]["metrics"], json!({ "score": [[0, 1.0]] }));
    for name in ["first", "part", "second"] {
        assert_eq!(runs[name]["experiment"], "flights");
        assert_eq!(runs[name]["status"], "FINISHED", "{name}");
    }
    let files = first["files"].as_array().unwrap();
    for file in [
        "report.txt",
        "trimtab/console.log",
        "trimtab/environment.json",
        "trimtab/requirements.txt",
    ] {
        assert!(files.contains(&file.into()), "{file}: {files:?}");
    }
    assert!(
        first["console"]
            .as_str()
            .unwrap()
            .contains("said by the first")
    );
    assert!(
        !first["console"]
            .as_str()
            .unwrap()
            .contains("said by the second")
    );
    assert!(
        runs["second"]["console"]
            .as_str()
            .unwrap()
            .contains("said by the second")
    );
    for name in ["first", "second"] {
        let metrics = &runs[name]["metrics"];
        assert_eq!(
            metrics["usage/cpu_seconds"].as_array().unwrap().len(),
            1,
            "{name}"
        );
        assert!(metrics["usage/wall_seconds"][0][1].as_f64().unwrap() > 0.0);
    }
    let cpu = first["metrics"]["usage/cpu_seconds"][0][1]
        .as_f64()
        .unwrap();
    assert!(cpu > 0.1, "importing mlflow takes longer than {cpu}");
}

#[test]
fn a_script_is_recorded_as_it_stands() {
    let world = World::new();
    let _server = world.server();
    let output = world.run(&[], TRAIN);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "said by the first\n"
    );
    assert!(said.contains("trimtab: recorded: http://"), "{said}");
    let found = world.found();
    check_train(&found);
    // Steps count from 0 on each run, as those of MLflow's own monitor do.
    let memory = &found["runs"]["first"]["metrics"]["system/system_memory_usage_percentage"];
    let steps: Vec<&Value> = memory
        .as_array()
        .unwrap()
        .iter()
        .map(|point| &point[0])
        .collect();
    assert_eq!(steps, (0..steps.len()).collect::<Vec<_>>());
    assert!(!steps.is_empty());
    assert_eq!(world.spools(), 0);
}

#[test]
fn what_was_recorded_while_the_server_was_away_is_delivered_once() {
    let world = World::new();
    fs::write(world.path().join("train.py"), TRAIN).unwrap();
    // The server's token is none of the spool's.
    let output = world
        .command()
        .args(["run", "--patience", "1", "--"])
        .arg(python())
        .arg("train.py")
        .env("MLFLOW_TRACKING_TOKEN", "a token of the server")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("hint: when the server answers again, `trimtab sync`"),
        "{said}"
    );
    assert_eq!(world.spools(), 1);
    let refused = world.sync();
    assert_eq!(refused.status.code(), Some(3));
    assert_eq!(world.spools(), 1);
    let server = world.server();
    // Numbers of experiments differ from the spool's.
    let made = Command::new(python())
        .args(["-c", "import mlflow; mlflow.create_experiment('another')"])
        .env(
            "MLFLOW_TRACKING_URI",
            format!("http://127.0.0.1:{}", world.port),
        )
        .status()
        .unwrap();
    assert!(made.success());
    // Deliveries that die, wherever they are.
    for wait_ms in [20, 60, 120, 200] {
        let mut sync = world
            .command()
            .arg("sync")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        sync.kill().unwrap();
        sync.wait().unwrap();
    }
    // A server that dies under one.
    let mut sync = world
        .command()
        .arg("sync")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(Duration::from_millis(150));
    server.kill();
    sync.wait().unwrap();
    let _server = world.server();
    for _ in 0..2 {
        let done = world.sync();
        assert_eq!(
            done.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    assert_eq!(world.spools(), 0);
    check_train(&world.found());
}

#[test]
fn a_server_that_is_lost_in_the_middle_costs_nothing() {
    let world = World::new();
    let server = world.server();
    fs::write(world.path().join("train.py"), TRAIN).unwrap();
    let output = world
        .command()
        .args(["run", "--patience", "1", "--"])
        .arg(python())
        .arg("train.py")
        .env("VICTIM", server.child.id().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("this run is spooled in"), "{said}");
    server.kill();
    let _server = world.server();
    let done = world.sync();
    assert_eq!(
        done.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    check_train(&world.found());
}

#[test]
fn versions_registered_while_the_server_is_away_get_the_next_numbers_once() {
    const REGISTER: &str = r#"
import mlflow
client = mlflow.MlflowClient()
with mlflow.start_run(run_name=RUN) as run:
    mlflow.log_text("weights", "model/MLmodel")
for model in ("clf",):
    try: client.create_registered_model(model)
    except mlflow.MlflowException: pass
    version = client.create_model_version(model, f"runs:/{run.info.run_id}/model", run.info.run_id)
    client.set_registered_model_alias(model, "candidate", version.version)
mlflow.genai.register_prompt(name="answer", template="Answer {{question}}")
"#;
    let world = World::new();
    let register = |name: &str| REGISTER.replace("RUN", &format!("{name:?}"));
    let server = world.server();
    assert_eq!(world.run(&[], &register("online")).status.code(), Some(0));
    server.kill();
    let output = world.run(&[], &register("away"));
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let _server = world.server();
    for _ in 0..2 {
        assert_eq!(world.sync().status.code(), Some(0));
    }
    let found = world.found();
    let mut versions: Vec<&String> = found["versions"].as_object().unwrap().keys().collect();
    versions.sort();
    assert_eq!(versions, ["clf/1", "clf/2"], "{found}");
    assert_eq!(found["aliases"]["clf"], json!({ "candidate": "2" }));
    assert!(found["versions"]["clf/2"]["trimtab.spool"].is_string());
}

#[test]
fn files_of_tensorboard_and_wandb_are_read() {
    let world = World::new();
    let _server = world.server();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../trimtab-record/tests/files");
    for name in ["torch.tfevents", "offline.wandb"] {
        fs::copy(files.join(name), world.path().join(name)).unwrap();
    }
    // It holds one open until its points are on the run, and leaves the other. Nobody without the address's secret gets in.
    let script = r#"
import json, os, time, urllib.error, urllib.parse, urllib.request
uri = os.environ["MLFLOW_TRACKING_URI"]
def call(path, body, base=uri):
    request = urllib.request.Request(f"{base}/api/2.0/mlflow/{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    return json.load(urllib.request.urlopen(request))
try:
    call("experiments/search", {"max_results": 1}, "http://" + urllib.parse.urlsplit(uri).netloc)
    raise SystemExit("the relay let a stranger in")
except urllib.error.HTTPError as error:
    assert error.code == 403, error
os.makedirs("runs/x"); os.makedirs("wandb/offline-run-1")
open("wandb/offline-run-1/run-1.wandb", "wb").write(open("offline.wandb", "rb").read())
with open("runs/x/events.out.tfevents.1", "wb") as out:
    out.write(open("torch.tfevents", "rb").read()); out.flush()
    until = time.monotonic() + 60
    while True:
        ids = [e["experiment_id"] for e in call("experiments/search", {"max_results": 9})["experiments"]]
        if call("runs/search", {"experiment_ids": ids, "filter": "metrics.acc > 0.3"}).get("runs"): break
        assert time.monotonic() < until, "the points were not read while the file was open"
        time.sleep(0.1)
"#;
    let output = world.run(&["--experiment", "others"], script);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let found = world.found();
    let run = &found["runs"]["first"];
    assert_eq!(run["experiment"], "others", "{found}");
    assert_eq!(run["metrics"]["acc"].as_array().unwrap().len(), 5);
    assert_eq!(run["metrics"]["nested.a"].as_array().unwrap().len(), 40);
    assert_eq!(run["params"]["opt.name"], "adam");
    assert_eq!(run["tags"]["mlflow.source.name"], "train.py");
    assert_eq!(run["tags"]["mlflow.user"], "someone");
}

#[test]
fn how_a_command_ends_is_how_its_run_ends() {
    let world = World::new();
    let _server = world.server();
    let end = |name: &str, command: &[&str]| {
        world
            .command()
            .args(["run", "--name", name, "--"])
            .args(command)
            .output()
            .unwrap()
    };
    assert_eq!(
        end("fails", &["sh", "-c", "echo no; exit 7"]).status.code(),
        Some(7)
    );
    assert_eq!(
        end("dies", &["sh", "-c", "kill -9 $$"]).status.code(),
        Some(137)
    );
    let leaky = world
        .command()
        .args([
            "run",
            "--server",
            "http://me:word@127.0.0.1:9",
            "--",
            "true",
        ])
        .output()
        .unwrap();
    assert_eq!(leaky.status.code(), Some(4));
    assert!(!String::from_utf8_lossy(&leaky.stderr).contains("word@"));
    let missing = end("missing", &["no-such-command"]);
    assert_eq!(missing.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("hint: name a command"));
    // What a crash leaves running is ended too.
    let crash = "import mlflow, os\nmlflow.start_run(run_name='crashed')\nos._exit(9)";
    assert_eq!(world.run(&[], crash).status.code(), Some(9));
    let mut told = world
        .command()
        .args([
            "run",
            "--name",
            "told",
            "--",
            "sh",
            "-c",
            "echo ready; sleep 60 & wait",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(told.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let pid = told.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(told.wait().unwrap().code(), Some(143));
    let prices = "currency: EUR\ncpu_hour: 3600\nmemory_gibibyte_hour: 0\n";
    fs::write(world.path().join("prices.yaml"), prices).unwrap();
    let cost = |words: &[&str]| {
        let mut command = world.command();
        command.args(["cost", "--output", "json"]).args(words);
        command.output().unwrap()
    };
    let told = cost(&[
        "--prices",
        "prices.yaml",
        "--filter",
        "attributes.run_name = 'crashed'",
    ]);
    let said: Value = serde_json::from_slice(&told.stdout).unwrap();
    // A second of a core for one euro.
    let seconds = world.found()["runs"]["crashed"]["metrics"]["usage/cpu_seconds"][0][1]
        .as_f64()
        .unwrap();
    let euros = said["total"]["cost"].as_f64().unwrap();
    assert!((seconds - euros).abs() < 1e-6 && euros > 0.1, "{said}");
    assert_eq!(said["experiments"]["Default"]["runs"], 1);
    for (words, hint) in [
        (&["--prices", "nowhere.yaml"][..], "--prices FILE"),
        (
            &["--prices", "prices.yaml", "--experiment", "none"][..],
            "mlflow experiments search",
        ),
        (&["--prices", "prices.yaml", "--filter", "bad ("][..], ""),
        (
            &[
                "--prices",
                "prices.yaml",
                "00000000000000000000000000000000",
            ][..],
            "",
        ),
    ] {
        let refused = cost(words);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(4), "{words:?}: {said}");
        assert!(said.contains(hint), "{words:?}: {said}");
    }
    let runs = &world.found()["runs"];
    for (name, status) in [
        ("fails", "FAILED"),
        ("dies", "KILLED"),
        ("crashed", "FAILED"),
        ("told", "KILLED"),
    ] {
        assert_eq!(runs[name]["status"], status, "{name}");
    }
    assert_eq!(runs["fails"]["console"], "no\n");
    assert!(runs.get("missing").is_none());
}

#[test]
fn stages_of_a_pipeline_are_recorded_where_a_server_is_named() {
    let world = World::new();
    let _server = world.server();
    let project = world.path().join("flights");
    fs::create_dir(&project).unwrap();
    let pipeline = "stages:
  prepare:
    cmd: echo prepared > table
    outs: [table]
  train:
    cmd: PYTHON train.py
    deps: [table, train.py]
    outs: [model]
";
    let pipeline = pipeline.replace("PYTHON", &python().display().to_string());
    fs::write(project.join("dvc.yaml"), pipeline).unwrap();
    let script = "
import mlflow
with mlflow.start_run(run_name='training'): mlflow.log_metric('auc', 0.7)
print('trained'); open('model', 'w').write('m')
";
    fs::write(project.join("train.py"), script).unwrap();
    let output = world
        .command()
        .args(["repro", "-C", "flights"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let runs = &world.found()["runs"];
    assert_eq!(runs["prepare"]["experiment"], "flights", "{runs}");
    assert_eq!(runs["training"]["metrics"]["auc"], json!([[0, 0.7]]));
    assert_eq!(runs["training"]["console"], "trained\n");
    for name in ["prepare", "training"] {
        assert!(
            runs[name]["metrics"]["usage/cpu_seconds"].is_array(),
            "{name}"
        );
        assert_eq!(runs[name]["status"], "FINISHED");
    }
    // Without a server nothing is recorded, and nothing is spooled.
    let mut plain = trimtab(world.path());
    let output = plain
        .args(["repro", "--force", "-C", "flights"])
        .output()
        .unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!project.join(".trimtab/spool").exists());
    assert_eq!(world.found()["runs"].as_object().unwrap().len(), 2);
}
