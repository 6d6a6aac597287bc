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
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("signing-key"))
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
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
        let first = store.put(&scope, pieces(4)).await.unwrap();
        let second = store.put(&scope, pieces(4)).await.unwrap();
        assert_eq!(first, second);
        assert_eq!(files(folder.path()), 1);
        let foreign = store.put(&other(), pieces(4)).await.unwrap();
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
        for count in [2, 400] {
            let broken = pieces(count).chain(stream::once(async { Err(io::Error::other("gone")) }));
            let refused = store.put(&Scope::local(), broken).await;
            assert!(
                matches!(refused, Err(BlobError::Source { .. })),
                "{refused:?}"
            );
            assert_eq!(files(folder.path()), 0);
        }
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
    store.put(&Scope::local(), pieces(5)).await.unwrap();
    assert_eq!(store.sweep().await.unwrap(), 0, "young files stay");
    let file = std::fs::File::open(root.join("ab/orphan")).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    assert_eq!(store.sweep().await.unwrap(), 1);
    assert_eq!(files(&root), 1);
}

#[tokio::test]
async fn small_contents_are_rows_and_large_ones_files_on_both_sides_of_the_edge() {
    for (folder, store) in stores().await {
        let scope = Scope::local();
        for size in [
            0,
            1,
            32 << 10,
            (32 << 10) + 1,
            (1 << 20) - 1,
            1 << 20,
            (3 << 20) + 7,
        ] {
            let content: Vec<u8> = (0..size).map(|i| u8::try_from(i % 253).unwrap()).collect();
            let blob = store
                .put_bytes(&scope, content.clone().into())
                .await
                .unwrap();
            assert_eq!(store.local_path(&blob).is_some(), size > 32 << 10, "{size}");
            assert_eq!(blob.blake3, blake3::hash(&content).to_hex().to_string());
            let all = store.get(&blob).await.unwrap().collect().await.unwrap();
            assert_eq!(all, content, "{size}");
            if size > 2 {
                let middle = store.get_range(&blob, 1..blob.size - 1).await.unwrap();
                assert_eq!(
                    middle.collect().await.unwrap(),
                    content[1..size - 1],
                    "{size}"
                );
            }
            store.release(&scope, &blob.blake3).await.unwrap();
            assert_eq!(files(folder.path()), 0, "{size}");
            if size > 0 {
                assert!(store.get(&blob).await.is_err(), "{size}");
            }
        }
    }
}

#[tokio::test]
async fn no_file_goes_while_a_pin_lives() {
    for (folder, store) in stores().await {
        let blob = store.put(&Scope::local(), pieces(10)).await.unwrap();
        let (first, second) = (store.pin(), store.pin());
        store.release(&Scope::local(), &blob.blake3).await.unwrap();
        drop(first);
        assert_eq!(store.sweep().await.unwrap(), 0);
        assert_eq!(files(folder.path()), 1);
        drop(second);
        assert_eq!(files(folder.path()), 0);
    }
}

fn part(byte: u8) -> impl futures::Stream<Item = Result<Bytes, BlobError>> + Send {
    stream::iter([Ok(Bytes::from(vec![byte; 70_000]))])
}

#[tokio::test]
async fn parts_are_joined_in_the_order_of_their_numbers_and_only_when_all_are_there() {
    for (folder, store) in stores().await {
        let upload = store.begin_parts().await.unwrap();
        let second = store.put_part(&upload, 2, part(2)).await.unwrap();
        let wanted = |first: &str| vec![(1, Some(first.to_owned())), (2, Some(second.clone()))];
        assert!(matches!(
            store.join_parts(&upload, wanted("x")).await,
            Err(BlobError::Parts { numbers }) if numbers == [2]
        ));
        let old = store.put_part(&upload, 1, part(9)).await.unwrap();
        let first = store.put_part(&upload, 1, part(1)).await.unwrap();
        assert!(store.join_parts(&upload, wanted(&old)).await.is_err());
        let staged = store.join_parts(&upload, wanted(&first)).await.unwrap();
        let mut all = vec![1; 70_000];
        all.extend(vec![2; 70_000]);
        assert_eq!(staged.blake3(), blake3::hash(&all).to_hex().as_str());
        drop(staged);
        store.drop_parts(&upload).await.unwrap();
        store.drop_parts(&upload).await.unwrap();
        assert_eq!(files(folder.path()), 0);
        for bad in [upload.as_str(), "..", "../../etc", "", &"a".repeat(32)] {
            assert!(store.put_part(bad, 1, part(1)).await.is_err(), "{bad}");
            assert!(store.join_parts(bad, Vec::new()).await.is_err(), "{bad}");
        }
        let broken = part(1).chain(stream::iter([Err(BlobError::NotFound {
            hash: String::new(),
        })]));
        let upload = store.begin_parts().await.unwrap();
        assert!(store.put_part(&upload, 1, broken).await.is_err());
        assert_eq!(files(folder.path()), 0);
    }
}

