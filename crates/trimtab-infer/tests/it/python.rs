//! Python models in real workers: what they answer, and what becomes of those that misbehave.

use std::{
    fs,
    path::PathBuf,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use trimtab_infer::{
    AnswerForm, DataType, Engine, InferError, Limits, PythonEnvironments, PythonModels,
    SCORING_REQUEST, Tensor, TensorData,
};
use trimtab_types::{Coded as _, ErrorCode};

/// A loader in the model's own folder: `predict` of `code` is the model.
const LOADER: &str = r"
import os, sys, time
import numpy
import pandas

class Model:
    def predict(self, data):
        return predict(data)

def _load_pyfunc(path):
    return Model()
";

/// One double goes in as `input`.
const TENSOR: &str = r#"[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]"#;
const COLUMNS: &str = r#"[{"type": "double", "name": "a", "required": true}, {"type": "string", "name": "b", "required": true}]"#;

pub(crate) fn interpreter() -> PathBuf {
    std::env::var_os("TRIMTAB_PYTHON").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
        PathBuf::from,
    )
}

struct Made {
    engine: Arc<dyn Engine>,
    _folder: tempfile::TempDir,
}

fn folder(code: &str, inputs: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let signature = inputs.map_or_else(String::new, |inputs| {
        format!("signature:\n  inputs: '{inputs}'\n  outputs: null\n  params: null\n")
    });
    let mlmodel = format!(
        "flavors:\n  python_function:\n    code: code\n    loader_module: a_loader\n    python_version: 3.11.7\nmlflow_version: 3.17.2\n{signature}"
    );
    fs::write(folder.path().join("MLmodel"), mlmodel).unwrap();
    fs::create_dir(folder.path().join("code")).unwrap();
    fs::write(
        folder.path().join("code/a_loader.py"),
        format!("{LOADER}\n{code}\n"),
    )
    .unwrap();
    folder
}

fn models(limits: Limits) -> PythonModels {
    let nowhere = PathBuf::from("/nonexistent");
    PythonModels::new(
        PythonEnvironments::new(nowhere, Some(interpreter()), None),
        limits,
    )
}

fn made(code: &str, inputs: Option<&str>, limits: Limits) -> Made {
    let folder = folder(code, inputs);
    let engine = models(limits).open(folder.path()).unwrap();
    Made {
        engine,
        _folder: folder,
    }
}

impl Made {
    fn number(&self, value: f64) -> Result<f64, InferError> {
        let input = Tensor::new("input", vec![1], vec![value]).unwrap();
        let outputs = self.engine.run(&[input])?;
        Ok(outputs[0].data().as_f64(0).unwrap())
    }

    /// Asks until the answer is no refusal for want of a worker.
    fn number_soon(&self, value: f64) -> f64 {
        let until = Instant::now() + Duration::from_mins(1);
        loop {
            match self.number(value) {
                Ok(answer) => return answer,
                Err(error) if Instant::now() > until => panic!("{error}"),
                Err(_) => thread::sleep(Duration::from_millis(50)),
            }
        }
    }
}

