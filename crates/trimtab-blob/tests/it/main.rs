//! The blob store on disk, with its rows on SQLite and on PostgreSQL.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it is"
)]

use std::{io, path::Path};

use bytes::Bytes;
use futures::{StreamExt, stream};
use trimtab_blob::{BlobError, BlobStore, MIGRATIONS};
use trimtab_db::{Migration, testing};
use trimtab_types::{Clock, Principal, Role, Scope, WorkspaceId};

const ALL: &[&[Migration]] = &[MIGRATIONS];

async fn stores() -> Vec<(tempfile::TempDir, BlobStore)> {
    let mut stores = Vec::new();
    for db in testing::databases(ALL).await.unwrap() {
        let folder = tempfile::tempdir().unwrap();
        let store = BlobStore::open(&folder.path().join("blobs"), db, Clock::system())
            .await
            .unwrap();
        stores.push((folder, store));
    }
    stores
}

fn other() -> Scope {
    Scope {
        workspace: WorkspaceId::new("other").unwrap(),
        principal: Principal {
            name: "eve".into(),
            role: Role::Editor,
        },
    }
}

fn files(folder: &Path) -> usize {
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() { files(&path) } else { 1 }
        })
        .sum()
}

fn pieces(n: usize) -> impl futures::Stream<Item = Result<Bytes, io::Error>> + Send {
    stream::iter((0..n).map(|i| Ok(Bytes::from(vec![u8::try_from(i % 251).unwrap(); 10_000]))))
}

#[tokio::test]
async fn what_goes_in_comes_out_whole_and_by_range() {
    for (folder, store) in stores().await {
        let blob = store.put(&Scope::local(), pieces(30)).await.unwrap();
        assert_eq!(blob.size, 300_000);
        let all = store.get(&blob).await.unwrap().collect().await.unwrap();
        assert_eq!(blake3::hash(&all).to_hex().to_string(), blob.blake3);
        let part = store.get_range(&blob, 9_999..10_001).await.unwrap();
        assert_eq!(part.size(), 2);
        assert_eq!(part.collect().await.unwrap().as_ref(), [0, 1]);
        let none = store.get_range(&blob, 5..5).await.unwrap();
        assert!(none.collect().await.unwrap().is_empty());
        assert!(matches!(
            store.get_range(&blob, 0..300_001).await,
            Err(BlobError::Range { .. })
        ));
        let path = store.local_path(&blob).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), all);
        assert_eq!(files(folder.path()), 1);
    }
}

#[tokio::test]
async fn equal_content_is_kept_once_per_workspace_until_its_last_reference_goes() {
    for (folder, store) in stores().await {
        let scope = Scope::local();
        let first = store.put(&scope, pieces(3)).await.unwrap();
        let second = store.put(&scope, pieces(3)).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(files(folder.path()), 1);
        let foreign = store.put(&other(), pieces(3)).await.unwrap();
        assert_ne!(foreign.key, first.key);
        store.release(&scope, &first.blake3).await.unwrap();
        store.find(&scope, &first.blake3).await.unwrap();
        store.release(&scope, &first.blake3).await.unwrap();
        assert!(matches!(
            store.find(&scope, &first.blake3).await,
            Err(BlobError::NotFound { .. })
        ));
        store.find(&other(), &first.blake3).await.unwrap();
        assert_eq!(files(folder.path()), 1);
    }
}

#[tokio::test]
async fn a_stream_that_breaks_off_leaves_nothing() {
    for (folder, store) in stores().await {
        let broken = pieces(2).chain(stream::once(async { Err(io::Error::other("gone")) }));
        let refused = store.put(&Scope::local(), broken).await;
        assert!(
            matches!(refused, Err(BlobError::Source { .. })),
            "{refused:?}"
        );
        assert_eq!(files(folder.path()), 0);
    }
}

#[tokio::test]
async fn opening_clears_interrupted_uploads_and_a_sweep_old_files_without_rows() {
    let db = testing::sqlite(ALL).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    std::fs::create_dir_all(root.join("incoming")).unwrap();
    std::fs::create_dir_all(root.join("ab")).unwrap();
    std::fs::write(root.join("incoming/half"), "x").unwrap();
    std::fs::write(root.join("ab/orphan"), "x").unwrap();
    let store = BlobStore::open(&root, db, Clock::system()).await.unwrap();
    assert_eq!(files(&root), 1);
    store
        .put_bytes(&Scope::local(), Bytes::from_static(b"kept"))
        .await
        .unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0, "young files stay");
    let file = std::fs::File::open(root.join("ab/orphan")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(files(&root), 1);
}
