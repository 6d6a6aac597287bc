//! The emitter against ruamel.yaml 0.19 with DVC's settings: `ruamel.json` holds pairs of a value and the text that
//! it became there, drawn at random from the texts that make an emitter stumble.

use trimtab_dvc::{Value, emit};

#[test]
fn every_byte_is_ruamels() {
    let path = std::env::var("TRIMTAB_RUAMEL_PAIRS").unwrap_or_else(|_| {
        concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/ruamel.json").to_owned()
    });
    let pairs: Vec<(serde_json::Value, String)> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let mut wrong = Vec::new();
    for (value, expected) in &pairs {
        let found = emit(&Value::from(value));
        if found != *expected {
            wrong.push(format!(
                "{value}\n--- ruamel\n{expected:?}\n--- here\n{found:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} differ:\n{}",
        wrong.len(),
        pairs.len(),
        wrong[..wrong.len().min(5)].join("\n\n")
    );
}
