//! The OpenAPI document, which is committed so that a change of the API shows in the diff.

use std::{env, fs, path::PathBuf};

#[test]
fn the_committed_openapi_document_is_the_current_one() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/openapi.json");
    let mut current = serde_json::to_string_pretty(&trimtab_edge_api::openapi_document()).unwrap();
    current.push('\n');
    if env::var_os("TRIMTAB_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &current).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == current,
        "docs/reference/openapi.json is not current: run this test with TRIMTAB_UPDATE=1"
    );
}

#[test]
fn every_reference_of_the_document_resolves() {
    let document = trimtab_edge_api::openapi_document();
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    let mut ids: Vec<&str> = document["paths"]
        .as_object()
        .unwrap()
        .values()
        .flat_map(|path| path.as_object().unwrap().values())
        .map(|operation| operation["operationId"].as_str().unwrap())
        .collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation id is used twice");
}
