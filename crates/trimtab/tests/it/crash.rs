//! A server that is killed right after each step of a plan, at each move of its rollout and in the middle of a training
//! comes to the same end as one that was left alone.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration as StdDuration,
};

use serde_json::{Value, json};
use trimtab_types::{Duration, Time};

/// Rows of a day.
const ROWS: i64 = 240;
/// Rows of one request.
const BATCH: usize = 4;
/// Days whose outcomes the first model learns from.
const LEARNED: i64 = 5;
/// Days of the history.
const DAYS: i64 = 22;
/// The world changes on this day.
const CHANGE: i64 = 6;
const STRIDE: Duration = Duration::from_hours(6);
const LABEL_DELAY: Duration = Duration::from_hours(6);

const SPEC: &str = "project: curve
endpoints:
  curve:
    model: curve
    row_key: id
    event_time: caller
    rollout:
      autonomy: act
      min_labelled: 100
      steps:
        - { kind: shadow, hold: 12h }
        - { kind: canary, share: 50%, hold: 12h }
        - { kind: bake, hold: 12h }
monitors:
  curve: { endpoint: curve }
triggers:
  retrain: { endpoint: curve, monitor: curve, stages: [train], dataset: data/train.csv, cooldown: 1d }
";
const PIPELINE: &str = "stages:
  train:
    cmd: python train.py
    deps: [data/train.csv, train.py]
    outs: [model.onnx]
";

fn start() -> Time {
    "2024-01-01".parse().unwrap()
}

/// One row of the made-up world: before the change the outcome is rare, after it common, and `x` leans the other way.
struct Row {
    id: String,
    at: Time,
    x: f64,
    label: bool,
}

fn history() -> Vec<Row> {
    let mut state = 1_u64;
    let mut draw = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let apart = Duration::from_micros(Duration::from_days(1).as_micros() / ROWS);
    let mut at = start();
    (0..ROWS * DAYS)
        .map(|i| {
            let is_changed = i / ROWS >= CHANGE;
            let u = draw();
            // Few rows lie beyond what was learned from, none far.
            let share = if is_changed { u.sqrt() } else { u };
            let x = (share * 4.0 - 2.0).clamp(-1.99, 1.99);
            let shift = if is_changed { 2.0 } else { -2.0 };
            let p = 1.0 / (1.0 + (-(1.5 * x + shift)).exp());
            let row = Row {
                id: format!("r{i}"),
                at,
                x,
                label: draw() < p,
            };
            at = at + apart;
            row
        })
        .collect()
}

/// The Python of the project's set-up, which has ONNX Runtime too.
fn python() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = std::env::var_os("TRIMTAB_PYTHON")
        .map_or_else(|| root.join(".venv/bin/python"), PathBuf::from);
    assert!(
        python.is_file(),
        "no Python at {}: run `make setup`",
        python.display()
    );
    python
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@example.org",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// A server process and everything around it.
struct World {
    folder: tempfile::TempDir,
    http: reqwest::Client,
    server: Option<Server>,
}

