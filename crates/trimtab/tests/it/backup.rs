//! Backups of a running server, and what comes of them.

use std::{
    path::Path,
    process::Output,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::{run, server::Server};

const WRITERS: u64 = 8;

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

fn answer(output: &Output) -> Value {
    assert!(output.status.success(), "{}", text(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The content of a file: known from its place alone. Every fourth is large enough to be a file on disk.
fn content(writer: u64, round: u64) -> Vec<u8> {
    let size = if round.is_multiple_of(4) { 60_000 } else { 300 };
    format!("{writer} {round} ")
        .bytes()
        .cycle()
        .take(size)
        .collect()
}

#[derive(Clone)]
struct Api {
    http: reqwest::Client,
    url: String,
}

impl Api {
    fn new(server: &Server) -> Self {
        Self {
            http: reqwest::Client::new(),
            url: server.url.clone(),
        }
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        let answer = self.http.post(url).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let url = format!("{}/api/2.0/mlflow/{path}", self.url);
        self.http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap()
    }

    fn file(&self, run: &str, name: &str) -> String {
        format!(
            "{}/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/{name}",
            self.url
        )
    }

    async fn put(&self, run: &str, name: &str, bytes: Vec<u8>) {
        let sent = self.http.put(self.file(run, name)).body(bytes).send().await;
        assert_eq!(sent.unwrap().status(), 200);
    }

    async fn start_run(&self) -> String {
        let body = json!({ "experiment_id": "0", "start_time": 1 });
        let made = self.post("runs/create", body).await;
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }

    /// One round of one writer: when it is back, all of it was acknowledged.
    async fn write(&self, run: &str, writer: u64, round: u64) {
        let metric =
            json!({ "run_id": run, "key": "m", "value": round, "step": round, "timestamp": round });
        self.post("runs/log-metric", metric).await;
        let param = json!({ "run_id": run, "key": format!("p{round}"), "value": "v" });
        self.post("runs/log-parameter", param).await;
        self.put(run, &format!("f{round}"), content(writer, round))
            .await;
        // What is replaced gives its file up: a backup must not miss it.
        self.put(run, "churn", content(writer, round * 4)).await;
    }

    /// Everything that a writer had acknowledged by a round is there, and every file is what was written.
    async fn check(&self, run: &str, writer: u64, rounds: u64) {
        let history = format!("metrics/get-history?run_id={run}&metric_key=m&max_results=25000");
        let points = self.get(&history).await["metrics"]
            .as_array()
            .unwrap()
            .len() as u64;
        assert!(
            points >= rounds,
            "writer {writer}: {points} points of {rounds}"
        );
        let read = self.get(&format!("runs/get?run_id={run}")).await;
        let params = read["run"]["data"]["params"].as_array().unwrap().len() as u64;
        assert!(
            params >= rounds,
            "writer {writer}: {params} params of {rounds}"
        );
        let listed = self.get(&format!("artifacts/list?run_id={run}")).await;
        let files = listed["files"].as_array().unwrap();
        assert!(
            files.len() as u64 > rounds,
            "writer {writer}: {} files of {rounds}",
            files.len()
        );
        for file in files {
            let name = file["path"].as_str().unwrap();
            let read = self.http.get(self.file(run, name)).send().await.unwrap();
            assert_eq!(read.status(), 200, "{run}/{name}");
            let bytes = read.bytes().await.unwrap();
            let round = match name.strip_prefix('f') {
                Some(round) => round.parse().unwrap(),
                None => {
                    let said = String::from_utf8_lossy(&bytes[..20]).into_owned();
                    said.split(' ').nth(1).unwrap().parse().unwrap()
                }
            };
            assert!(
                bytes == content(writer, round),
                "{run}/{name} is not what was written"
            );
        }
    }
}

struct Writers {
    runs: Vec<String>,
    done: Vec<Arc<AtomicU64>>,
    stop: Arc<AtomicBool>,
    tasks: tokio::task::JoinSet<()>,
}

impl Writers {
    async fn start(api: &Api) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut runs, mut done) = (Vec::new(), Vec::new());
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            let run = api.start_run().await;
            let count = Arc::new(AtomicU64::new(0));
            let (api, of_task, count_of, stop_of) = (
                api.clone(),
                run.clone(),
                Arc::clone(&count),
                Arc::clone(&stop),
            );
            tasks.spawn(async move {
                let mut round = 0;
                while !stop_of.load(Ordering::SeqCst) {
                    api.write(&of_task, writer, round).await;
                    round += 1;
                    count_of.store(round, Ordering::SeqCst);
                }
            });
            runs.push(run);
            done.push(count);
        }
        Self {
            runs,
            done,
            stop,
            tasks,
        }
    }

    fn acknowledged(&self) -> Vec<u64> {
        self.done
            .iter()
            .map(|count| count.load(Ordering::SeqCst))
            .collect()
    }

    /// Until every writer got so many rounds further.
    async fn go_on(&self, rounds: u64) {
        let wanted: Vec<u64> = self
            .acknowledged()
            .iter()
            .map(|count| count + rounds)
            .collect();
        while self
            .acknowledged()
            .iter()
            .zip(&wanted)
            .any(|(count, wanted)| count < wanted)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::SeqCst);
        self.tasks.join_all().await;
        self.runs
    }
}

