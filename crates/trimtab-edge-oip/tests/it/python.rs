//! The stock clients, in the Python that the product's set-up makes.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use trimtab_edge::Server;
use trimtab_telemetry::LogFormat;

use crate::world::World;

pub(crate) fn python() -> PathBuf {
    std::env::var_os("TRIMTAB_PYTHON").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
        PathBuf::from,
    )
}

/// Serves a world on a real listener, runs a script against it, and ends the server when the script says `watching`.
async fn drive(script: &str, world: World) {
    trimtab_telemetry::init_logs(LogFormat::Text, "warn");
    let listeners = trimtab_edge::bind("127.0.0.1:0").await.unwrap();
    let address = listeners[0].address.to_string();
    let server = Server::start(listeners, world.router.clone(), &world.tasks);
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it")
        .join(script);
    let mut child = tokio::process::Command::new(python())
        .arg(script)
        .arg(address)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap_or_else(|error| panic!("`cargo xtask setup` makes .venv/bin/python: {error}"));
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    while let Some(line) = said.next_line().await.unwrap() {
        if line == "watching" {
            world.stopping.cancel();
        }
    }
    assert!(child.wait().await.unwrap().success());
    assert!(server.shutdown(Duration::from_secs(10)).await);
    assert!(world.tasks.shutdown(Duration::from_secs(10)).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_tritonclient_works_over_http() {
    drive("tritonclient_http.py", World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_tritonclient_works_over_grpc() {
    drive("tritonclient_grpc.py", World::new().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tensors_go_through_shared_memory_where_it_is_switched_on() {
    let world = World::with(|inference| {
        let inference = inference.with_shared_memory(true);
        [
            trimtab_edge_oip::routes(inference.clone()),
            trimtab_edge_oip::grpc_routes(inference),
        ]
    })
    .await;
    drive("tritonclient_memory.py", world).await;
}