#[tokio::test]
async fn cwe_22_and_59_foreign_locations_are_read_below_their_roots_only() {
    for (folder, store) in stores().await {
        let scope = Scope::local();
        let outside = folder.path().join("secret");
        std::fs::create_dir_all(&outside).unwrap();
        std::fs::write(outside.join("key"), "secret").unwrap();
        let root = folder.path().join("mlruns/0");
        std::fs::create_dir_all(root.join("run/artifacts/deep")).unwrap();
        std::fs::write(root.join("run/artifacts/a b.txt"), "hello").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("run/artifacts/link")).unwrap();
        std::os::unix::fs::symlink(outside.join("key"), root.join("run/artifacts/file")).unwrap();
        let uri = format!("file://{}/run/artifacts", root.display());
        let read = |uri: String, below: &'static str| {
            let (store, scope) = (store.clone(), scope.clone());
            async move { store.foreign_size(&scope, &uri, below).await }
        };
        assert!(matches!(
            read(uri.clone(), "a b.txt").await,
            Err(BlobError::Outside { .. })
        ));
        store
            .register_root(&scope, &format!("file://{}", root.display()))
            .await
            .unwrap();
        assert_eq!(read(uri.clone(), "a b.txt").await.unwrap(), 5);
        let body = store
            .foreign_range(&scope, &uri, "a b.txt", 1..4)
            .await
            .unwrap();
        assert_eq!(body.collect().await.unwrap().as_ref(), b"ell");
        let names: Vec<String> = store
            .foreign_list(&scope, &uri, "")
            .await
            .unwrap()
            .into_iter()
            .map(|entry| format!("{} {:?}", entry.name, entry.size))
            .collect();
        assert_eq!(names, ["a b.txt Some(5)", "deep None"]);
        assert!(
            store
                .foreign_list(&scope, &uri, "nothing")
                .await
                .unwrap()
                .is_empty()
        );
        std::os::unix::fs::symlink(&root, folder.path().join("alias")).unwrap();
        let alias = format!("{}/alias", folder.path().display());
        let by_alias = format!("{alias}/run/artifacts");
        assert!(read(by_alias.clone(), "a b.txt").await.is_err());
        store.register_root(&scope, &alias).await.unwrap();
        assert_eq!(read(by_alias, "a b.txt").await.unwrap(), 5);
        for below in [
            "link/key",
            "file",
            "../../../secret/key",
            "./a b.txt",
            "/etc/passwd",
        ] {
            assert!(read(uri.clone(), below).await.is_err(), "{below}");
        }
        for other in [
            format!("file://{}", outside.display()),
            format!("{uri}/../../../../secret"),
            format!("{uri}/%2e%2e/%2e%2e/%2e%2e/%2e%2e/secret"),
            format!("{uri}/link"),
            "file:///etc".to_owned(),
            "/etc".to_owned(),
            format!("file://elsewhere{}", root.display()),
        ] {
            assert!(read(other.clone(), "key").await.is_err(), "{other}");
        }
        let stranger = store.foreign_size(&other(), &uri, "a b.txt").await;
        assert!(matches!(stranger, Err(BlobError::Outside { .. })));
        for bad in [
            "/",
            "/etc",
            "file:///",
            "s3://b/k",
            "relative",
            "file:///etc/../etc/x",
        ] {
            assert!(store.register_root(&scope, bad).await.is_err(), "{bad}");
        }
        let own = folder.path().join("blobs");
        assert!(
            store
                .register_root(&scope, own.to_str().unwrap())
                .await
                .is_err()
        );
    }
}
