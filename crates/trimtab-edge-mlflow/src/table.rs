//! The table of paths. Every API path is there twice: MLflow's UI calls it below `/ajax-api`.

use trimtab_edge::{BodyLimit, Edge, Gate, Route, Routes};
use trimtab_types::Verb::{Read, Write};

use crate::{
    Services, artifacts, experiments, history, logged_models, models, probes, runs, transfers,
    versions,
};

/// Adds a route below `/api` and below `/ajax-api`.
macro_rules! both {
    ($routes:expr, $method:ident $path:literal $verb:ident $resource:literal $handler:expr) => {
        $routes
            .route(Route::$method(concat!("/api/", $path), $verb, $resource), $handler)
            .route(Route::$method(concat!("/ajax-api/", $path), $verb, $resource), $handler)
    };
    ($routes:expr; $($method:ident $path:literal $verb:ident $resource:literal $handler:expr;)*) => {{
        let routes = $routes;
        $(let routes = both!(routes, $method $path $verb $resource $handler);)*
        routes
    }};
}

pub(crate) fn routes() -> Routes<Services> {
    Routes::new(Edge::Mlflow)
        .route(Route::public("/health", "server"), probes::health)
        .route(Route::public("/version", "server"), probes::version)
        .route(
            Route::get("/get-artifact", Read, "artifact"),
            artifacts::get_of_run,
        )
        .route(
            Route::get("/model-versions/get-artifact", Read, "artifact"),
            artifacts::get_of_version,
        )
        .merge(of_tracking())
        .merge(of_logged_models())
        .merge(of_registry())
        .merge(of_artifacts())
}

fn of_tracking() -> Routes<Services> {
    // A dataset's profile alone may have 16 million characters, and JSON may write each as several.
    let inputs = |path| Route::post(path, Write, "run").body_limit(BodyLimit::Bytes(128 << 20));
    let routes = Routes::new(Edge::Mlflow)
        .route(inputs("/api/2.0/mlflow/runs/log-inputs"), runs::log_inputs)
        .route(
            inputs("/ajax-api/2.0/mlflow/runs/log-inputs"),
            runs::log_inputs,
        );
    both!(routes;
        get "3.0/mlflow/server-info" Read "server" probes::server_info;
        post "2.0/mlflow/experiments/create" Write "experiment" experiments::create;
        get "2.0/mlflow/experiments/get" Read "experiment" experiments::get;
        get "2.0/mlflow/experiments/get-by-name" Read "experiment" experiments::get_by_name;
        post "2.0/mlflow/experiments/delete" Write "experiment" experiments::delete;
        post "2.0/mlflow/experiments/restore" Write "experiment" experiments::restore;
        post "2.0/mlflow/experiments/update" Write "experiment" experiments::update;
        post "2.0/mlflow/experiments/search" Read "experiment" experiments::search;
        get "2.0/mlflow/experiments/search" Read "experiment" experiments::search;
        post "2.0/mlflow/experiments/set-experiment-tag" Write "experiment" experiments::set_tag;
        post "2.0/mlflow/experiments/delete-experiment-tag" Write "experiment" experiments::delete_tag;
        post "2.0/mlflow/runs/create" Write "run" runs::create;
        get "2.0/mlflow/runs/get" Read "run" runs::get;
        post "2.0/mlflow/runs/update" Write "run" runs::update;
        post "2.0/mlflow/runs/delete" Write "run" runs::delete;
        post "2.0/mlflow/runs/restore" Write "run" runs::restore;
        post "2.0/mlflow/runs/search" Read "run" runs::search;
        post "2.0/mlflow/runs/log-metric" Write "run" runs::log_metric;
        post "2.0/mlflow/runs/log-parameter" Write "run" runs::log_param;
        post "2.0/mlflow/runs/set-tag" Write "run" runs::set_tag;
        post "2.0/mlflow/runs/delete-tag" Write "run" runs::delete_tag;
        post "2.0/mlflow/runs/log-batch" Write "run" runs::log_batch;
        post "2.0/mlflow/runs/outputs" Write "run" runs::log_outputs;
        post "2.0/mlflow/runs/log-model" Write "run" runs::log_model;
        get "2.0/mlflow/metrics/get-history" Read "run" history::get;
        get "2.0/mlflow/metrics/get-history-bulk" Read "run" history::get_whole;
        get "2.0/mlflow/metrics/get-history-bulk-interval" Read "run" history::get_bulk;
    )
}

fn of_logged_models() -> Routes<Services> {
    both!(Routes::new(Edge::Mlflow);
        post "2.0/mlflow/logged-models" Write "logged_model" logged_models::create;
        post "2.0/mlflow/logged-models/search" Read "logged_model" logged_models::search;
        get "2.0/mlflow/logged-models/{model_id}" Read "logged_model" logged_models::get;
        patch "2.0/mlflow/logged-models/{model_id}" Write "logged_model" logged_models::finalize;
        delete "2.0/mlflow/logged-models/{model_id}" Write "logged_model" logged_models::delete;
        post "2.0/mlflow/logged-models/{model_id}/params" Write "logged_model" logged_models::log_params;
        patch "2.0/mlflow/logged-models/{model_id}/tags" Write "logged_model" logged_models::set_tags;
        delete "2.0/mlflow/logged-models/{model_id}/tags/{tag_key}" Write "logged_model" logged_models::delete_tag;
        get "2.0/mlflow/logged-models/{model_id}/artifacts/directories" Read "artifact" artifacts::list_logged_model;
        get "2.0/mlflow/logged-models/{model_id}/artifacts/files" Read "artifact" artifacts::get_of_logged_model;
    )
}

