//! The commands, one file each.

mod apply;
mod backup;
mod config;
mod cost;
mod data;
mod doctor;
pub(crate) mod export;
mod gc;
pub(crate) mod import;
mod lineage;
mod models;
mod play;
mod repro;
mod restore;
mod rollout;
mod run;
mod server;
mod sync;
mod token;
mod workspace;

use std::{future::Future, process::ExitCode};

use anyhow::Context as _;
use clap::CommandFactory as _;
use trimtab_telemetry::{LogFormat, init_logs};

use crate::{
    cli::{Cli, Command, Global},
    client::Client,
    config::{Config, Flags},
    output::{self, Output},
};

pub(crate) use backup::BackupArgs;
pub(crate) use cost::CostArgs;
pub(crate) use gc::GcArgs;
pub(crate) use restore::RestoreArgs;
pub(crate) use run::RunArgs;
pub(crate) use sync::SyncArgs;

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) output: Output,
}

impl Context {
    /// A client of the server that the command line, the environment or the project names.
    pub(crate) fn client(&self) -> anyhow::Result<Client> {
        Client::new(
            self.global.server.as_deref(),
            self.global.workspace.as_deref(),
        )
    }

    /// A client of the server at an address.
    pub(crate) fn client_of(&self, url: &str) -> anyhow::Result<Client> {
        Client::new(Some(url), self.global.workspace.as_deref())
    }

    /// The settings of this process.
    pub(crate) fn config(&self, flags: Flags) -> anyhow::Result<Config> {
        Config::load(self.global.config.as_deref(), flags)
    }
}

/// Runs one command.
pub(crate) fn run(cli: Cli, output: Output) -> anyhow::Result<ExitCode> {
    let context = Context {
        global: cli.global,
        output,
    };
    let done = |result: anyhow::Result<()>| result.map(|()| ExitCode::SUCCESS);
    match cli.command {
        Command::Server(args) => done(on_all_cores(server::run(&context, args))),
        Command::Demo(args) => done(on_all_cores(play::demo(&context, args))),
        Command::Replay(args) => done(on_all_cores(play::replay(&context, args))),
        Command::Models(command) => done(on_all_cores(models::run(&context, command))),
        Command::Run(args) => on_all_cores(run::run(&context, args)),
        Command::Sync(args) => done(on_all_cores(sync::run(&context, args))),
        Command::Cost(args) => done(on_one_core(cost::run(&context, args))),
        Command::Apply(args) => done(on_one_core(apply::run(&context, args))),
        Command::Import(command) => done(on_all_cores(import::run(&context, command))),
        Command::Export(command) => done(on_all_cores(export::run(&context, command))),
        Command::Lineage(args) => done(on_one_core(lineage::run(&context, args))),
        Command::Data(command) => done(on_one_core(data::run(&context, command))),
        Command::Repro(args) => repro::run(&context, args),
        Command::Rollout(command) => done(on_one_core(rollout::run(&context, command))),
        Command::Token(command) => done(on_one_core(token::run(&context, command))),
        Command::Workspace(command) => done(on_one_core(workspace::run(&context, command))),
        Command::Gc(args) => done(on_one_core(gc::run(&context, args))),
        Command::Backup(args) => done(on_one_core(backup::run(&context, args))),
        Command::Restore(args) => done(on_one_core(restore::run(&context, args))),
        Command::Config(command) => done(config::run(&context, &command)),
        Command::Doctor => on_one_core(doctor::run(&context)),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "trimtab", &mut script);
            output::raw(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn on_all_cores<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?
        .block_on(work)
}

fn on_one_core<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    logs(LogFormat::Text, "warn");
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?
        .block_on(work)
}

/// Sets up the log, which goes to stderr.
pub(crate) fn logs(format: LogFormat, filter: &str) {
    init_logs(format, filter);
}

/// Resolves at Ctrl-C or SIGTERM.
pub(crate) async fn told_to_stop() -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("signals cannot be listened to")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("signals cannot be listened to")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
