//! Webhooks that are called by a worker, with a receiver on this machine.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use trimtab_db::{Db, testing};
use trimtab_registry::{
    CreateWebhook, Registry, RegistryError, UpdateWebhook, WebhookEvent, WebhookPolicy, Webhooks,
};
use trimtab_telemetry::Tasks;
use trimtab_types::{Clock, Scope};

use super::other;

const PRIVATE: WebhookPolicy = WebhookPolicy {
    allow_private: true,
};

fn webhooks(db: &Db, policy: WebhookPolicy) -> Webhooks {
    Webhooks::new(db.clone(), Clock::system(), policy)
}

fn of_models(url: String) -> CreateWebhook {
    CreateWebhook {
        name: "w".to_owned(),
        url,
        events: vec![WebhookEvent::RegisteredModelCreated],
        secret: Some("s3cret".to_owned()),
        ..CreateWebhook::default()
    }
}

/// A receiver that answers one request with a status and hands out what it got.
async fn receive(listener: &TcpListener, status: &str) -> String {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut got = Vec::new();
    loop {
        let mut part = [0; 4096];
        let n = stream.read(&mut part).await.unwrap();
        got.extend_from_slice(&part[..n]);
        let text = String::from_utf8_lossy(&got);
        let is_whole = text.split_once("\r\n\r\n").is_some_and(|(head, body)| {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")?
                    .parse()
                    .ok()
            });
            length.is_some_and(|length: usize| body.len() >= length)
        });
        if is_whole || n == 0 {
            break;
        }
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await.unwrap();
    String::from_utf8_lossy(&got).into_owned()
}

async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("http://127.0.0.1:{port}/hook"))
}

async fn states(db: &Db) -> Vec<(i64, i64, Option<String>)> {
    db.read(|tx| {
        tx.query(
            "SELECT state, attempts, error FROM webhook_delivery ORDER BY seq",
            &[],
        )?
        .iter()
        .map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .collect::<Result<Vec<_>, trimtab_db::DbError>>()
    })
    .await
    .unwrap()
}