fn of_registry() -> Routes<Services> {
    both!(Routes::new(Edge::Mlflow);
        post "2.0/mlflow/registered-models/create" Write "model" models::create;
        get "2.0/mlflow/registered-models/get" Read "model" models::get;
        patch "2.0/mlflow/registered-models/update" Write "model" models::update;
        post "2.0/mlflow/registered-models/rename" Write "model" models::rename;
        delete "2.0/mlflow/registered-models/delete" Write "model" models::delete;
        get "2.0/mlflow/registered-models/search" Read "model" models::search;
        post "2.0/mlflow/registered-models/set-tag" Write "model" models::set_tag;
        delete "2.0/mlflow/registered-models/delete-tag" Write "model" models::delete_tag;
        post "2.0/mlflow/registered-models/alias" Write "model" models::set_alias;
        delete "2.0/mlflow/registered-models/alias" Write "model" models::delete_alias;
        get "2.0/mlflow/registered-models/alias" Read "model" models::get_alias;
        post "2.0/mlflow/registered-models/get-latest-versions" Read "model" models::latest_versions;
        get "2.0/mlflow/registered-models/get-latest-versions" Read "model" models::latest_versions;
        post "2.0/mlflow/model-versions/create" Write "model_version" versions::create;
        get "2.0/mlflow/model-versions/get" Read "model_version" versions::get;
        patch "2.0/mlflow/model-versions/update" Write "model_version" versions::update;
        delete "2.0/mlflow/model-versions/delete" Write "model_version" versions::delete;
        get "2.0/mlflow/model-versions/search" Read "model_version" versions::search;
        get "2.0/mlflow/model-versions/get-download-uri" Read "model_version" versions::download_uri;
        post "2.0/mlflow/model-versions/transition-stage" Write "model_version" versions::transition;
        post "2.0/mlflow/model-versions/set-tag" Write "model_version" versions::set_tag;
        delete "2.0/mlflow/model-versions/delete-tag" Write "model_version" versions::delete_tag;
    )
}

fn of_artifacts() -> Routes<Services> {
    let routes = both!(Routes::new(Edge::Mlflow);
        get "2.0/mlflow/artifacts/list" Read "artifact" artifacts::list_run;
        get "2.0/mlflow-artifacts/artifacts" Read "artifact" artifacts::list;
        get "2.0/mlflow-artifacts/artifacts/{*path}" Read "artifact" artifacts::download;
        delete "2.0/mlflow-artifacts/artifacts/{*path}" Write "artifact" artifacts::remove;
        post "2.0/mlflow-artifacts/mpu/create/{*path}" Write "artifact" transfers::create;
        post "2.0/mlflow-artifacts/mpu/complete/{*path}" Write "artifact" transfers::complete;
        post "2.0/mlflow-artifacts/mpu/abort/{*path}" Write "artifact" transfers::abort;
        get "2.0/mlflow-artifacts/presigned/{*path}" Read "artifact" transfers::presign;
        post "2.0/mlflow/artifacts/presigned-upload-url" Write "artifact" transfers::presign_upload;
        post "2.0/mlflow/artifacts/presigned-download-url" Read "artifact" transfers::presign_download;
    );
    let upload = |path| Route::put(path, Write, "artifact").body_limit(BodyLimit::Unlimited);
    // The word in the path is the right to the transfer: no credentials beside it, as with an object store.
    let by_ticket = |path| Route {
        gate: Gate::Public,
        ..upload(path)
    };
    routes
        .route(
            by_ticket("/api/2.0/mlflow-artifacts/part/{ticket}"),
            transfers::part,
        )
        .route(
            by_ticket("/api/2.0/mlflow-artifacts/signed/{ticket}"),
            transfers::signed_put,
        )
        .route(
            Route::public("/api/2.0/mlflow-artifacts/signed/{ticket}", "artifact"),
            transfers::signed_get,
        )
        .route(
            Route::post("/ajax-api/2.0/mlflow/upload-artifact", Write, "artifact"),
            artifacts::upload_of_run,
        )
        .route(
            upload("/api/2.0/mlflow-artifacts/artifacts/{*path}"),
            artifacts::upload,
        )
        .route(
            upload("/ajax-api/2.0/mlflow-artifacts/artifacts/{*path}"),
            artifacts::upload,
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_ours() {
        let routes = routes();
        assert_eq!(routes.stray(), None);
        assert!(routes.table().len() > 120, "{}", routes.table().len());
    }
}
