//! Measures the release binary end to end: start to first healthy answer, memory at rest, one-row predictions over HTTP
//! beside the same model in process.
//!
//! It is no load test: one connection, one request at a time, a bounded number of requests, on loopback.
#![expect(clippy::print_stdout, reason = "a program for the command line")]

mod http;
mod measure;
mod server;
mod spread;
mod tracking;

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("tracking", words)) = words
        .split_first()
        .map(|(first, rest)| (first.as_str(), rest))
    {
        return tracking::main(words);
    }
    let save = match words.as_slice() {
        [] => None,
        [flag, file] if flag == "--save" => Some(PathBuf::from(file)),
        _ => bail!(
            "usage: cargo xtask bench [--save FILE.json]\n       cargo xtask bench tracking [--peer] [--postgres] [--runs N] [--only WORD] [--seconds N] [--repeats N] [--save FILE.json]"
        ),
    };
    let binary = variable("TRIMTAB_BIN")?;
    let python = variable("TRIMTAB_PYTHON")?;
    let result = measure::all(&binary, &python)?;
    print!("{}", table(&result));
    let text = serde_json::to_string_pretty(&result)?;
    match save {
        Some(file) => std::fs::write(&file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?,
        None => println!("{text}"),
    }
    Ok(())
}

fn variable(name: &str) -> Result<PathBuf> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .with_context(|| format!("{name} is not set; run this by `cargo xtask bench`"))
}

/// One line a figure, as deep as the object goes.
fn table(result: &Value) -> String {
    let mut lines = String::new();
    flatten("", result, &mut lines);
    lines
}

fn flatten(prefix: &str, value: &Value, lines: &mut String) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if prefix.is_empty() {
                    name.clone()
                } else {
                    format!("{prefix}.{name}")
                };
                flatten(&name, value, lines);
            }
        }
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            let _ = writeln!(lines, "{prefix:<36} {number:>12.1}");
        }
        other => {
            let _ = writeln!(lines, "{prefix:<36} {other}");
        }
    }
}