struct Server {
    child: Child,
    url: String,
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        std::fs::create_dir(&project).unwrap();
        for (name, text) in [
            ("dvc.yaml", PIPELINE),
            ("trimtab.yaml", SPEC),
            ("train.py", include_str!("crash/train.py")),
        ] {
            std::fs::write(project.join(name), text).unwrap();
        }
        git(&project, &["init", "-q"]);
        git(&project, &["add", "."]);
        git(&project, &["commit", "-q", "-m", "a curve"]);
        let mut world = Self {
            folder,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            server: None,
        };
        world.boot();
        world
    }

    fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts the real binary on the world's data folder.
    fn boot(&mut self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.place("server.log"))
            .unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trimtab"))
            .args([
                "server",
                "--clock",
                "replay",
                "--replay-from",
                "2024-01-01",
                "--listen",
                "127.0.0.1:0",
            ])
            .arg("--data-dir")
            .arg(self.place("data"))
            .arg("--python")
            .arg(python())
            .env("TRIMTAB_PYTHON", python())
            .env("CRASH_TEST_PIPE", self.place("pipe"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("http://127.0.0.1:") {
            line.clear();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the server did not start:\n{}",
                std::fs::read_to_string(self.place("server.log")).unwrap()
            );
        }
        let address = line.split_once("http://").unwrap().1;
        let end = address
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':')
            .unwrap_or(address.len());
        self.server = Some(Server {
            url: format!("http://{}", &address[..end]),
            child,
            _stdout: stdout,
        });
    }

    /// `kill -9`, and a new server on the same folder.
    fn crash(&mut self) {
        self.server = None;
        self.boot();
    }

    fn url(&self, path: &str) -> String {
        let url = &self.server.as_ref().unwrap().url;
        if path.starts_with('/') {
            format!("{url}{path}")
        } else {
            format!("{url}/api/v1/{path}")
        }
    }

    async fn answer(request: reqwest::RequestBuilder) -> reqwest::Result<Value> {
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        assert!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        Self::answer(self.http.get(self.url(path))).await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Value {
        Self::answer(self.http.post(self.url(path)).json(body))
            .await
            .unwrap()
    }

    async fn plans(&self) -> Vec<Value> {
        self.get("plans?limit=100").await["items"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Moves the clock. Where one of `kills` comes true on the way, the server is killed, started again, and told
    /// again.
    async fn advance(&mut self, to: Time, kills: &mut Vec<Kill>) {
        loop {
            let body = json!({ "to": to });
            let clock = Self::answer(self.http.post(self.url("clock")).json(&body));
            let Some(kill) = kills.first() else {
                clock.await.unwrap();
                return;
            };
            let is_dead = {
                let watch = self.watch(kill);
                tokio::pin!(clock, watch);
                tokio::select! {
                    biased;
                    () = &mut watch => true,
                    moved = &mut clock => {
                        moved.unwrap();
                        false
                    }
                }
            };
            if !is_dead && !self.is_due(kill).await {
                return;
            }
            self.crash();
            if let Kill::Training(place) = kills.remove(0) {
                std::fs::remove_file(self.place(&format!("pipe.{place}"))).unwrap();
                std::fs::remove_file(self.place("pipe.reached")).unwrap();
            }
        }
    }

    async fn watch(&self, kill: &Kill) {
        while !self.is_due(kill).await {
            tokio::task::yield_now().await;
        }
    }

    async fn is_due(&self, kill: &Kill) -> bool {
        match kill {
            Kill::Training(_) => {
                let is_reached = self.place("pipe.reached").exists();
                // The stage runs in a process of its own; there is nothing to be woken by.
                tokio::time::timeout(StdDuration::from_millis(5), std::future::pending::<()>())
                    .await
                    .ok();
                is_reached
            }
            Kill::Told(words) => self.is_told(words).await,
            Kill::After(step) => {
                let plans = self.get("plans?limit=1").await;
                let plan = &plans["items"][0];
                let is_open = plan["state"] == "running" || *step == "verdict";
                is_open
                    && is_retraining(plan)
                    && steps(plan).any(|found| found["name"] == *step && found["state"] == "done")
            }
        }
    }

    async fn is_told(&self, words: &str) -> bool {
        let latest = self.get("decisions?limit=1").await;
        latest["items"][0]["text"]
            .as_str()
            .is_some_and(|text| text.contains(words))
    }

    /// Makes the next training stand still.
    fn hold(&self, place: &str) {
        let pipe = self.place(&format!("pipe.{place}"));
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }

    /// Puts the first model into service.
    async fn begin(&mut self, rows: &[Row], kills: &mut Vec<Kill>) {
        let source = json!({ "git": self.place("project"), "subfolder": "", "commit": "HEAD" });
        self.post("apply", &json!({ "spec": SPEC, "project": source }))
            .await;
        let mut table = "event_time,id,x,label\n".to_owned();
        let now = start() + Duration::from_days(LEARNED);
        for row in rows.iter().take_while(|row| row.at < now) {
            let label = u8::from(row.label);
            writeln!(table, "{},{},{},{label}", row.at, row.id, row.x).unwrap();
        }
        let path = "datasets?name=curve-training&time_column=event_time&file=train.csv";
        let request = self
            .http
            .post(self.url(path))
            .header("content-type", "text/csv")
            .body(table);
        let dataset = Self::answer(request).await.unwrap();
        self.advance(now, &mut Vec::new()).await;
        self.post(
            "triggers/retrain/fire",
            &json!({ "dataset": dataset["id"] }),
        )
        .await;
        self.advance(now, kills).await;
        let plans = self.plans().await;
        assert_eq!(plans[0]["state"], "promoted", "{:#}", plans[0]);
    }

    /// Plays the rest of the history; answers how many outcomes the server has acknowledged.
    async fn play(&mut self, rows: &[Row], kills: &mut Vec<Kill>) -> u64 {
        let mut acknowledged = 0;
        let mut clock = start() + Duration::from_days(LEARNED);
        let mut next = rows.partition_point(|row| row.at < clock);
        let mut next_label = next;
        while clock < start() + Duration::from_days(DAYS) {
            let until = clock + STRIDE;
            let end = rows.partition_point(|row| row.at < until);
            for batch in rows[next..end].chunks(BATCH) {
                self.predict(batch).await;
            }
            next = end;
            let known = rows.partition_point(|row| row.at + LABEL_DELAY <= until);
            let items: Vec<Value> = rows[next_label..known.max(next_label)]
                .iter()
                .map(|row| {
                    json!({
                        "event_id": format!("label-{}", row.id), "row_key": row.id,
                        "value": u8::from(row.label), "event_time": row.at + LABEL_DELAY,
                    })
                })
                .collect();
            next_label = known.max(next_label);
            if !items.is_empty() {
                let receipt = self
                    .post("feedback", &json!({ "endpoint": "curve", "items": items }))
                    .await;
                acknowledged += receipt["stored"].as_u64().unwrap();
            }
            self.advance(until, kills).await;
            clock = until;
        }
        acknowledged
    }

    async fn predict(&self, rows: &[Row]) {
        let values: Vec<f64> = rows.iter().map(|row| row.x).collect();
        let keys: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
        let body = json!({
            "inputs": [{ "name": "x", "datatype": "FP32", "shape": [rows.len(), 1], "data": values }],
            "parameters": { "row_keys": keys },
        });
        let request = self
            .http
            .post(self.url("/v2/models/curve/infer"))
            .header("x-trimtab-key", keys[0])
            .header("x-trimtab-event-time", rows[0].at.to_string())
            .json(&body);
        Self::answer(request).await.unwrap();
    }

    async fn end(&self, acknowledged: u64) -> End {
        let decisions = self.get("decisions?after=0&limit=1000").await;
        let decisions: Vec<Value> = decisions["items"].as_array().unwrap().clone();
        let plans = self.plans().await;
        let from_events = json!({ "endpoint": "curve", "name": "all", "labelled": true });
        let labelled = match acknowledged {
            0 => 0,
            _ => self.post("datasets/from-events", &from_events).await["rows"]
                .as_u64()
                .unwrap(),
        };
        let model = self.get("models/curve").await;
        let endpoint = self.get("endpoints/curve").await;
        let champion = endpoint["revisions"]
            .as_array()
            .unwrap()
            .iter()
            .find(|revision| revision["id"] == endpoint["traffic"]["champion"])
            .unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        End {
            told: decisions
                .iter()
                .map(|one| {
                    (
                        text(&one["at"]),
                        text(&one["kind"]),
                        text(&one["text"]),
                        text(&one["object"]["id"]),
                    )
                })
                .collect(),
            plans: plans
                .iter()
                .map(|plan| (text(&plan["created_at"]), text(&plan["state"])))
                .collect(),
            trained: plans
                .iter()
                .flat_map(|plan| steps(plan).filter(|step| step["name"] == "register"))
                .filter_map(|step| step["output"]["version"].as_i64())
                .collect(),
            versions: model["versions"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v["version"].as_i64().unwrap())
                .collect(),
            champion: champion["version"].as_i64().unwrap(),
            labelled,
            acknowledged,
        }
    }
}

/// Where the server is killed.
#[derive(Debug)]
enum Kill {
    /// As soon as this step of a retraining is stored as done.
    After(&'static str),
    /// As soon as this is in the diary: what it tells of is being carried out.
    Told(&'static str),
    /// While the training stage stands still there.
    Training(&'static str),
}

/// How a world ended.
#[derive(Debug)]
struct End {
    /// Time, kind, words, object.
    told: Vec<(String, String, String, String)>,
    plans: Vec<(String, String)>,
    trained: Vec<i64>,
    versions: Vec<i64>,
    champion: i64,
    labelled: u64,
    acknowledged: u64,
}

impl End {
    /// What was decided, without ids.
    fn diary(&self) -> Vec<(&str, &str, &str)> {
        self.told
            .iter()
            .map(|(at, kind, text, _)| (at.as_str(), kind.as_str(), text.as_str()))
            .collect()
    }

    /// What must hold in every world.
    fn assert_sound(&self, folder: &Path) {
        let told: BTreeSet<_> = self.told.iter().collect();
        assert_eq!(
            told.len(),
            self.told.len(),
            "something was told twice: {:#?}",
            self.told
        );
        let mut trained = self.trained.clone();
        trained.sort_unstable();
        let mut versions = self.versions.clone();
        versions.sort_unstable();
        assert_eq!(trained, versions, "one version for each plan that trained");
        assert_eq!(
            self.labelled, self.acknowledged,
            "outcomes that were acknowledged are there"
        );
        assert!(
            self.plans.iter().all(|(_, state)| state != "running"),
            "{:?}",
            self.plans
        );
        let inputs = names(&folder.join("data/inputs"));
        assert_eq!(inputs, ["holder"], "training inputs were left behind");
        for version in names(&folder.join("data/models/default/curve")) {
            assert!(
                version.parse::<i64>().is_ok(),
                "a half-unpacked model: {version}"
            );
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

fn steps(plan: &Value) -> impl Iterator<Item = &Value> {
    plan["steps"].as_array().into_iter().flatten()
}

/// A plan that learns from events: every one but the first.
fn is_retraining(plan: &Value) -> bool {
    plan["cause"]
        .as_str()
        .is_some_and(|cause| !cause.starts_with("started by"))
}

#[tokio::test]
async fn killed_after_every_step_it_comes_to_the_same_end() {
    let rows = history();
    let mut quiet = World::new();
    quiet.begin(&rows, &mut Vec::new()).await;
    let acknowledged = quiet.play(&rows, &mut Vec::new()).await;
    let left_alone = quiet.end(acknowledged).await;
    left_alone.assert_sound(quiet.folder.path());
    drop(quiet);
    assert!(left_alone.champion > 1, "{left_alone:#?}");

    let mut world = World::new();
    world.begin(&rows, &mut Vec::new()).await;
    let mut kills = vec![
        Kill::After("freeze"),
        Kill::After("dataset"),
        Kill::Training("before"),
        Kill::After("train"),
        Kill::After("register"),
        Kill::After("gate"),
        Kill::After("rollout"),
        Kill::Told("version 2 enters shadow"),
        Kill::Told("version 2 answers 50% of requests"),
        Kill::Told("version 2 is the champion"),
        Kill::Told("the bake of version 2 is over"),
        Kill::After("verdict"),
    ];
    world.hold("before");
    let acknowledged = world.play(&rows, &mut kills).await;
    assert!(kills.is_empty(), "never came to {kills:?}");
    let killed = world.end(acknowledged).await;
    killed.assert_sound(world.folder.path());

    assert_eq!(killed.diary(), left_alone.diary());
    assert_eq!(killed.plans, left_alone.plans);
    assert_eq!(
        (killed.champion, &killed.versions),
        (left_alone.champion, &left_alone.versions)
    );
    assert_eq!(killed.acknowledged, left_alone.acknowledged);
}

#[tokio::test]
async fn killed_after_a_training_registered_its_version_it_has_one_version() {
    let rows = history();
    let mut world = World::new();
    world.hold("after");
    world.begin(&rows, &mut vec![Kill::Training("after")]).await;
    let end = world.end(0).await;
    end.assert_sound(world.folder.path());
    assert_eq!(
        end.versions,
        [2],
        "the interrupted training's version is gone"
    );
    assert_eq!(end.champion, 2);
}