async fn command(folder: &Path, words: Vec<String>) -> Output {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        run(&folder, &words)
    })
    .await
    .unwrap()
}

fn backup(url: &str) -> Vec<String> {
    let words = ["backup", "saved", "--output", "json", "--server", url];
    words.map(str::to_owned).to_vec()
}

fn restore(dir: &str) -> Vec<String> {
    let words = ["restore", "saved", "--output", "json", "--data-dir", dir];
    words.map(str::to_owned).to_vec()
}

/// Databases for one test: SQLite, and where the tests have a PostgreSQL, fresh schemas of it for the server and for
/// both restores.
async fn databases() -> Vec<[Option<String>; 3]> {
    let mut all = vec![[None, None, None]];
    if let Ok(url) = std::env::var(trimtab_db::testing::POSTGRES_VARIABLE) {
        let schema = || async { Some(schema(&url).await) };
        all.push([schema().await, schema().await, schema().await]);
    }
    all
}

async fn schema(url: &str) -> String {
    let schema = format!("t_{}", trimtab_types::RunId::new());
    let create = format!("CREATE SCHEMA {schema}");
    let db = trimtab_db::Db::open_postgres(url).await.unwrap();
    db.write(trimtab_db::Lane::Bulk, move |tx| tx.execute(&create, &[]))
        .await
        .unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-csearch_path%3D{schema}")
}

fn with<'w>(words: &[&'w str], database: Option<&'w String>) -> Vec<&'w str> {
    let mut words = words.to_vec();
    if let Some(url) = database {
        words.extend(["--database", url.as_str()]);
    }
    words
}

