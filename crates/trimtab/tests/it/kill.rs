//! `kill -9` while eight writers write: what was acknowledged is there, and of what was not, nothing by halves.
//!
//! Five kills in every run of the tests; `TRIMTAB_KILLS` asks for more.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::server::Server;

const WRITERS: usize = 8;
/// Points of the long metric in a batch: enough to be kept as a chunk.
const LONG: i64 = 30;

/// A kept connection. Every call answers `None` once the server is gone.
struct Client(Option<BufReader<TcpStream>>);

impl Client {
    fn new(url: &str) -> Self {
        let address = url.strip_prefix("http://").unwrap();
        Self(TcpStream::connect(address).ok().map(BufReader::new))
    }

    fn call(&mut self, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
        let stream = self.0.as_mut()?;
        let request = format!(
            "{method} /api/2.0/mlflow/{path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.get_mut().write_all(request.as_bytes()).ok()?;
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let status = line.split_whitespace().nth(1)?.parse().ok()?;
        let mut length = 0;
        loop {
            line.clear();
            stream.read_line(&mut line).ok()?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        Some((status, serde_json::from_slice(&body).ok()?))
    }

    /// Whether the write was acknowledged; a refusal is a failure of the test.
    fn post(&mut self, path: &str, body: &Value) -> Option<Value> {
        let (status, answer) = self.call("POST", path, &body.to_string())?;
        assert_eq!(status, 200, "{path}: {answer}");
        Some(answer)
    }

    fn get(&mut self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, "").unwrap();
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }
}

/// What a writer tried on one run, and what of it was acknowledged.
#[derive(Default)]
struct Told {
    run: String,
    batches_tried: i64,
    batches: i64,
    points: i64,
    last_tag: i64,
}

fn write(url: &str) -> Vec<Told> {
    let mut client = Client::new(url);
    let mut runs = Vec::new();
    while let Some(made) = client.post(
        "runs/create",
        &json!({"experiment_id": "0", "start_time": 1, "tags": [{"key": "made", "value": "whole"}]}),
    ) {
        let mut told = Told {
            run: made["run"]["info"]["run_id"].as_str().unwrap().to_owned(),
            ..Told::default()
        };
        let is_alive = write_run(&mut client, &mut told).is_some();
        runs.push(told);
        if !is_alive {
            break;
        }
    }
    runs
}

fn write_run(client: &mut Client, told: &mut Told) -> Option<()> {
    let run = told.run.clone();
    for i in 0..20 {
        client.post(
            "runs/log-metric",
            &json!({"run_id": run, "key": "one", "value": i, "timestamp": i, "step": i}),
        )?;
        told.points = i + 1;
        let mut metrics: Vec<Value> = (i * LONG..(i + 1) * LONG)
            .map(|step| json!({"key": "long", "value": step, "timestamp": step, "step": step}))
            .collect();
        metrics.extend(
            (0..3).map(
                |k| json!({"key": format!("short{k}"), "value": i, "timestamp": i, "step": i}),
            ),
        );
        told.batches_tried = i + 1;
        client.post(
            "runs/log-batch",
            &json!({
                "run_id": run,
                "metrics": metrics,
                "params": [{"key": format!("p{i}"), "value": "v"}],
                "tags": [{"key": format!("t{i}"), "value": "v"}],
            }),
        )?;
        told.batches = i + 1;
        let tag = json!({"run_id": run, "key": "last", "value": (i + 1).to_string()});
        client.post("runs/set-tag", &tag)?;
        told.last_tag = i + 1;
    }
    Some(())
}

fn steps(client: &mut Client, run: &str, key: &str) -> BTreeSet<i64> {
    let path = format!("metrics/get-history?run_id={run}&metric_key={key}");
    let answer = client.get(&path);
    let points = answer["metrics"].as_array().cloned().unwrap_or_default();
    points
        .iter()
        .map(|point| point["step"].as_i64().unwrap())
        .collect()
}

fn pairs(data: &Value) -> BTreeMap<String, String> {
    data.as_array()
        .into_iter()
        .flatten()
        .map(|pair| {
            let text = |name: &str| pair[name].as_str().unwrap_or_default().to_owned();
            (text("key"), text("value"))
        })
        .collect()
}

fn check(client: &mut Client, told: &Told) {
    let run = &told.run;
    let data = client.get(&format!("runs/get?run_id={run}"))["run"]["data"].clone();
    let (params, tags) = (pairs(&data["params"]), pairs(&data["tags"]));
    assert_eq!(tags.get("made").map(String::as_str), Some("whole"));
    let last: i64 = tags.get("last").map_or(0, |last| last.parse().unwrap());
    assert!(
        last >= told.last_tag,
        "{run}: tag {last} of {}",
        told.last_tag
    );
    let one = steps(client, run, "one");
    assert!((0..told.points).all(|step| one.contains(&step)), "{run}");
    let long = steps(client, run, "long");
    let short: Vec<_> = (0..3)
        .map(|k| steps(client, run, &format!("short{k}")))
        .collect();
    for i in 0..told.batches_tried {
        let is_there = params.contains_key(&format!("p{i}"));
        assert!(is_there || i >= told.batches, "{run}: batch {i} was lost");
        let parts = long.range(i * LONG..(i + 1) * LONG).count();
        let whole = usize::try_from(LONG).unwrap();
        assert_eq!(
            parts,
            if is_there { whole } else { 0 },
            "{run}: half of batch {i}"
        );
        assert_eq!(
            tags.contains_key(&format!("t{i}")),
            is_there,
            "{run}: batch {i}"
        );
        assert!(
            short.iter().all(|steps| steps.contains(&i) == is_there),
            "{run}: batch {i}"
        );
    }
    let latest = data["metrics"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|metric| metric["key"] == "long")
        .map(|metric| metric["step"].as_i64().unwrap());
    assert_eq!(latest, long.last().copied(), "{run}: the latest value");
}

fn start(folder: &Path) -> Server {
    Server::start(folder, &["--data-dir", "data"])
}

#[test]
fn what_was_acknowledged_survives_kills_and_no_batch_is_half() {
    let folder = tempfile::tempdir().unwrap();
    let kills: u64 = std::env::var("TRIMTAB_KILLS")
        .ok()
        .map_or(5, |kills| kills.parse().unwrap());
    let (mut acknowledged, mut undecided) = (0, 0);
    let mut server = start(folder.path());
    for kill in 0..kills {
        let url = server.url.clone();
        let told: Vec<Told> = thread::scope(|scope| {
            let writers: Vec<_> = (0..WRITERS).map(|_| scope.spawn(|| write(&url))).collect();
            // Another moment of the load each time.
            thread::sleep(Duration::from_millis(60 + kill * 97 % 400));
            server.kill();
            writers
                .into_iter()
                .flat_map(|writer| writer.join().unwrap())
                .collect()
        });
        server = start(folder.path());
        let mut client = Client::new(&server.url);
        for told in &told {
            check(&mut client, told);
            acknowledged += told.batches;
            undecided += told.batches_tried - told.batches;
        }
    }
    let (code, _) = server.stop();
    assert_eq!(code, Some(0));
    assert!(acknowledged > 0, "nothing was written before the kills");
    eprintln!("{kills} kills, {acknowledged} batches acknowledged, {undecided} in flight");
}
