//! What clients ask before anything else.

use http::header;
use serde_json::json;

use crate::{MLFLOW_VERSION, wire::Json};

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];

pub(crate) async fn health() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    (TEXT, "OK")
}

pub(crate) async fn version() -> ([(header::HeaderName, &'static str); 1], &'static str) {
    (TEXT, MLFLOW_VERSION)
}

/// Which of MLflow's optional features this server has.
pub(crate) async fn server_info() -> Json {
    Json(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": true,
        "multipart_downloads_enabled": true,
        "presigned_upload_run_id_supported": true,
        "presigned_upload_model_id_supported": true,
    }))
}
