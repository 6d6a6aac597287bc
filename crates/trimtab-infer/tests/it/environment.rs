//! Environments made for models, by the real tools, from a package that lies beside the model.

use std::{fs, path::Path, process::Command};

use trimtab_infer::PythonEnvironments;

use crate::python::interpreter;

/// Writes a wheel: an archive with its metadata.
const WHEEL: &str = r#"
import sys, zipfile
with zipfile.ZipFile(sys.argv[1] + "/tiny-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("tiny.py", "SIZE = 3\n")
    wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
    wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr("tiny-1.0.dist-info/RECORD", "tiny.py,,\ntiny-1.0.dist-info/METADATA,,\ntiny-1.0.dist-info/WHEEL,,\ntiny-1.0.dist-info/RECORD,,\n")
"#;

fn model(at: &Path, requirements: &str) {
    fs::create_dir(at).unwrap();
    let made = Command::new(interpreter())
        .args(["-c", WHEEL])
        .arg(at)
        .status()
        .unwrap();
    assert!(made.success());
    fs::write(at.join("requirements.txt"), requirements).unwrap();
}

#[test]
fn an_environment_is_made_once_from_the_models_own_files_and_shared() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("environments");
    let environments = PythonEnvironments::new(kept.clone(), None, None);
    let (one, two, bad) = (
        folder.path().join("one"),
        folder.path().join("two"),
        folder.path().join("bad"),
    );
    model(&one, "# what it needs\n./tiny-1.0-py3-none-any.whl\n");
    model(&two, "./tiny-1.0-py3-none-any.whl\n");
    model(&bad, "./no-such-1.0-py3-none-any.whl\n");
    let python = environments.python_of(&one).unwrap();
    let said = Command::new(&python)
        .args(["-I", "-c", "import tiny; print(tiny.SIZE)"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout), "3\n");
    assert_eq!(environments.python_of(&two).unwrap(), python);
    let error = environments.python_of(&bad).unwrap_err().to_string();
    assert!(error.contains("no-such-1.0"), "{error}");
    let names: Vec<_> = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 1, "what failed leaves nothing: {names:?}");
}