async fn restored(folder: &Path, dir: &str, database: Option<&String>) -> Output {
    let mut words = restore(dir);
    words.extend(with(&[], database).iter().map(|word| (*word).to_owned()));
    command(folder, words).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_eight_writers_holds_all_that_was_acknowledged_before_it() {
    for [database, of_first, of_second] in databases().await {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let server = Server::start(folder, &with(&[], database.as_ref()));
        let api = Api::new(&server);
        let writers = Writers::start(&api).await;
        writers.go_on(6).await;
        let before_first = writers.acknowledged();
        let first = answer(&command(folder, backup(&server.url)).await);
        answer(&restored(folder, "first", of_first.as_ref()).await);
        writers.go_on(6).await;
        let before_second = writers.acknowledged();
        let second = answer(&command(folder, backup(&server.url)).await);
        answer(&restored(folder, "second", of_second.as_ref()).await);
        let runs = writers.end().await;
        assert_eq!(server.stop().0, Some(0));

        assert_eq!(first["files"], first["fetched_files"], "{first}");
        let count = |value: &Value, key: &str| value[key].as_u64().unwrap();
        assert!(
            count(&second, "files") - count(&second, "fetched_files") >= WRITERS,
            "the second one fetches only what is new: {second}"
        );
        let copies = folder.join("trimtab-data/backups");
        assert!(!copies.join(first["id"].as_str().unwrap()).exists());
        for (dir, database, before) in [
            ("first", of_first, before_first),
            ("second", of_second, before_second),
        ] {
            assert!(!folder.join(dir).join("trimtab.pgcopy").exists());
            let words = with(&["--data-dir", dir], database.as_ref());
            let restored = Server::start(folder, &words);
            let api = Api::new(&restored);
            for (writer, (run, rounds)) in (0..).zip(runs.iter().zip(&before)) {
                api.check(run, writer, *rounds).await;
            }
            // It lives: it takes writes, and has its own key for signed URLs.
            let run = api.start_run().await;
            api.write(&run, 1, 1).await;
            let (code, said) = restored.stop();
            assert_eq!(code, Some(0), "{said}");
            assert!(!said.contains("ERROR"), "{said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_and_full_folders_are_refused_and_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let api = Api::new(&server);
    let made = api.start_run().await;
    api.write(&made, 1, 4).await;
    let words = backup(&server.url);
    answer(&command(folder.path(), words.clone()).await);
    // A second one at once finds its folder taken; one into another kind of folder is refused.
    std::fs::create_dir(folder.path().join("full")).unwrap();
    std::fs::write(folder.path().join("full/x"), "x").unwrap();
    let full = run(folder.path(), &["backup", "full", "--server", &server.url]);
    assert_eq!(full.status.code(), Some(2), "{}", text(&full));
    let full = run(folder.path(), &["restore", "saved", "--data-dir", "full"]);
    assert_eq!(full.status.code(), Some(4), "{}", text(&full));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("full/x")).unwrap(),
        "x"
    );
    let none = run(folder.path(), &["restore", "full", "--data-dir", "new"]);
    assert_eq!(none.status.code(), Some(4), "{}", text(&none));
    assert_eq!(server.stop().0, Some(0));

    let shards = std::fs::read_dir(folder.path().join("saved/files/blobs")).unwrap();
    let shard = shards.map(|shard| shard.unwrap().path()).next().unwrap();
    let file = std::fs::read_dir(shard)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[10] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let damaged = command(folder.path(), restore("new")).await;
    assert_eq!(damaged.status.code(), Some(1), "{}", text(&damaged));
    assert!(text(&damaged).contains("is damaged"), "{}", text(&damaged));
    let left: Vec<String> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with("new"))
        .collect();
    assert_eq!(left, [""; 0]);
    // A manifest that leads out of its folder.
    let manifest = folder.path().join("saved/MANIFEST.json");
    let said = std::fs::read_to_string(&manifest).unwrap();
    let escaped = said.replacen("\"path\": \"FORMAT\"", "\"path\": \"../../FORMAT\"", 1);
    assert_ne!(said, escaped);
    std::fs::write(&manifest, escaped).unwrap();
    let escaped = command(folder.path(), restore("new")).await;
    assert_eq!(escaped.status.code(), Some(4), "{}", text(&escaped));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_postgresql_fills_an_empty_database_and_no_other() {
    // Nobody named a server to try it on.
    let Ok(url) = std::env::var(trimtab_db::testing::POSTGRES_VARIABLE) else {
        return;
    };
    let (ours, other) = (schema(&url).await, schema(&url).await);
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let server = Server::start(folder, &["--database", &ours]);
    let api = Api::new(&server);
    let run = api.start_run().await;
    api.write(&run, 1, 4).await;
    answer(&command(folder, backup(&server.url)).await);
    assert_eq!(server.stop().0, Some(0));

    let refused = |done: &Output, code: i32, words: &str| {
        assert_eq!(done.status.code(), Some(code), "{}", text(done));
        assert!(text(done).contains(words), "{}", text(done));
        assert!(!folder.join("new").exists());
        assert!(!folder.join("new.restoring").exists());
    };
    let none = restored(folder, "new", None).await;
    refused(&none, 2, "--database");
    let full = restored(folder, "new", Some(&ours)).await;
    refused(&full, 4, "not empty");
    // A copy that a newer Trimtab wrote, and one that is cut: nothing of either comes.
    let snapshots = std::fs::read_dir(folder.join("saved/snapshots")).unwrap();
    let snapshot = snapshots.map(|entry| entry.unwrap().path()).next().unwrap();
    let copy = snapshot.join("trimtab.pgcopy");
    let whole = std::fs::read(&copy).unwrap();
    assert!(whole.starts_with(b"TRIMTAB-PGCOPY 1\n"));
    let manifest = folder.join("saved/MANIFEST.json");
    let told = std::fs::read_to_string(&manifest).unwrap();
    let replace = |bytes: &[u8]| {
        std::fs::write(&copy, bytes).unwrap();
        let mut manifest_of: Value = serde_json::from_str(&told).unwrap();
        for entry in manifest_of["files"].as_array_mut().unwrap() {
            if entry["path"] == "trimtab.pgcopy" {
                entry["blake3"] = blake3::hash(bytes).to_hex().to_string().into();
                entry["size"] = bytes.len().into();
            }
        }
        std::fs::write(&manifest, manifest_of.to_string()).unwrap();
    };
    let mut newer = whole.clone();
    newer[15] = b'9';
    replace(&newer);
    let done = restored(folder, "new", Some(&other)).await;
    refused(&done, 4, "a newer Trimtab wrote it");
    replace(&whole[..whole.len() - 200]);
    let done = restored(folder, "new", Some(&other)).await;
    refused(&done, 1, "read the copy");
    replace(&whole);
    answer(&restored(folder, "new", Some(&other)).await);
    let again = Server::start(folder, &["--data-dir", "new", "--database", &other]);
    Api::new(&again).check(&run, 1, 1).await;
    assert_eq!(again.stop().0, Some(0));
}
