//! The rows of the table.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{
    Options,
    load::{self, Next, Window},
    processes::Target,
    work,
};
use crate::http::{Connection, drain, get, post, put};
use crate::spread::round;

/// Points after which the memory is looked at.
const MANY: usize = 10_000_000;
/// Points of the long history.
const POINTS: usize = 100_000;
const LARGE: usize = 200 << 20;

/// Makes the clients of one window on one server.
type Clients<'c> = &'c dyn Fn(&Target) -> Result<Vec<Next>>;

struct Table<'t> {
    options: &'t Options,
    ours: &'t Target,
    peer: Option<&'t Target>,
    rows: Vec<Value>,
}

pub(crate) fn all(options: &Options, ours: &Target, peer: Option<&Target>) -> Result<Vec<Value>> {
    let mut table = Table {
        options,
        ours,
        peer,
        rows: Vec::new(),
    };
    table.writes()?;
    table.stock_client()?;
    table.memory()?;
    table.histories()?;
    table.searches()?;
    table.artifacts()?;
    Ok(table.rows)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

impl Table<'_> {
    fn wants(&self, work: &str) -> bool {
        self.options
            .only
            .as_ref()
            .is_none_or(|word| work.contains(word.as_str()))
    }

    /// Requests a second, times `unit` of work in each.
    fn rate(&mut self, name: &str, unit: &str, factor: f64, clients: Clients<'_>) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let (mut ours, mut plain, mut at_once) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.options.repeats {
            let window = |target: &Target, at_once| -> Result<Window> {
                load::run(target, clients(target)?, self.options.window, at_once)
                    .with_context(|| name.to_owned())
            };
            ours.push(window(self.ours, false)?);
            if let Some(peer) = self.peer {
                plain.push(window(peer, false)?);
                at_once.push(window(peer, true)?);
            }
        }
        let rates = |windows: &[Window]| {
            median(windows.iter().map(|window| window.per_s * factor).collect())
        };
        let last = ours.last().context("no window")?;
        let (own, mlflow) = (rates(&ours), rates(&at_once));
        let row = json!({
            "work": name,
            "unit": unit,
            "ours": own.map(round),
            "mlflow": rates(&plain).map(round),
            "mlflow_at_once": mlflow.map(round),
            "ratio": own.zip(mlflow).map(|(own, mlflow)| round(own / mlflow)),
            "p50_ms": round(last.latency.p50),
            "p99_ms": round(last.latency.p99),
            "server_cpu_s": round(last.server_cpu_s),
            "client_cpu_s": round(last.client_cpu_s),
        });
        self.keep(row);
        Ok(())
    }

    /// Milliseconds of one piece of work; the smaller is the better.
    fn time(
        &mut self,
        name: &str,
        repeats: usize,
        run: &dyn Fn(&Target) -> Result<()>,
    ) -> Result<()> {
        if !self.wants(name) {
            return Ok(());
        }
        let timed = |target: &Target| -> Result<f64> {
            let begin = Instant::now();
            run(target).with_context(|| name.to_owned())?;
            Ok(begin.elapsed().as_secs_f64() * 1e3)
        };
        let (mut ours, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..repeats {
            ours.push(timed(self.ours)?);
            if let Some(target) = self.peer {
                peer.push(timed(target)?);
            }
        }
        let (own, mlflow) = (median(ours), median(peer));
        self.keep(json!({
            "work": name,
            "unit": "ms",
            "ours": own.map(round),
            "mlflow_at_once": mlflow.map(round),
            "ratio": own.zip(mlflow).map(|(own, mlflow)| round(mlflow / own)),
        }));
        Ok(())
    }

    fn keep(&mut self, row: Value) {
        println!("{row}");
        self.rows.push(row);
    }

    fn writes(&mut self) -> Result<()> {
        let runs = |target: &Target, clients: usize| -> Result<Vec<String>> {
            (0..clients).map(|i| work::run(target, "0", i)).collect()
        };
        for clients in [1, 8] {
            self.rate(&format!("log-metric, {clients}"), "per s", 1.0, &|target| {
                Ok(runs(target, clients)?
                    .into_iter()
                    .map(work::log_metric)
                    .collect())
            })?;
            for (keys, steps) in [(10, 100), (1_000, 1)] {
                let name = format!("log-batch of {keys} keys x {steps} steps, {clients}");
                self.rate(&name, "points/s", 1_000.0, &|target| {
                    let runs = runs(target, clients)?;
                    Ok(runs
                        .iter()
                        .map(|run| work::log_batch(run, keys, steps))
                        .collect())
                })?;
            }
            self.rate(&format!("create run, {clients}"), "per s", 1.0, &|_| {
                Ok((0..clients)
                    .map(|_| work::create_run("0".to_owned()))
                    .collect())
            })?;
        }
        Ok(())
    }

    /// What the stock Python client sees, through its own connection and decoding.
    fn stock_client(&mut self) -> Result<()> {
        if !self.wants("stock client") {
            return Ok(());
        }
        let seconds = self.options.window.as_secs_f64().to_string();
        let measured = |target: &Target| -> Result<Value> {
            let output = Command::new(crate::variable("TRIMTAB_PYTHON")?)
                .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/stock_client.py"))
                .args([&format!("http://{}", target.address), &seconds])
                .output()?;
            if !output.status.success() {
                bail!("{}", String::from_utf8_lossy(&output.stderr));
            }
            Ok(serde_json::from_slice(&output.stdout)?)
        };
        let ours = measured(self.ours)?;
        let peer = self.peer.map(measured).transpose()?;
        for (work, unit) in [
            ("log-metric", "per s"),
            ("log-batch of 1,000 points", "points/s"),
            ("create run", "per s"),
            ("search of 100 runs", "per s"),
        ] {
            let (own, mlflow) = (
                ours[work].as_f64(),
                peer.as_ref().and_then(|peer| peer[work].as_f64()),
            );
            self.keep(json!({
                "work": format!("stock client: {work}"),
                "unit": unit,
                "ours": own.map(round),
                "mlflow": mlflow.map(round),
                "ratio": own.zip(mlflow).map(|(own, mlflow)| round(own / mlflow)),
            }));
        }
        Ok(())
    }

    /// Memory after many points, ours alone: the peer would take a quarter of an hour for them.
    fn memory(&mut self) -> Result<()> {
        if !self.wants("memory") {
            return Ok(());
        }
        let ours = self.ours;
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|thread| {
                    scope.spawn(move || -> Result<()> {
                        let run = work::run(ours, "0", thread)?;
                        let mut next = work::log_batch(&run, 10, 100);
                        let mut connection = Connection::open(ours.address)?;
                        for _ in 0..MANY / 8 / 1_000 {
                            let answer = connection.call(&next())?;
                            if answer.status != 200 {
                                bail!("status {}", answer.status);
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            for thread in threads {
                match thread.join() {
                    Ok(outcome) => outcome?,
                    Err(_) => bail!("a client ended by a panic"),
                }
            }
            Ok(())
        })?;
        self.keep(json!({
            "work": "memory after 10M points",
            "unit": "MB",
            "ours": round(ours.rss_mb()),
        }));
        Ok(())
    }

    fn histories(&mut self) -> Result<()> {
        if !self.wants("history") {
            return Ok(());
        }
        let write = |target: &Target, run: &str| -> Result<()> {
            let mut connection = Connection::open(target.address)?.acknowledging_at_once(true);
            for i in 0..POINTS / 1_000 {
                let answer =
                    connection.call(&work::batch(run, 1, 1_000, i64::try_from(i)? * 1_000))?;
                if answer.status != 200 {
                    bail!("status {}", answer.status);
                }
            }
            Ok(())
        };
        self.time("history of 100k points: write", 1, &|target| {
            write(target, &work::run(target, "0", 0)?)
        })?;
        let ours = work::run(self.ours, "0", 0)?;
        write(self.ours, &ours)?;
        let peers = match self.peer {
            Some(peer) => {
                let run = work::run(peer, "0", 0)?;
                write(peer, &run)?;
                run
            }
            None => String::new(),
        };
        let address = self.ours.address;
        let of = |target: &Target| {
            if target.address == address {
                ours.clone()
            } else {
                peers.clone()
            }
        };
        self.time("history of 100k points: read", 3, &|target| {
            let count = work::history(target, &of(target), "metric_0")?;
            if count == POINTS {
                Ok(())
            } else {
                bail!("{count} points")
            }
        })?;
        self.time("history of 100k points: sample of 320", 5, &|target| {
            let run = of(target);
            let path = format!(
                "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval?run_ids={run}&metric_key=metric_0&max_results=320"
            );
            let answer = work::call(target, &get(&path))?;
            match answer["metrics"].as_array().map_or(0, Vec::len) {
                100..=400 => Ok(()),
                count => bail!("{count} points"),
            }
        })
    }

    fn searches(&mut self) -> Result<()> {
        if !self.wants("search") {
            return Ok(());
        }
        let ours = work::experiment(self.ours, "search")?;
        seed(self.ours, &ours, self.options.runs)?;
        let peers = match self.peer {
            Some(peer) => {
                let experiment = work::experiment(peer, "search")?;
                seed_peer(peer, &experiment, self.options.runs)?;
                experiment
            }
            None => String::new(),
        };
        let address = self.ours.address;
        let of = |target: &Target| {
            if target.address == address {
                ours.clone()
            } else {
                peers.clone()
            }
        };
        let by_metric = ["metrics.metric_3 DESC"];
        let cases: [(&str, &str, &[&str], usize); 4] = [
            ("plain", "", &[], 0),
            (
                "filter and order",
                "metrics.metric_1 > 10 AND params.param_2 = '3'",
                &["params.param_1 DESC"],
                0,
            ),
            ("by metric", "", &by_metric, 0),
            ("by metric, page 51", "", &by_metric, 50),
        ];
        for (name, filter, order, pages) in cases {
            let name = format!("search of {} runs: {name}", self.options.runs);
            self.rate(&name, "per s", 1.0, &|target| {
                let experiment = of(target);
                let token = match pages {
                    0 => None,
                    pages => Some(work::token(target, &experiment, order, pages)?),
                };
                let request = work::search(&experiment, filter, order, token.as_deref());
                let answer = work::call(target, &request)?;
                match answer["runs"].as_array().map_or(0, Vec::len) {
                    100 => Ok(vec![work::same(request)]),
                    count => bail!("{count} runs instead of 100"),
                }
            })?;
        }
        Ok(())
    }

    fn artifacts(&mut self) -> Result<()> {
        const FOLDER: &str = "/api/2.0/mlflow-artifacts/artifacts/0/bench/artifacts";
        if self.wants("artifact") {
            let large = put(&format!("{FOLDER}/large"), &vec![5; LARGE]);
            self.time("artifact of 200 MiB: up", 3, &|target| {
                let answer = Connection::open(target.address)?.call(&large)?;
                if answer.status == 200 {
                    Ok(())
                } else {
                    bail!("status {}", answer.status)
                }
            })?;
            self.time("artifact of 200 MiB: down", 3, &|target| match drain(
                target.address,
                &format!("{FOLDER}/large"),
            )? {
                count if count == LARGE as u64 => Ok(()),
                count => bail!("{count} bytes"),
            })?;
        }
        self.rate("artifacts of 10 KiB up, 8", "per s", 1.0, &|_| {
            let client = |thread: usize| -> Next {
                let mut i = 0_u32;
                Box::new(move || {
                    i += 1;
                    let mut body = vec![b'x'; 10 << 10];
                    // Every file is another content.
                    body[..4].copy_from_slice(&i.to_le_bytes());
                    body[4..8].copy_from_slice(&std::process::id().to_le_bytes());
                    body[8] = u8::try_from(thread).unwrap_or(0);
                    put(&format!("{FOLDER}/small/{thread}/{i}"), &body)
                })
            };
            Ok((0..8).map(client).collect())
        })
    }
}

/// The runs that searches look through, as `seed_peer.py` makes them; brought as an import brings them.
fn seed(target: &Target, experiment: &str, runs: usize) -> Result<()> {
    const PART: usize = 500;
    let experiment: i64 = experiment.parse()?;
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|first| {
                scope.spawn(move || -> Result<()> {
                    let mut connection = Connection::open(target.address)?;
                    for part in (first * PART..runs).step_by(4 * PART) {
                        let numbers = part..runs.min(part + PART);
                        for body in work::ingest(experiment, numbers) {
                            let answer = connection.call(&post("/api/v1/ingest", &body))?;
                            if answer.status != 200 {
                                bail!("seeding: {}", String::from_utf8_lossy(&answer.body));
                            }
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        for thread in threads {
            match thread.join() {
                Ok(outcome) => outcome?,
                Err(_) => bail!("a seeding client ended by a panic"),
            }
        }
        Ok(())
    })
}

fn seed_peer(peer: &Target, experiment: &str, runs: usize) -> Result<()> {
    let status = Command::new(crate::variable("TRIMTAB_PYTHON")?)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/seed_peer.py"))
        .args([&peer.database, experiment, &runs.to_string()])
        .status()?;
    if status.success() {
        Ok(())
    } else {
        bail!("the peer could not be seeded")
    }
}