#[test]
fn columns_go_in_as_a_frame_and_every_kind_of_answer_comes_back() {
    let made = made(
        r#"
def predict(data):
    print("what a model prints", list(data.columns))
    os.write(1, b"TTP1 and what it writes raw")
    kind = data["b"][0]
    if kind == "array":
        return data["a"].to_numpy() * 2
    if kind == "frame":
        return pandas.DataFrame({"twice": data["a"] * 2, "b": data["b"]})
    if kind == "series":
        return data["a"]
    if kind == "dictionary":
        return {"p": numpy.array([[1.0, float("nan")]], dtype="float32"), "n": numpy.array([3])}
    if kind == "texts":
        return ["x", "ü"]
    if kind == "objects":
        return [{"label": "x", "score": float("nan"), "n": numpy.int64(3)}]
    return None
"#,
        Some(COLUMNS),
        Limits::default(),
    );
    let names: Vec<&str> = made
        .engine
        .signature()
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(made.engine.platform(), "mlflow_pyfunc");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let ask = |kind: &str| {
        let inputs = vec![
            Tensor::new("a", vec![2, 1], vec![1.5_f64, 2.0]).unwrap(),
            Tensor::new(
                "b",
                vec![2, 1],
                vec![Bytes::from(kind.to_owned()), Bytes::new()],
            )
            .unwrap(),
        ];
        let asked = made.engine.ask(&Arc::new(inputs)).unwrap();
        let answer = runtime.block_on(asked).unwrap();
        (answer.form, answer.outputs)
    };
    let (form, outputs) = ask("array");
    assert_eq!(form, AnswerForm::Array);
    let twice = Tensor::new("output", vec![2], vec![3.0_f64, 4.0]).unwrap();
    assert_eq!(outputs, std::slice::from_ref(&twice));
    let (form, outputs) = ask("frame");
    assert_eq!(form, AnswerForm::Frame);
    assert_eq!(outputs[0], twice.named("twice"));
    assert_eq!(
        outputs[1].data(),
        &TensorData::Bytes(vec!["frame".into(), "".into()])
    );
    let (form, outputs) = ask("series");
    assert_eq!((form, outputs[0].name()), (AnswerForm::Frame, "a"));
    let (form, outputs) = ask("dictionary");
    assert_eq!(form, AnswerForm::Dictionary);
    assert_eq!(outputs[0].shape(), [1, 2]);
    assert_eq!(outputs[0].data_type(), DataType::Fp32);
    assert_eq!(outputs[1].data(), &TensorData::Int64(vec![3]));
    let (form, outputs) = ask("texts");
    assert_eq!(form, AnswerForm::Array);
    assert_eq!(
        outputs[0].data(),
        &TensorData::Bytes(vec!["x".into(), "ü".into()])
    );
    let (form, outputs) = ask("objects");
    assert_eq!(form, AnswerForm::Json);
    let text = r#"[{"label": "x", "score": null, "n": 3}]"#;
    assert_eq!(outputs[0].data(), &TensorData::Bytes(vec![text.into()]));
}

