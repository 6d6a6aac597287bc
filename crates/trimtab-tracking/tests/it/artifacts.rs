use std::io;

use bytes::Bytes;
use futures::stream;
use trimtab_tracking::{ArtifactPath, CreateLoggedModel, Tracking};
use trimtab_types::{Coded, ErrorCode, Scope};

use crate::{all, other_workspace, run};

async fn read(tracking: &Tracking, path: &str) -> String {
    let path = ArtifactPath::parse(path).unwrap();
    let blob = tracking
        .artifact_blob(&Scope::local(), &path)
        .await
        .unwrap();
    let body = tracking.artifact_range(&blob, 0..blob.size).await.unwrap();
    String::from_utf8(body.collect().await.unwrap().to_vec()).unwrap()
}

async fn put(tracking: &Tracking, path: &str, text: &str) {
    let bytes = Bytes::copy_from_slice(text.as_bytes());
    let stream = stream::iter([Ok::<_, io::Error>(bytes)]);
    tracking
        .artifact_put(&Scope::local(), &ArtifactPath::parse(path).unwrap(), stream)
        .await
        .unwrap();
}

async fn list(tracking: &Tracking, folder: &str) -> Vec<String> {
    let listing = tracking
        .artifact_list(&Scope::local(), &ArtifactPath::parse(folder).unwrap())
        .await
        .unwrap();
    listing
        .entries
        .iter()
        .map(|entry| match entry.size {
            Some(size) => format!("{} {size}", entry.path),
            None => format!("{}/", entry.path),
        })
        .collect()
}

fn files(folder: &std::path::Path) -> usize {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("signing-key"))
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn folders_are_what_paths_have_in_common() {
    for (folder, tracking) in all().await {
        let large = "x".repeat(40_000);
        for path in ["a/large", "large"] {
            put(&tracking, path, &format!("{path}{large}")).await;
        }
        assert_eq!(files(&folder.path().join("blobs")), 2);
        for path in [
            "a/x",
            "a/x.txt",
            "a/w/deep/1",
            "a/x-1",
            "a/y/1",
            "a/y/2",
            "ab",
            "a.txt",
            "a/z",
        ] {
            put(&tracking, path, path).await;
        }
        assert_eq!(
            list(&tracking, "").await,
            ["a/", "a.txt 5", "ab 2", "large 40005"]
        );
        assert_eq!(
            list(&tracking, "a").await,
            [
                "a/large 40007",
                "a/w/",
                "a/x 3",
                "a/x-1 5",
                "a/x.txt 7",
                "a/y/",
                "a/z 3"
            ]
        );
        assert_eq!(list(&tracking, "a/w").await, ["a/w/deep/"]);
        assert_eq!(list(&tracking, "nothing").await, [""; 0]);
        let gone = ArtifactPath::parse("a/y").unwrap();
        tracking
            .artifact_delete(&Scope::local(), &gone)
            .await
            .unwrap();
        tracking
            .artifact_delete(&Scope::local(), &gone)
            .await
            .unwrap();
        assert_eq!(list(&tracking, "a/y").await, [""; 0]);
        tracking
            .artifact_delete(&Scope::local(), &ArtifactPath::parse("a").unwrap())
            .await
            .unwrap();
        assert_eq!(
            list(&tracking, "").await,
            ["a.txt 5", "ab 2", "large 40005"]
        );
        assert_eq!(
            files(&folder.path().join("blobs")),
            1,
            "blobs go with their last path"
        );
    }
}

#[tokio::test]
async fn writing_again_replaces_and_equal_content_is_shared() {
    for (folder, tracking) in all().await {
        let (same, other) = ("same".repeat(10_000), "other".repeat(10_000));
        put(&tracking, "a", &same).await;
        put(&tracking, "b", &same).await;
        assert_eq!(files(&folder.path().join("blobs")), 1);
        put(&tracking, "a", &same).await;
        put(&tracking, "a", &other).await;
        put(&tracking, "b", &other).await;
        assert_eq!(files(&folder.path().join("blobs")), 1);
        assert_eq!(read(&tracking, "b").await, other);
        let refused = tracking
            .artifact_blob(&other_workspace(), &ArtifactPath::parse("b").unwrap())
            .await;
        assert_eq!(refused.unwrap_err().code(), ErrorCode::NotFound);
    }
}

#[tokio::test]
async fn a_large_folder_is_listed_whole_across_steps() {
    for (_folder, tracking) in all().await {
        for part in 0..21 {
            let paths: Vec<String> = (0..50)
                .map(|i| format!("many/{:05}", part * 50 + i))
                .collect();
            futures::future::join_all(paths.iter().map(|path| put(&tracking, path, "x"))).await;
        }
        put(&tracking, "many/zz/1", "x").await;
        let listed = list(&tracking, "many").await;
        assert_eq!(listed.len(), 1_051);
        assert_eq!(
            (listed[0].as_str(), listed[1_050].as_str()),
            ("many/00000 1", "many/zz/")
        );
    }
}

