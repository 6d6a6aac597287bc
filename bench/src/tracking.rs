//! Trimtab's tracking beside `mlflow server`, in one run, on one machine, from the same requests.
//!
//! Each row is measured on one server after the other, three times in turn, and the medians stand beside each other: the
//! ratio holds where the absolute numbers hang on the machine. The peer is asked twice: by plain clients, and by clients
//! that acknowledge at once, without which its answers wait for the kernel's delayed acknowledgement and flatter us.

mod load;
mod processes;
mod rows;
mod work;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::spread::{Spread, round};
use processes::Target;

/// What the command line asks for.
#[derive(Debug)]
struct Options {
    with_peer: bool,
    /// Both on the PostgreSQL that `cargo xtask bench` started, in place of SQLite.
    on_postgres: bool,
    /// Runs that searches look through.
    runs: usize,
    only: Option<String>,
    window: Duration,
    repeats: usize,
    save: Option<PathBuf>,
}

pub(crate) fn main(words: &[String]) -> Result<()> {
    let mut options = Options {
        with_peer: false,
        on_postgres: false,
        runs: 10_000,
        only: None,
        window: Duration::from_millis(2_500),
        repeats: 3,
        save: None,
    };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || {
            words
                .next()
                .with_context(|| format!("{word} needs a value"))
        };
        match word.as_str() {
            "--peer" => options.with_peer = true,
            "--postgres" => options.on_postgres = true,
            "--runs" => options.runs = value()?.parse::<usize>()?.max(10_000),
            "--only" => options.only = Some(value()?.clone()),
            "--seconds" => options.window = Duration::from_secs_f64(value()?.parse()?),
            "--repeats" => options.repeats = value()?.parse::<usize>()?.max(1),
            "--save" => options.save = Some(PathBuf::from(value()?)),
            other => bail!("unknown word `{other}`"),
        }
    }
    let scratch = std::env::temp_dir().join(format!("trimtab-tracking-{}", std::process::id()));
    let result = measure(&options, &scratch);
    let _ = std::fs::remove_dir_all(&scratch);
    let result = result?;
    print!("{}", markdown(&result));
    if let Some(file) = &options.save {
        std::fs::write(file, serde_json::to_string_pretty(&result)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

fn measure(options: &Options, scratch: &Path) -> Result<Value> {
    std::fs::create_dir_all(scratch)?;
    let load_before = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let sync = disk_sync(scratch)?;
    let database = |name: &str| -> Result<Option<String>> {
        if !options.on_postgres {
            return Ok(None);
        }
        let server = std::env::var("TRIMTAB_BENCH_POSTGRES")
            .context("TRIMTAB_BENCH_POSTGRES is not set; run this by `cargo xtask bench`")?;
        Ok(Some(format!("{server}/{name}")))
    };
    let (binary, folder) = (crate::variable("TRIMTAB_BIN")?, scratch.join("ours"));
    let ours = Target::trimtab(&binary, &folder, database("trimtab")?.as_deref())?;
    let peer = if options.with_peer {
        let (python, folder) = (crate::variable("TRIMTAB_PYTHON")?, scratch.join("peer"));
        let database = database("mlflow")?;
        Some(Target::mlflow(&python, &folder, database.as_deref())?)
    } else {
        None
    };
    let mut result = json!({
        "database": if options.on_postgres { "PostgreSQL" } else { "SQLite" },
        "load_before": load_before.trim(),
        "disk_sync_ms": sync.to_json(),
        "durability": "durable: both servers sync the disk before a write is answered",
        "start_ms": {"ours": round(ours.start_ms), "mlflow": peer.as_ref().map(|peer| round(peer.start_ms))},
        "idle_rss_mb": {"ours": round(ours.rss_mb()), "mlflow": peer.as_ref().map(|peer| round(peer.rss_mb()))},
    });
    let rows = rows::all(options, &ours, peer.as_ref())?;
    result["rss_after_mb"] = json!({"ours": round(ours.rss_mb()), "mlflow": peer.as_ref().map(|peer| round(peer.rss_mb()))});
    result["load_after"] = json!(
        std::fs::read_to_string("/proc/loadavg")
            .unwrap_or_default()
            .trim()
    );
    result["rows"] = Value::from(rows);
    Ok(result)
}

/// What one small append costs that must be on the disk before it counts, in milliseconds.
fn disk_sync(folder: &Path) -> Result<Spread> {
    let mut file = File::create(folder.join("sync"))?;
    let page = [7_u8; 4_096];
    let mut times = Vec::with_capacity(500);
    for _ in 0..500 {
        let begin = Instant::now();
        file.write_all(&page)?;
        file.sync_data()?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
    }
    Spread::of(times).context("no sync was measured")
}

fn markdown(result: &Value) -> String {
    let mut text = format!(
        "{}; disk sync p50 {} ms, p99 {} ms; {}; load before {}\n\n| work | Trimtab | MLflow, plain client | MLflow, acknowledging at once | ratio | p50 / p99 ms | CPU s server / client |\n| --- | --- | --- | --- | --- | --- | --- |\n",
        result["database"].as_str().unwrap_or_default(),
        result["disk_sync_ms"]["p50"],
        result["disk_sync_ms"]["p99"],
        result["durability"].as_str().unwrap_or_default(),
        result["load_before"].as_str().unwrap_or_default(),
    );
    let cell = |value: &Value| value.as_f64().map_or("–".to_owned(), |n| format!("{n:.1}"));
    for row in result["rows"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "| {} ({}) | {} | {} | {} | {} | {} / {} | {} / {} |",
            row["work"].as_str().unwrap_or_default(),
            row["unit"].as_str().unwrap_or_default(),
            cell(&row["ours"]),
            cell(&row["mlflow"]),
            cell(&row["mlflow_at_once"]),
            cell(&row["ratio"]),
            cell(&row["p50_ms"]),
            cell(&row["p99_ms"]),
            cell(&row["server_cpu_s"]),
            cell(&row["client_cpu_s"]),
        );
    }
    for name in ["start_ms", "idle_rss_mb", "rss_after_mb"] {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | – | – | – | – |",
            cell(&result[name]["ours"]),
            cell(&result[name]["mlflow"])
        );
    }
    text
}