#[test]
fn a_model_without_a_signature_takes_tensors_and_documents() {
    let made = made(
        "def predict(data):\n    return [type(data).__name__, str(numpy.asarray(data).shape)]",
        None,
        Limits::default(),
    );
    assert!(made.engine.signature().is_open);
    let ask = |inputs: &[Tensor]| {
        made.engine.signature().check(inputs).unwrap();
        let outputs = made.engine.run(inputs).unwrap();
        match outputs[0].data() {
            TensorData::Bytes(texts) => texts
                .iter()
                .map(|text| String::from_utf8_lossy(text).into_owned())
                .collect::<Vec<_>>()
                .join(" "),
            other => panic!("{other:?}"),
        }
    };
    let matrix = Tensor::new("x", vec![2, 3], vec![0.5_f32; 6]).unwrap();
    assert_eq!(ask(&[matrix]), "ndarray (2, 3)");
    let a = Tensor::new("a", vec![2, 1], vec![0.5_f32; 2]).unwrap();
    let b = Tensor::new("b", vec![2], vec![1_i64; 2]).unwrap();
    assert_eq!(ask(&[a, b]), "DataFrame (2, 2)");
    let document = |text: &'static str| {
        Tensor::new(
            SCORING_REQUEST,
            vec![1],
            vec![Bytes::from_static(text.as_bytes())],
        )
        .unwrap()
    };
    let split = r#"{"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}}"#;
    assert_eq!(ask(&[document(split)]), "DataFrame (1, 2)");
    assert_eq!(
        ask(&[document(r#"{"inputs": [[1, 2, 3]]}"#)]),
        "ndarray (1, 3)"
    );
    assert_eq!(ask(&[document("a,b\n1,2\n3,4\n")]), "DataFrame (2, 2)");
}

#[test]
fn an_exception_is_told_and_the_worker_lives() {
    let made = made(
        r#"
def predict(data):
    if data[0] < 0:
        raise ValueError("no number below zero")
    if data[0] == 0:
        sys.exit(3)
    return numpy.array([float(os.getpid())])
"#,
        Some(TENSOR),
        Limits::default(),
    );
    let worker = made.number(1.0).unwrap();
    let error = made.number(-1.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model raised ValueError: no number below zero"
    );
    assert!(matches!(error.code(), ErrorCode::Invalid { .. }));
    assert!(error.hint().unwrap().contains("in predict"));
    let error = made.number(0.0).unwrap_err();
    assert_eq!(error.to_string(), "the model raised SystemExit: 3");
    assert_eq!(made.number(1.0).unwrap(), worker);
}

#[test]
fn a_model_that_does_not_load_says_why() {
    let refused = |code: &str, limits: Limits| {
        let folder = folder(code, None);
        models(limits).open(folder.path()).unwrap_err().to_string()
    };
    let error = refused(
        "raise RuntimeError('no weights here')\ndef predict(data): pass",
        Limits::default(),
    );
    assert!(error.contains("RuntimeError: no weights here"), "{error}");
    assert!(error.contains("a_loader.py"), "{error}");
    let error = refused("os._exit(7)", Limits::default());
    assert!(error.contains("it ended with code 7"), "{error}");
    let limits = Limits {
        start: Duration::from_secs(10),
        ..Limits::default()
    };
    let error = refused("time.sleep(600)", limits);
    assert!(error.contains("it was not loaded within 10s"), "{error}");
}

#[test]
fn a_killed_worker_is_started_again_and_only_its_request_is_lost() {
    let code = "def predict(data):\n    time.sleep(0.01)\n    return numpy.array([float(os.getpid()), data[0]])";
    let made = Arc::new(made(code, Some(TENSOR), Limits::default()));
    let worker = made.number(1.0).unwrap();
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let made = Arc::clone(&made);
            thread::spawn(move || {
                let until = Instant::now() + Duration::from_mins(1);
                let (mut lost, mut after) = (0, 0);
                // Goes on until the second worker has answered.
                while after < 20 && Instant::now() < until {
                    match made.number(f64::from(n)) {
                        Ok(pid) if pid == worker => {}
                        Ok(_) => after += 1,
                        Err(InferError::WorkerDied { .. }) => lost += 1,
                        Err(other) => panic!("{other}"),
                    }
                }
                (lost, after)
            })
        })
        .collect();
    kill(worker);
    let (mut lost, mut after) = (0, 0);
    for thread in threads {
        let (l, a) = thread.join().unwrap();
        lost += l;
        after += a;
    }
    assert!(lost <= 1, "{lost} requests were lost");
    assert_eq!(after, 80);
}