#[tokio::test]
async fn models_are_exported_by_uri() {
    for (folder, tracking) in all().await {
        let scope = Scope::local();
        let run = run(&tracking, 1).await;
        let create = CreateLoggedModel {
            name: Some("m".to_owned()),
            source_run: Some(run.id),
            ..CreateLoggedModel::default()
        };
        let model = tracking.create_logged_model(&scope, create).await.unwrap();
        let root = model
            .artifact_uri
            .trim_start_matches("mlflow-artifacts:/")
            .to_owned();
        put(&tracking, &format!("{root}/MLmodel"), "flavors").await;
        put(&tracking, &format!("{root}/data/model.onnx"), "onnx").await;
        let dest = folder.path().join("out");
        let uri = format!("models:/m-{}", model.id);
        for _ in 0..2 {
            assert_eq!(
                tracking.artifact_export(&scope, &uri, &dest).await.unwrap(),
                2
            );
            assert_eq!(
                std::fs::read_to_string(dest.join("data/model.onnx")).unwrap(),
                "onnx"
            );
        }
        put(&tracking, &format!("0/{}/artifacts/model/x", run.id), "x").await;
        let uri = format!("runs:/{}/model", run.id);
        assert_eq!(
            tracking
                .artifact_export(&scope, &uri, &folder.path().join("two"))
                .await
                .unwrap(),
            1
        );
        let refused = tracking
            .artifact_export(&scope, "s3://bucket/model", &dest)
            .await
            .unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Unsupported);
        assert!(refused.hint().is_some());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cwe_362_writers_of_one_path_side_by_side_lose_and_leave_nothing() {
    for (folder, tracking) in all().await {
        let shared = "shared".repeat(10_000);
        put(&tracking, "kept", &shared).await;
        put(&tracking, "path", &shared).await;
        for round in 0..10 {
            let contents: Vec<String> = (0..8)
                .map(|writer| format!("{round} {writer} ").repeat(9_000))
                .collect();
            let writes = contents
                .iter()
                .map(|content| put(&tracking, "path", content));
            futures::future::join_all(writes).await;
        }
        assert_eq!(read(&tracking, "kept").await, shared);
        assert_eq!(files(&folder.path().join("blobs")), 2);
        for path in ["path", "kept"] {
            tracking
                .artifact_delete(&Scope::local(), &ArtifactPath::parse(path).unwrap())
                .await
                .unwrap();
        }
        assert_eq!(files(&folder.path().join("blobs")), 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_that_swap_contents_cross_wise_all_get_through() {
    const WRITERS: usize = 8;
    const ROUNDS: usize = 40;
    for (folder, tracking) in all().await {
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let tracking = tracking.clone();
            tasks.spawn(async move {
                for round in 0..ROUNDS {
                    // Few paths and few contents, in other orders for each: what one takes, another gives back.
                    let path = format!("p{}", (writer + round * (writer % 3 + 1)) % 5);
                    let content = (writer * 7 + round) % 4;
                    // Two of them are files on disk, two are in their rows.
                    let content =
                        format!("{content} ").repeat(if content < 2 { 20_000 } else { 5 });
                    put(&tracking, &path, &content).await;
                    if round % 10 == 9 {
                        let all = ArtifactPath::parse(&format!("p{}", writer % 5)).unwrap();
                        tracking
                            .artifact_delete(&Scope::local(), &all)
                            .await
                            .unwrap();
                    }
                }
            });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap();
        }
        // Every reference was counted once: when the paths go, so does everything.
        for path in ["p0", "p1", "p2", "p3", "p4"] {
            put(&tracking, path, "the last").await;
            let path = ArtifactPath::parse(path).unwrap();
            tracking
                .artifact_delete(&Scope::local(), &path)
                .await
                .unwrap();
        }
        assert_eq!(files(&folder.path().join("blobs")), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_is_a_file_or_a_folder() {
    for (_folder, tracking) in all().await {
        put(&tracking, "7/a.txt", "a").await;
        put(&tracking, "7/b/c.txt", "c").await;
        for path in ["7/a.txt/d", "7/a.txt/d/e", "7/b", "7"] {
            let content = stream::iter([Ok::<_, io::Error>(Bytes::from("new"))]);
            let refused = tracking
                .artifact_put(
                    &Scope::local(),
                    &ArtifactPath::parse(path).unwrap(),
                    content,
                )
                .await;
            let code = refused.unwrap_err().code();
            assert!(matches!(code, ErrorCode::Invalid { .. }), "{path}");
        }
        put(&tracking, "7/a.txt", "again").await;
        assert_eq!(read(&tracking, "7/a.txt").await, "again");
        assert_eq!(read(&tracking, "7/b/c.txt").await, "c");
    }
}
