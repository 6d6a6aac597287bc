//! The binary: commands, configuration, signals, and the composition of the house. No logic of its own.

mod cli;
mod client;
mod commands;
mod config;
mod demo;
mod engines;
mod folder;
mod keeper;
mod output;
mod project;
mod recording;
mod replay;
mod serve;
mod told;
mod vault;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{cli::Cli, output::Output};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.global.output);
    match commands::run(cli, output) {
        Ok(code) => code,
        Err(error) => {
            let (text, exit) = told::explain(&error);
            if output.is_json() {
                let (message, hint) = text
                    .split_once("\n\nhint: ")
                    .map_or((text.as_str(), None), |(message, hint)| {
                        (message, Some(hint))
                    });
                let message = message.strip_prefix("error: ").unwrap_or(message);
                let body = serde_json::json!({ "error": { "message": message, "hint": hint } });
                output.note(&body.to_string());
            } else {
                output.note(&text);
            }
            ExitCode::from(exit as u8)
        }
    }
}
