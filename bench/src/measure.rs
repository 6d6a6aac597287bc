//! The measurements themselves.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use trimtab_infer::{OnnxRuntime, Tensor};

use crate::http::{Connection, get, post};
use crate::server::Server;
use crate::spread::{Spread, round};

const STARTS: usize = 7;
const WARM_UP: usize = 500;
const REQUESTS: usize = 5000;
/// The server settles before its memory is read.
const REST: Duration = Duration::from_secs(3);
const PATIENCE: Duration = Duration::from_mins(1);

const DESIRED: &str = "\
project: bench
endpoints:
  bench: { model: bench }
";

pub(crate) fn all(binary: &Path, python: &Path) -> Result<Value> {
    let scratch = std::env::temp_dir().join(format!("trimtab-bench-{}", std::process::id()));
    let (starts, rss_mb) = starts(binary, &scratch)?;
    let server = Server::start(binary, &scratch.join("serving"))?;
    let onnx = server.folder().join("model.onnx");
    let raw_python = log_model(python, &server, &onnx)?;
    make_endpoint(binary, &server)?;
    let row = [0.5_f32, -1.0, 0.25, 2.0, -0.75, 0.1, 1.5, -0.2];
    let raw = raw(&onnx, &row)?;
    let http = over_http(&server, &row)?;
    let rss_serving_mb = server.rss_mb()?;
    drop(server);
    let _ = std::fs::remove_dir_all(&scratch);
    Ok(json!({
        "machine": machine(),
        "binary_mb": round(binary.metadata()?.len() as f64 / 1e6),
        "start_to_healthy_ms": starts.to_json(),
        "idle_rss_mb": round(rss_mb),
        "rss_after_predictions_mb": round(rss_serving_mb),
        "predict_one_row_us": {
            "http": http.to_json(),
            "in_process": raw.to_json(),
            "in_process_python_p50": round(raw_python),
            "http_over_in_process": round(http.p50 / raw.p50),
            "http_minus_in_process": round(http.p50 - raw.p50),
        },
    }))
}

fn starts(binary: &Path, scratch: &Path) -> Result<(Spread, f64)> {
    let mut times = Vec::new();
    let mut rss_mb = 0.0;
    for number in 0..STARTS {
        let server = Server::start(binary, &scratch.join(format!("start-{number}")))?;
        times.push(server.start_ms);
        if number + 1 == STARTS {
            std::thread::sleep(REST);
            rss_mb = server.rss_mb()?;
        }
    }
    let times = Spread::of(times).context("no start was measured")?;
    Ok((times, rss_mb))
}

/// Logs and registers the model with the real client; answers the client's own time for one row in process.
fn log_model(python: &Path, server: &Server, onnx: &Path) -> Result<f64> {
    let output = Command::new(python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/model.py"))
        .arg(onnx)
        .env("MLFLOW_TRACKING_URI", server.url())
        .env("MLFLOW_DISABLE_TELEMETRY", "true")
        .output()
        .context("cannot start Python")?;
    if !output.status.success() {
        bail!("model.py: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last().unwrap_or_default();
    let value: Value =
        serde_json::from_str(last).with_context(|| format!("model.py wrote `{last}`"))?;
    value["p50_us"].as_f64().context("model.py gave no time")
}

/// The endpoint as a person makes it: a file in a repository, and `trimtab apply`.
fn make_endpoint(binary: &Path, server: &Server) -> Result<()> {
    let project = server.folder().join("project");
    std::fs::create_dir_all(&project)?;
    std::fs::write(project.join("trimtab.yaml"), DESIRED)?;
    for arguments in [
        &["init", "--quiet"][..],
        &["add", "."],
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@localhost",
            "commit",
            "--quiet",
            "--message=bench",
        ],
    ] {
        succeed(Command::new("git").args(arguments).current_dir(&project))?;
    }
    succeed(
        Command::new(binary)
            .args(["apply", "--server", &server.url()])
            .current_dir(&project),
    )?;
    // The endpoint follows the alias; where that has brought the version in already, this one is refused.
    let _ = succeed(
        Command::new(binary)
            .args(["rollout", "start", "bench", "--version", "1"])
            .args(["--server", &server.url()])
            .current_dir(&project),
    );
    let begin = Instant::now();
    let mut connection = Connection::open(server.address)?;
    while begin.elapsed() < PATIENCE {
        if connection.call(&get("/v2/models/bench/ready"))?.status == 200 {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("the endpoint was not ready in {PATIENCE:?}");
}

fn succeed(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    if !output.status.success() {
        bail!(
            "{} failed: {}{}",
            command.get_program().to_string_lossy(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

fn raw(onnx: &Path, row: &[f32; 8]) -> Result<Spread> {
    let engine = OnnxRuntime::locate(None)?.open(onnx)?;
    let name = engine.signature().inputs[0].name.clone();
    let inputs = [Tensor::new(name, vec![1, 8], row.to_vec())?];
    let times = timed(|| engine.run(&inputs).map(|_| ()).map_err(Into::into))?;
    Spread::of(times).context("nothing was measured")
}

fn over_http(server: &Server, row: &[f32; 8]) -> Result<Spread> {
    let mut connection = Connection::open(server.address)?;
    let metadata = connection.call(&get("/v2/models/bench"))?;
    let metadata: Value = serde_json::from_slice(&metadata.body)?;
    let input = metadata["inputs"][0]["name"]
        .as_str()
        .context("the model's metadata name no input")?;
    let body =
        json!({"inputs": [{"name": input, "datatype": "FP32", "shape": [1, 8], "data": row}]});
    let request = post("/v2/models/bench/infer", &body.to_string());
    let times = timed(|| {
        let answer = connection.call(&request)?;
        if answer.status != 200 {
            bail!(
                "a prediction answered {}: {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            );
        }
        Ok(())
    })?;
    Spread::of(times).context("nothing was measured")
}

/// Microseconds of each call after the warm-up.
fn timed(mut call: impl FnMut() -> Result<()>) -> Result<Vec<f64>> {
    let mut times = Vec::with_capacity(REQUESTS);
    for number in 0..WARM_UP + REQUESTS {
        let begin = Instant::now();
        call()?;
        if number >= WARM_UP {
            times.push(begin.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(times)
}

fn machine() -> Value {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZeroUsize::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    json!({
        "cpu": model,
        "cores": cores,
        "load_1m": load.split_whitespace().next(),
    })
}
