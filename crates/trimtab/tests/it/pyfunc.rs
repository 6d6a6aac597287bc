//! `trimtab models serve` on a Python model, with a real interpreter.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

const LOADER: &str = "
class Model:
    def predict(self, data):
        print('what a model prints')
        if (data['x'] < 0).any():
            raise ValueError('no number below zero')
        return (data['x'] * 2).to_numpy()

def _load_pyfunc(path):
    return Model()
";

const MLMODEL: &str = r#"flavors:
  python_function:
    code: code
    loader_module: doubling
    python_version: 3.11.7
signature:
  inputs: '[{"type": "double", "name": "x", "required": true}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
  params: null
"#;

/// Ended with the test.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    std::env::var_os("TRIMTAB_PYTHON").map_or_else(|| root.join(".venv/bin/python"), PathBuf::from)
}

#[tokio::test]
async fn a_folder_of_ones_own_is_served_when_it_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir_all(model.join("code")).unwrap();
    fs::write(model.join("MLmodel"), MLMODEL).unwrap();
    fs::write(model.join("code/doubling.py"), LOADER).unwrap();
    let words = ["models", "serve", "-m", "model", "--listen", "127.0.0.1:0"];
    let refused = super::trimtab(folder.path())
        .args(words)
        .env("TRIMTAB_MODEL_PYTHON", python())
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(
        said.contains("Python code from an unknown source"),
        "{said}"
    );
    assert!(said.contains("--trust-model"), "{said}");

    let mut served = Served(
        super::trimtab(folder.path())
            .args(words)
            .arg("--trust-model")
            .env("TRIMTAB_MODEL_PYTHON", python())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut line = String::new();
    let mut out = BufReader::new(served.0.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    let (_, rest) = line
        .split_once(" is at ")
        .unwrap_or_else(|| panic!("{line}"));
    let url = rest.split(' ').next().unwrap().to_owned();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let ask = async |x: f64| {
        let body = json!({"dataframe_split": {"columns": ["x"], "data": [[x]]}});
        let answer = http
            .post(format!("{url}/invocations"))
            .json(&body)
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap(),
        )
    };
    assert_eq!(ask(1.5).await, (200, json!({"predictions": [3.0]})));
    let (status, said) = ask(-1.0).await;
    assert_eq!(status, 400);
    let text = said["message"].as_str().unwrap();
    assert!(text.contains("ValueError: no number below zero"), "{text}");
    assert_eq!(ask(2.0).await.0, 200);
}
