//! The stock clients, in the Python that the product's set-up makes.

use std::{path::PathBuf, process::Command};

use crate::world::World;

fn python() -> PathBuf {
    std::env::var_os("TRIMTAB_PYTHON").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
        PathBuf::from,
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stock_tritonclient_works() {
    let world = World::new().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (router, ended) = (world.router.clone(), world.tasks.cancelled());
    world.tasks.spawn("server", async move {
        axum::serve(listener, router)
            .with_graceful_shutdown(ended)
            .await
            .unwrap();
    });
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/tritonclient_http.py");
    let run = move || {
        Command::new(python())
            .arg(script)
            .arg(address)
            .output()
            .expect("`cargo xtask setup` makes .venv/bin/python")
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    assert!(
        world
            .tasks
            .shutdown(std::time::Duration::from_secs(10))
            .await
    );
}
