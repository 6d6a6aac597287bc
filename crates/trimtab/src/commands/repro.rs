//! `trimtab repro`: works on files, without a server.

use std::{path::Path, process::ExitCode, sync::Arc};

use anyhow::Context as _;
use trimtab_exec::{Executor, LocalExecutor};
use trimtab_pipeline::{
    CancellationToken, ExecutionStatus, ReproEvent, ReproOptions, StageStatus, repro,
};
use trimtab_telemetry::LogFormat;

use super::{Context, logs, told_to_stop};
use crate::{cli::ReproArgs, client, config::Flags, recording::RecordedStages, told::told};

pub(super) fn run(context: &Context, args: ReproArgs) -> anyhow::Result<ExitCode> {
    logs(LogFormat::Text, "warn");
    let config = context.config(Flags::default())?;
    let cancel = CancellationToken::new();
    let executor = client::named(context.global.server.as_deref())
        .map(|server| recorded(&server, &args.folder))
        .transpose()?;
    let options = ReproOptions {
        executor,
        force: args.force,
        python: config.python.value,
        cancel: cancel.clone(),
        ..ReproOptions::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let output = context.output;
    let report = runtime.block_on(async {
        let work = tokio::task::spawn_blocking(move || {
            repro(&args.folder, &args.stages, options, &|event| {
                if !output.is_json() {
                    tell(output, &event);
                }
            })
        });
        let mut work = std::pin::pin!(work);
        tokio::select! {
            report = &mut work => report,
            _ = told_to_stop() => {
                cancel.cancel();
                work.await
            }
        }
    })?;
    let report = report.map_err(|error| told(&error))?;
    let stages: Vec<serde_json::Value> = report
        .stages
        .iter()
        .map(|stage| {
            serde_json::json!({
                "name": stage.name, "status": stage.status.as_str(), "seconds": stage.seconds, "message": stage.message,
            })
        })
        .collect();
    let answer = serde_json::json!({ "status": report.status.as_str(), "stages": stages });
    let count = |status| {
        report
            .stages
            .iter()
            .filter(|stage| stage.status == status)
            .count()
    };
    context.output.answer(&answer, || {
        format!(
            "{}: {} ran, {} unchanged\n",
            report.status,
            count(StageStatus::Ran),
            count(StageStatus::Skipped)
        )
    })?;
    Ok(match report.status {
        ExecutionStatus::Succeeded => ExitCode::SUCCESS,
        ExecutionStatus::Running | ExecutionStatus::Failed | ExecutionStatus::Cancelled => {
            ExitCode::FAILURE
        }
    })
}

/// Where a server is named, every stage is a run of it.
fn recorded(server: &str, folder: &Path) -> anyhow::Result<Arc<dyn Executor>> {
    let root = folder
        .canonicalize()
        .with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(
        match RecordedStages::new(LocalExecutor::default(), server) {
            Ok(executor) => Arc::new(executor.of_project(&root)),
            Err(plain) => Arc::new(plain),
        },
    )
}

fn tell(output: crate::output::Output, event: &ReproEvent) {
    match event {
        ReproEvent::Planned { stages } => {
            output.note(&format!("stages: {}", stages.join(", ")));
        }
        ReproEvent::Started { stage, reason } => {
            output.note(&format!("running `{stage}` ({reason})"));
        }
        ReproEvent::Ended(result) => match result.status {
            StageStatus::Ran => {
                output.note(&format!("`{}` ran in {:.1} s", result.name, result.seconds));
            }
            StageStatus::Skipped => {
                output.note(&format!(
                    "`{}` is up to date ({})",
                    result.name, result.message
                ));
            }
            StageStatus::Failed => {
                output.note(&format!("`{}` failed: {}", result.name, result.message));
            }
        },
    }
}
