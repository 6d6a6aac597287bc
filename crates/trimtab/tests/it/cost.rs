//! What hostile requests cost: besides being refused or answered, none of them takes more than a second of one core
//! from the others. Measured on the server's process, as the system counts it.

use serde_json::{Value, json};

use super::server::Server;

/// Seconds of one core that the process has used.
fn core_seconds(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name before the last bracket may hold anything.
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks: f64 = [11, 12]
        .iter()
        .map(|field| fields[*field].parse::<f64>().unwrap())
        .sum();
    // `USER_HZ`, which is 100 wherever Linux runs.
    ticks / 100.0
}

/// What one request may cost, by the issue's own word.
const MOST_S: f64 = 1.0;

struct Meter {
    server: Server,
    http: reqwest::Client,
}

impl Meter {
    fn start(folder: &std::path::Path) -> Self {
        Self {
            server: Server::start(folder, &[]),
            http: reqwest::Client::builder()
                .no_proxy()
                .timeout(std::time::Duration::from_secs(20))
                .build()
                .unwrap(),
        }
    }

    /// Sends one request; answers its status, after holding its cost against the bound.
    async fn call(&self, what: &str, request: reqwest::RequestBuilder) -> (u16, String) {
        let before = core_seconds(self.server.pid());
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => panic!("{what}: {}", error.without_url()),
        };
        let status = answer.status().as_u16();
        let said = answer.text().await.unwrap();
        let cost = core_seconds(self.server.pid()) - before;
        assert!(cost < MOST_S, "{what}: {cost} s of one core ({status})");
        assert!(status != 500, "{what}: {said}");
        (status, said)
    }

    async fn post(&self, what: &str, path: &str, body: &Value) -> (u16, String) {
        let request = self.http.post(self.url(path)).json(body);
        self.call(what, request).await
    }

    async fn raw(&self, what: &str, path: &str, body: String) -> (u16, String) {
        let request = self
            .http
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body);
        self.call(what, request).await
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/2.0/{path}", self.server.url)
    }

    async fn run(&self) -> String {
        let body = json!({ "experiment_id": "0", "start_time": 1 });
        let (status, said) = self.post("a run", "mlflow/runs/create", &body).await;
        assert_eq!(status, 200, "{said}");
        let made: Value = serde_json::from_str(&said).unwrap();
        made["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cwe_400_and_407_no_search_costs_more_than_a_second_of_one_core() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Meter::start(folder.path());
    // Runs whose texts are made for patterns that go back and forth in them.
    for _ in 0..20 {
        let run = meter.run().await;
        let tags: Vec<Value> = (0..100)
            .map(|i| json!({ "key": format!("k{i}"), "value": "a".repeat(if i == 0 { 5_000 } else { 50 }) }))
            .collect();
        let body = json!({ "run_id": run, "tags": tags });
        let (status, said) = meter.post("tags", "mlflow/runs/log-batch", &body).await;
        assert_eq!(status, 200, "{said}");
    }
    let joined = |count: usize, clause: &dyn Fn(usize) -> String| {
        let clauses: Vec<String> = (0..count).map(clause).collect();
        clauses.join(" AND ")
    };
    let filters = [
        joined(500, &|i| format!("tags.k{i} = 'x'")),
        joined(500, &|_| "tags.k0 LIKE '%a%'".to_owned()),
        joined(30, &|i| {
            format!("tags.k{} LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%b'", i % 3)
        }),
        joined(30, &|i| format!("tags.k{i} != 'x'")),
        joined(30, &|i| format!("metrics.m{i} > {i}")),
        format!("tags.k0 LIKE '{}'", "%a".repeat(10_000)),
        format!("tags.k0 ILIKE '{}b'", "%a%A".repeat(200)),
        "(".repeat(100_000),
        format!("tags.k0 = '{}", "x".repeat(1_000_000)),
        format!("tags.`{}` = 'x'", "k".repeat(100_000)),
        format!("attributes.run_id IN ({})", "'x', ".repeat(50_000)),
        "=".repeat(200_000),
        "'".repeat(200_001),
        " AND ".repeat(50_000),
    ];
    for filter in &filters {
        for path in [
            "mlflow/runs/search",
            "mlflow/experiments/search",
            "mlflow/logged-models/search",
        ] {
            let what: String = format!("{path} {filter}").chars().take(100).collect();
            let body = json!({ "experiment_ids": ["0"], "filter": filter, "max_results": 10 });
            meter.post(&what, path, &body).await;
        }
        for path in [
            "mlflow/registered-models/search",
            "mlflow/model-versions/search",
        ] {
            // What fits into no address line is refused before it is read.
            let short: String = filter.chars().take(20_000).collect();
            let what: String = format!("{path} {short}").chars().take(100).collect();
            let request = meter.http.get(meter.url(path)).query(&[("filter", &short)]);
            meter.call(&what, request).await;
        }
    }
    let orders: Vec<String> = (0..1_000).map(|i| format!("metrics.m{i} DESC")).collect();
    let body = json!({ "experiment_ids": ["0"], "order_by": orders });
    meter
        .post("a thousand orders", "mlflow/runs/search", &body)
        .await;
    let experiments: Vec<String> = (0..50_000).map(|i| i.to_string()).collect();
    let body = json!({ "experiment_ids": experiments });
    for path in ["mlflow/runs/search", "mlflow/logged-models/search"] {
        let (status, said) = meter.post("50,000 experiments", path, &body).await;
        assert_eq!(status, 200, "{path}: {said}");
    }
    let body = json!({ "experiment_ids": ["0"], "page_token": "A".repeat(1_000_000) });
    let (status, _) = meter.post("a token", "mlflow/runs/search", &body).await;
    assert_eq!(status, 400);
    assert_eq!(meter.server.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cwe_674_and_770_no_body_costs_more_than_a_second_of_one_core() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Meter::start(folder.path());
    let run = meter.run().await;
    let deep = 100_000;
    let mut bodies = vec![
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        format!("{{\"name\": {}1{}}}", "[".repeat(deep), "]".repeat(deep)),
        format!("{{\"start_time\": {}}}", "9".repeat(1_000_000)),
        format!("{{\"start_time\": 0.{}1}}", "0".repeat(1_000_000)),
        format!("{{\"start_time\": 1e{}}}", "9".repeat(1_000)),
        format!("{{\"name\": \"{}\"}}", "\\u00e9".repeat(150_000)),
        format!("{{\"name\": \"{}", "\\".repeat(1_000_000)),
        format!("{{{}}}", "\"k\": 1, ".repeat(100_000)),
        "not JSON".to_owned(),
        "\u{0}".repeat(500_000),
    ];
    let keys: Vec<String> = (0..50_000).map(|i| format!("\"k{i}\": {i}")).collect();
    bodies.push(format!("{{{}}}", keys.join(",")));
    for body in &bodies {
        let what: String = body.chars().take(60).collect();
        for path in [
            "mlflow/experiments/create",
            "mlflow/runs/create",
            "mlflow/runs/log-batch",
            "mlflow/registered-models/create",
            "mlflow/logged-models",
        ] {
            let (status, said) = meter.raw(&what, path, body.clone()).await;
            assert!(
                (400..500).contains(&status) || status == 200,
                "{path} {what}: {status} {said}"
            );
        }
        let (status, _) = meter
            .raw(&what, "mlflow/runs/log-metric", body.clone())
            .await;
        assert!((400..500).contains(&status), "{what}: {status}");
    }
    let huge = "n".repeat(900_000);
    for (path, body) in [
        ("mlflow/experiments/create", json!({ "name": huge })),
        ("mlflow/registered-models/create", json!({ "name": huge })),
        (
            "mlflow/runs/log-parameter",
            json!({ "run_id": run, "key": huge, "value": "1" }),
        ),
        (
            "mlflow/runs/set-tag",
            json!({ "run_id": run, "key": huge, "value": "1" }),
        ),
        (
            "mlflow/runs/log-metric",
            json!({ "run_id": run, "key": huge, "value": 1, "timestamp": 1 }),
        ),
    ] {
        let (status, said) = meter.post(path, path, &body).await;
        assert_eq!(status, 400, "{path}: {said}");
    }
    // A long value is cut, as MLflow cuts it.
    let body = json!({ "run_id": run, "key": "k", "value": huge });
    let path = "mlflow/runs/log-parameter";
    let (status, said) = meter.post(path, path, &body).await;
    assert_eq!(status, 200, "{said}");
    // The largest that is allowed costs no more either.
    let metrics: Vec<Value> = (0..1_000)
        .map(|i| json!({ "key": format!("m{i}{}", "k".repeat(200)), "value": 0.1, "timestamp": i, "step": i }))
        .collect();
    let body = json!({ "run_id": run, "metrics": metrics });
    let (status, said) = meter.post("a batch", "mlflow/runs/log-batch", &body).await;
    assert_eq!(status, 200, "{said}");
    assert_eq!(meter.server.stop().0, Some(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cwe_22_and_400_no_path_costs_more_than_a_second_of_one_core() {
    let folder = tempfile::tempdir().unwrap();
    let meter = Meter::start(folder.path());
    let run = meter.run().await;
    for path in [
        "%2525".repeat(5_000),
        "%252e%252e%252f".repeat(1_000),
        "../".repeat(5_000),
        "a/".repeat(10_000),
        "%00".repeat(5_000),
        format!("{}/x", "a".repeat(20_000)),
    ] {
        let what: String = path.chars().take(40).collect();
        let url = meter.url(&format!(
            "mlflow-artifacts/artifacts/0/{run}/artifacts/{path}"
        ));
        let (status, _) = meter.call(&what, meter.http.get(&url)).await;
        assert!((400..500).contains(&status), "{what}: {status}");
        let (status, _) = meter.call(&what, meter.http.put(&url).body("x")).await;
        assert!((400..500).contains(&status), "{what}: {status}");
        let listed = meter
            .http
            .get(meter.url("mlflow/artifacts/list"))
            .query(&[("run_id", run.as_str()), ("path", path.as_str())]);
        let (status, _) = meter.call(&what, listed).await;
        assert!(
            (400..500).contains(&status) || status == 200,
            "{what}: {status}"
        );
    }
    assert_eq!(meter.server.stop().0, Some(0));
}
