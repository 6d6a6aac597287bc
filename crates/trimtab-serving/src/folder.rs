//! A model's folder as MLflow lays it out: `MLmodel` (YAML) and the files of its flavors.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use serde::Deserialize;

use crate::ServingError;

/// The largest `MLmodel` that is read.
const MAX_MLMODEL_BYTES: u64 = 4 << 20;

/// What can be served from a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ModelFolder {
    /// What runs it.
    pub(crate) engine: EngineKind,
    /// The input columns of the model's own signature, where it has one with named columns.
    pub(crate) columns: Option<Vec<String>>,
}

/// What runs a model.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum EngineKind {
    /// ONNX Runtime: the ONNX file.
    Onnx(PathBuf),
    /// A worker that loads MLflow's Python function: the folder.
    Python(PathBuf),
}

#[derive(Deserialize)]
struct MlModel {
    #[serde(default)]
    flavors: BTreeMap<String, serde_json::Value>,
    #[serde(default)]
    signature: Option<MlSignature>,
}

#[derive(Deserialize)]
struct MlSignature {
    #[serde(default)]
    inputs: Option<String>,
}

#[derive(Deserialize)]
struct MlColumn {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: String,
}

impl ModelFolder {
    /// Reads a folder; a file that is no folder, and a folder with only `model.onnx`, count as ONNX.
    pub(crate) fn read(path: &Path) -> Result<Self, ServingError> {
        let plain = |onnx: PathBuf| Self {
            engine: EngineKind::Onnx(onnx),
            columns: None,
        };
        if path.is_file() {
            return Ok(plain(path.to_owned()));
        }
        let broken = |reason: String| ServingError::Folder {
            folder: path.display().to_string(),
            reason,
        };
        let file = path.join("MLmodel");
        if !file.is_file() {
            let onnx = path.join("model.onnx");
            if onnx.is_file() {
                return Ok(plain(onnx));
            }
            return Err(broken("it has no file `MLmodel`".to_owned()));
        }
        let size = fs::metadata(&file)
            .map_err(|e| broken(e.to_string()))?
            .len();
        if size > MAX_MLMODEL_BYTES {
            return Err(broken(format!("its `MLmodel` has {size} bytes")));
        }
        let text = fs::read_to_string(&file).map_err(|e| broken(format!("`MLmodel`: {e}")))?;
        let mlmodel: MlModel =
            serde_saphyr::from_str(&text).map_err(|e| broken(format!("`MLmodel`: {e}")))?;
        let columns = mlmodel
            .signature
            .and_then(|signature| columns(&signature.inputs?));
        let Some(onnx) = mlmodel.flavors.get("onnx") else {
            if mlmodel.flavors.contains_key("python_function") {
                return Ok(Self {
                    engine: EngineKind::Python(path.to_owned()),
                    columns,
                });
            }
            let found: Vec<&str> = mlmodel.flavors.keys().map(String::as_str).collect();
            return Err(ServingError::Flavor {
                folder: path.display().to_string(),
                found: if found.is_empty() {
                    "none".to_owned()
                } else {
                    found.join(", ")
                },
            });
        };
        let data = onnx
            .get("data")
            .and_then(serde_json::Value::as_str)
            .unwrap_or("model.onnx");
        let is_inside = Path::new(data)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !is_inside {
            return Err(broken(format!(
                "its onnx flavor names `{data}`, which is outside the folder"
            )));
        }
        let onnx = path.join(data);
        if !onnx.is_file() {
            return Err(broken(format!(
                "its onnx flavor names `{data}`, which is not there"
            )));
        }
        Ok(Self {
            engine: EngineKind::Onnx(onnx),
            columns,
        })
    }
}

/// The names of a column signature; tensor signatures have none, and a signature that cannot be read is no reason
/// not to serve.
fn columns(inputs: &str) -> Option<Vec<String>> {
    let columns: Vec<MlColumn> = serde_json::from_str(inputs).ok()?;
    let names: Option<Vec<String>> = columns
        .into_iter()
        .map(|column| column.name.filter(|_| column.kind != "tensor"))
        .collect();
    names.filter(|names| !names.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(mlmodel: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("MLmodel"), mlmodel).unwrap();
        fs::write(folder.path().join("model.onnx"), b"x").unwrap();
        folder
    }

    #[test]
    fn an_onnx_flavor_is_found_with_its_columns() {
        // As mlflow 3.17 writes it.
        let folder = folder(
            r#"flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_session_options: null
    onnx_version: 1.23.2
    providers:
    - CUDAExecutionProvider
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    env:
      conda: conda.yaml
      virtualenv: python_env.yaml
    loader_module: mlflow.onnx
    python_version: 3.11.7
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: null
model_size_bytes: 7278
signature:
  inputs: '[{"type": "string", "name": "carrier", "required": true}, {"type": "double",
    "name": "temp", "required": true}]'
  outputs: '[{"type": "long", "name": "label", "required": true}]'
  params: null
utc_time_created: '2026-11-24 22:38:24.405115'
"#,
        );
        let read = ModelFolder::read(folder.path()).unwrap();
        assert_eq!(
            read.engine,
            EngineKind::Onnx(folder.path().join("model.onnx"))
        );
        assert_eq!(
            read.columns,
            Some(vec!["carrier".to_owned(), "temp".to_owned()])
        );
    }

    #[test]
    fn a_model_without_onnx_is_its_python_function() {
        let folder = folder(
            "flavors:\n  sklearn: {pickled_model: model.pkl}\n  python_function: {}\nsignature:\n  inputs: '[{\"type\": \"double\", \"name\": \"x\"}]'\n",
        );
        let read = ModelFolder::read(folder.path()).unwrap();
        assert_eq!(read.engine, EngineKind::Python(folder.path().to_owned()));
        assert_eq!(read.columns, Some(vec!["x".to_owned()]));
    }

    #[test]
    fn what_cannot_be_served_is_said_clearly() {
        let message = |mlmodel: &str| {
            let folder = folder(mlmodel);
            let error = ModelFolder::read(folder.path()).unwrap_err().to_string();
            error.replace(&folder.path().display().to_string(), "DIR")
        };
        assert_eq!(
            message("flavors:\n  sklearn: {pickled_model: model.pkl}\n  mleap: {}\n"),
            "the model in DIR has no flavor that can be served: it has mleap, sklearn"
        );
        assert_eq!(
            message("flavors:\n  onnx: {data: ../../etc/passwd}\n"),
            "the model folder DIR is broken: its onnx flavor names `../../etc/passwd`, which is outside the folder"
        );
        assert_eq!(
            message("flavors:\n  onnx: {data: other.onnx}\n"),
            "the model folder DIR is broken: its onnx flavor names `other.onnx`, which is not there"
        );
        assert!(message("flavors: [").contains("`MLmodel`"));
    }
}
