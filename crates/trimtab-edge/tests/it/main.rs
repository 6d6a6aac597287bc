//! The shell with small edges behind it.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod guard;
mod server;

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    response::Response,
};
use trimtab_access::{Access, AccessMode};
use trimtab_edge::{
    AuditObject, BodyLimit, CallScope, Edge, Failure, Fallback, HostPolicy, RequestId, Route,
    Routes, Shell,
};
use trimtab_telemetry::{Metrics, Tasks};
use trimtab_types::{Clock, Verb};

async fn access() -> Access {
    let db = trimtab_db::testing::sqlite(&[trimtab_access::MIGRATIONS])
        .await
        .unwrap();
    Access::open(db, Clock::system(), AccessMode::Tokens)
        .await
        .unwrap()
}

fn edge(edge: Edge, read: &'static str, write: &'static str) -> Routes {
    Routes::new(edge)
        .route(
            Route::get(read, Verb::Read, "thing"),
            async |CallScope(scope): CallScope, RequestId(id): RequestId| {
                format!("{} {} {id}", scope.workspace, scope.principal.name)
            },
        )
        .route(
            Route::post(write, Verb::Write, "thing").body_limit(BodyLimit::Bytes(8)),
            async |body: Bytes| body,
        )
        .with_state(())
}

fn api() -> Routes {
    edge(Edge::Api, "/api/v1/things", "/api/v1/things")
        .merge(Routes::new(Edge::Api).route(Route::public("/livez", "probe"), async || "ok"))
        .merge(Routes::new(Edge::Api).route(
            Route::get("/api/v1/things/{id}", Verb::Read, "thing"),
            async |Path(id): Path<u32>| {
                assert_ne!(id, 13, "thirteen");
                Err::<(), _>(Failure::not_found(format!("there is no thing {id}")))
            },
        ))
        .merge(Routes::new(Edge::Api).route(
            Route::delete("/api/v1/things/{id}", Verb::Operate, "thing"),
            async |Path(id): Path<u32>| {
                let about = AuditObject(format!("version {id} of a thing"));
                let mut response = Response::new(Body::from("gone"));
                response.extensions_mut().insert(about);
                response
            },
        ))
}

fn shell(access: &Access, host: HostPolicy) -> Shell {
    Shell::new(access.clone(), Metrics::default(), Tasks::new(), host)
        .mount(edge(
            Edge::Mlflow,
            "/api/2.0/mlflow/things/get",
            "/api/2.0/mlflow/things/create",
        ))
        .mount(edge(Edge::Oip, "/v2/things", "/v2/things"))
        .mount(api())
        .fallback(Fallback::new(|_| {
            Some(Response::new(Body::from("console")))
        }))
}

fn router(access: &Access) -> Router {
    shell(access, HostPolicy::default()).into_router().unwrap()
}
