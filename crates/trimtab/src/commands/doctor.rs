//! `trimtab doctor`: the server, and what it needs on this machine. Exit 0 when the server is healthy.

use std::{
    fmt::Write as _,
    process::{Command, ExitCode},
};

use serde::Serialize;
use trimtab_edge_api::wire::ServerInfo;

use super::Context;
use crate::{
    config::Flags,
    told::{Exit, explain},
};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: String,
    /// `ok`, `warning` or `error`.
    state: &'static str,
    message: String,
    hint: Option<String>,
}

pub(super) async fn run(context: &Context) -> anyhow::Result<ExitCode> {
    let mut findings = vec![configuration(context)];
    let client = context.client()?;
    let mut exit = ExitCode::SUCCESS;
    match client.get::<ServerInfo>("server").await {
        Ok(server) => {
            findings.push(Finding {
                what: "server".to_owned(),
                state: "ok",
                message: format!(
                    "{} runs Trimtab {} on {}; you are `{}` ({}) in workspace `{}`",
                    client.url(),
                    server.version,
                    server.database,
                    server.principal,
                    server.role,
                    server.workspace
                ),
                hint: None,
            });
            if let Some(library) = server.onnx_runtime {
                findings.push(Finding {
                    what: "onnx runtime".to_owned(),
                    state: "ok",
                    message: format!("the server uses {library}"),
                    hint: None,
                });
            }
            // Errors of the machine, though the server itself is healthy (exit 0).
            findings.extend(server.problems.into_iter().map(|problem| Finding {
                what: problem.what,
                state: "error",
                message: problem.message,
                hint: problem.hint,
            }));
        }
        Err(error) => {
            let (text, code) = explain(&error);
            let (message, hint) = match text.split_once("\n\nhint: ") {
                Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
                None => (text, None),
            };
            // A server that wants a token is healthy.
            let is_alive = code == Exit::Refused;
            if !is_alive {
                exit = ExitCode::from(code as u8);
            }
            findings.push(Finding {
                what: "server".to_owned(),
                state: if is_alive { "warning" } else { "error" },
                message: message.trim_start_matches("error: ").to_owned(),
                hint,
            });
        }
    }
    findings.push(program(
        "git",
        &["--version"],
        "projects and their worktrees need git",
    ));
    context.output.answer(&findings, || {
        findings.iter().fold(String::new(), |mut text, finding| {
            let _ = writeln!(
                text,
                "{:<8} {:<14} {}",
                finding.state, finding.what, finding.message
            );
            if let Some(hint) = &finding.hint {
                let _ = writeln!(text, "{:<8} {:<14} hint: {hint}", "", "");
            }
            text
        })
    })?;
    Ok(exit)
}

fn configuration(context: &Context) -> Finding {
    let (state, message, hint) = match context.config(Flags::default()) {
        Ok(config) => {
            let file = config.file.map_or_else(
                || "no trimtab.toml: defaults".to_owned(),
                |path| path.display().to_string(),
            );
            ("ok", file, None)
        }
        Err(error) => {
            let (text, _) = explain(&error);
            match text.split_once("\n\nhint: ") {
                Some((message, hint)) => ("error", message.to_owned(), Some(hint.to_owned())),
                None => ("error", text, None),
            }
        }
    };
    Finding {
        what: "configuration".to_owned(),
        state,
        message,
        hint,
    }
}

fn program(name: &'static str, arguments: &[&str], needed: &str) -> Finding {
    let said = Command::new(name)
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match said {
        Some(message) => Finding {
            what: name.to_owned(),
            state: "ok",
            message,
            hint: None,
        },
        None => Finding {
            what: name.to_owned(),
            state: "warning",
            message: format!("`{name}` cannot be run; {needed}"),
            hint: Some(format!("install {name}")),
        },
    }
}