/// Waits until the database says so; a test that never sees it fails by its own timeout.
async fn until(db: &Db, mut is_so: impl FnMut(&[(i64, i64, Option<String>)]) -> bool) {
    tokio::time::timeout(Duration::from_secs(30), async {
        while !is_so(&states(db).await) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn what_a_killed_process_owed_the_next_one_sends_with_the_same_id() {
    for db in testing::databases(&[trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
    {
        let scope = Scope::local();
        let registry = Registry::new(db.clone(), Clock::system());
        let (listener, url) = listener().await;
        webhooks(&db, PRIVATE)
            .create(&scope, of_models(url))
            .await
            .unwrap();
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        let first = Tasks::new();
        first.spawn("webhooks", webhooks(&db, PRIVATE).run(first.clone()));
        let got = receive(&listener, "503 Busy").await;
        until(&db, |rows| matches!(rows, [(0, 1, Some(_))])).await;
        assert!(first.shutdown(Duration::from_secs(10)).await);
        // The lease of the first may still stand with PostgreSQL; it is as good as expired.
        db.write(trimtab_db::Lane::Control, |tx| {
            tx.execute("DELETE FROM lease", &[])
        })
        .await
        .unwrap();
        let second = Tasks::new();
        second.spawn("webhooks", webhooks(&db, PRIVATE).run(second.clone()));
        let again = receive(&listener, "200 OK").await;
        until(&db, |rows| matches!(rows, [(1, 2, None)])).await;
        let id = |text: &str| {
            text.lines()
                .find(|line| line.starts_with("x-mlflow-delivery-id"))
                .map(str::to_owned)
                .unwrap()
        };
        assert_eq!(id(&got), id(&again));
        assert!(got.contains("x-mlflow-signature: v1,") && !got.contains("s3cret"));
        assert!(second.shutdown(Duration::from_secs(10)).await);
    }
}

#[tokio::test]
async fn cwe_918_the_address_is_judged_when_the_connection_is_made() {
    for db in testing::databases(&[trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
    {
        let scope = Scope::local();
        let registry = Registry::new(db.clone(), Clock::system());
        let (listener, url) = listener().await;
        // Kept while private addresses were allowed: as a name that led elsewhere when the webhook was made.
        let by_name = url.replace("127.0.0.1", "localhost");
        let made = webhooks(&db, PRIVATE);
        let literal = made.create(&scope, of_models(url)).await.unwrap();
        let named = made.create(&scope, of_models(by_name)).await.unwrap();
        let strict = webhooks(&db, WebhookPolicy::default());
        for webhook in [&literal, &named] {
            let test = strict.test(&scope, webhook.id, None).await.unwrap();
            assert!(!test.is_success && test.status.is_none(), "{test:?}");
            assert!(
                test.error
                    .unwrap()
                    .contains("not an address of the internet")
            );
        }
        let tasks = Tasks::new();
        tasks.spawn("webhooks", strict.run(tasks.clone()));
        registry.create_model(&scope, "m", None, &[]).await.unwrap();
        // Given up at once: no attempt could end otherwise.
        until(&db, |rows| {
            rows.len() == 2 && rows.iter().all(|row| row.0 == 2 && row.1 == 1)
        })
        .await;
        let nobody = tokio::time::timeout(Duration::from_millis(100), listener.accept()).await;
        assert!(nobody.is_err(), "the receiver was connected to");
        assert!(tasks.shutdown(Duration::from_secs(10)).await);
    }
}

#[tokio::test]
async fn cwe_918_private_targets_cannot_be_written_down() {
    for db in testing::databases(&[trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
    {
        let (scope, strict) = (Scope::local(), webhooks(&db, WebhookPolicy::default()));
        let kept = strict
            .create(&scope, of_models("https://8.8.8.8/".to_owned()))
            .await
            .unwrap();
        for url in [
            "https://127.0.0.1/",
            "https://localhost/",
            "https://[::ffff:10.0.0.1]/",
            "http://8.8.8.8/",
            "https://169.254.169.254/",
        ] {
            let refused = strict.create(&scope, of_models(url.to_owned())).await;
            assert!(
                matches!(refused, Err(RegistryError::Invalid { field: "url", .. })),
                "{url}"
            );
            let change = UpdateWebhook {
                url: Some(url.to_owned()),
                ..UpdateWebhook::default()
            };
            let refused = strict.update(&scope, kept.id, change).await;
            assert!(
                matches!(refused, Err(RegistryError::Invalid { field: "url", .. })),
                "{url}"
            );
        }
        assert_eq!(
            strict.get(&scope, kept.id).await.unwrap().url,
            "https://8.8.8.8/"
        );
    }
}

#[tokio::test]
async fn cwe_200_a_secret_is_in_nothing_that_is_answered_or_printed() {
    for db in testing::databases(&[trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
    {
        let (scope, strict) = (Scope::local(), webhooks(&db, WebhookPolicy::default()));
        let create = of_models("https://8.8.8.8/".to_owned());
        assert!(!format!("{create:?}").contains("s3cret"));
        let made = strict.create(&scope, create).await.unwrap();
        let change = UpdateWebhook {
            secret: Some("s3cret2".to_owned()),
            ..UpdateWebhook::default()
        };
        assert!(!format!("{change:?}").contains("s3cret"));
        strict.update(&scope, made.id, change).await.unwrap();
        let all = (
            strict.get(&scope, made.id).await.unwrap(),
            strict.list(&scope, 10, None).await.unwrap(),
        );
        assert!(!format!("{all:?} {strict:?}").contains("s3cret"));
    }
}

#[tokio::test]
async fn another_workspace_neither_sees_nor_triggers_them() {
    for db in testing::databases(&[trimtab_registry::MIGRATIONS])
        .await
        .unwrap()
    {
        let (scope, eve, hooks) = (Scope::local(), other(), webhooks(&db, PRIVATE));
        let registry = Registry::new(db.clone(), Clock::system());
        let (listener, url) = listener().await;
        let made = hooks.create(&scope, of_models(url)).await.unwrap();
        assert!(matches!(
            hooks.get(&eve, made.id).await,
            Err(RegistryError::WebhookNotFound { .. })
        ));
        assert!(matches!(
            hooks.delete(&eve, made.id).await,
            Err(RegistryError::WebhookNotFound { .. })
        ));
        assert!(matches!(
            hooks.test(&eve, made.id, None).await,
            Err(RegistryError::WebhookNotFound { .. })
        ));
        assert_eq!(hooks.list(&eve, 10, None).await.unwrap().items, []);
        let tasks = Tasks::new();
        tasks.spawn("webhooks", hooks.run(tasks.clone()));
        registry
            .create_model(&eve, "theirs", None, &[])
            .await
            .unwrap();
        registry
            .create_model(&scope, "ours", None, &[])
            .await
            .unwrap();
        assert!(receive(&listener, "200 OK").await.contains("\"ours\""));
        until(&db, |rows| matches!(rows, [(1, 1, None)])).await;
        assert!(tasks.shutdown(Duration::from_secs(10)).await);
    }
}