#[expect(clippy::cast_possible_truncation, reason = "a process id")]
fn kill(worker: f64) {
    let id = nix::unistd::Pid::from_raw(worker as i32);
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[test]
fn a_request_that_hangs_is_ended_and_the_next_is_answered() {
    let limits = Limits {
        deadline: Duration::from_secs(2),
        ..Limits::default()
    };
    let code = "def predict(data):\n    if data[0] < 0: time.sleep(600)\n    return data";
    let made = made(code, Some(TENSOR), limits);
    let started = Instant::now();
    let error = made.number(-1.0).unwrap_err();
    assert_eq!(error.to_string(), "the model did not answer within 2s");
    assert_eq!(error.code(), ErrorCode::DeadlineExceeded);
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(made.number_soon(4.0), 4.0);
}

#[test]
fn a_request_that_ends_two_workers_is_asked_no_more_and_others_go_on() {
    let code = "def predict(data):\n    if data[0] < 0: os.kill(os.getpid(), 11)\n    return data";
    let made = made(code, Some(TENSOR), Limits::default());
    for _ in 0..2 {
        let error = made.number(-1.0).unwrap_err();
        assert!(
            error.to_string().contains("it was killed by signal 11"),
            "{error}"
        );
        assert_eq!(error.code(), ErrorCode::Unavailable);
        assert_eq!(made.number_soon(2.0), 2.0);
    }
    let error = made.number(-1.0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this request ended the model's worker 2 times and is not tried again"
    );
    assert!(matches!(error.code(), ErrorCode::Invalid { .. }));
    assert_eq!(made.number(3.0).unwrap(), 3.0);
}

#[test]
fn workers_that_end_again_and_again_are_refused_at_once() {
    let code = "def predict(data):\n    os._exit(1)";
    let made = made(code, Some(TENSOR), Limits::default());
    let mut value = 0.0;
    let down = loop {
        value += 1.0;
        match made.number(value).unwrap_err() {
            InferError::WorkerDied { .. } => assert!(value < 8.0, "the circuit is not broken"),
            other => break other,
        }
    };
    let text = down.to_string();
    assert!(
        text.contains(
            "its worker ended 5 times within 60 s, the last time so: it ended with code 1"
        ),
        "{text}"
    );
    assert_eq!(down.code(), ErrorCode::Unavailable);
}

#[test]
fn a_worker_that_grows_is_replaced_without_a_lost_request() {
    let limits = Limits {
        memory: Some(700 << 20),
        ..Limits::default()
    };
    let code = "kept = []\ndef predict(data):\n    kept.append(bytearray(int(data[0]) << 20))\n    return numpy.array([float(os.getpid())])";
    let made = made(code, Some(TENSOR), limits);
    let worker = made.number(600.0).unwrap();
    let until = Instant::now() + Duration::from_mins(1);
    while made.number(0.0).unwrap() == worker {
        assert!(Instant::now() < until, "the worker was not replaced");
        thread::sleep(Duration::from_millis(20));
    }
    let error = made.number(8000.0).unwrap_err();
    assert!(error.to_string().contains("MiB of memory"), "{error}");
}

#[test]
fn a_worker_gets_no_secret_and_no_network() {
    let code = r#"
import socket
def predict(data):
    try:
        socket.create_connection(("192.0.2.1", 80), timeout=5)
        reached = "reached"
    except OSError as error:
        reached = type(error).__name__ + " " + str(error.errno)
    status = open("/proc/self/status").read()
    return [{"variables": sorted(os.environ), "reached": reached, "group": os.getpgrp() == os.getpid(),
             "privileges": "NoNewPrivs:\t1" in status, "stdin": sys.stdin.read()}]
"#;
    let made = made(code, Some(TENSOR), Limits::default());
    let input = Tensor::new("input", vec![1], vec![0.0_f64]).unwrap();
    let outputs = made.engine.run(&[input]).unwrap();
    let TensorData::Bytes(texts) = outputs[0].data() else {
        panic!("{outputs:?}");
    };
    let said: serde_json::Value = serde_json::from_slice(&texts[0]).unwrap();
    let said = &said[0];
    assert_eq!(said["group"], true, "{said}");
    assert_eq!(said["privileges"], true, "{said}");
    assert_eq!(said["stdin"], "", "{said}");
    // Where the kernel lets a process leave the network, no route leads anywhere (ENETUNREACH).
    let leaves = std::process::Command::new("unshare")
        .args(["--map-current-user", "--net", "true"])
        .output()
        .is_ok_and(|ran| ran.status.success());
    if leaves {
        assert_eq!(said["reached"], "OSError 101", "{said}");
    }
    let variables = said["variables"].to_string();
    assert!(!variables.contains("CARGO"), "{variables}");
    assert!(!variables.contains("TRIMTAB"), "{variables}");
}
