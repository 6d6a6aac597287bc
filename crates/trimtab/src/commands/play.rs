//! `trimtab replay` and `trimtab demo`: the same, but for where the history comes from.

use std::{path::PathBuf, sync::Mutex, time::Duration};

use anyhow::Context as _;
use indicatif::{ProgressBar, ProgressStyle};
use trimtab_telemetry::LogFormat;

use super::{Context, logs, told_to_stop};
use crate::{
    config::Flags,
    demo::{self, DemoArgs},
    output,
    replay::{self, Operator, ReplayArgs},
    serve::ServerConfig,
};

pub(super) async fn demo(context: &Context, args: DemoArgs) -> anyhow::Result<()> {
    logs(LogFormat::Text, "warn");
    let progress = Progress::new();
    let python = python(context)?;
    let (replay, operators) = demo::prepare(&args, &python, |doing| progress.show(doing, 0.0))?;
    let config = ServerConfig {
        python: Some(python),
        ..ServerConfig::of(&context.config(Flags::default())?)?
    };
    play(context, &replay, config, operators, &progress).await
}

pub(super) async fn replay(context: &Context, args: ReplayArgs) -> anyhow::Result<()> {
    logs(LogFormat::Text, "warn");
    let config = ServerConfig {
        python: Some(python(context)?),
        ..ServerConfig::of(&context.config(Flags::default())?)?
    };
    play(context, &args, config, Vec::new(), &Progress::new()).await
}

async fn play(
    context: &Context,
    args: &ReplayArgs,
    config: ServerConfig,
    operators: Vec<Operator>,
    progress: &Progress,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(told_to_stop());
    let playing = replay::play(args, config, operators, |doing, share| {
        progress.show(doing, share);
    });
    let (report, running) = tokio::select! {
        played = playing => played?,
        stopped = &mut stop => {
            progress.end();
            context.output.note("stopped; what was played so far stays in the data folder");
            return stopped;
        }
    };
    progress.end();
    if let Some(path) = &args.html {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("the folder {} cannot be made", folder.display()))?;
        }
        std::fs::write(path, report.html())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    context.output.answer(&report, || report.text())?;
    if !args.exit {
        context.output.note(&format!(
            "\nThe console is at {} (Ctrl-C ends it)",
            running.url
        ));
        stop.await?;
    }
    running.shutdown().await;
    Ok(())
}

/// The Python that makes the history: the configured one, a virtual environment's, or the machine's.
fn python(context: &Context) -> anyhow::Result<PathBuf> {
    let config = context.config(Flags::default())?;
    if let Some(python) = config.python.value {
        return Ok(python);
    }
    if let Ok(environment) = std::env::var("VIRTUAL_ENV")
        && !environment.is_empty()
    {
        return Ok(PathBuf::from(environment).join("bin/python"));
    }
    let local = PathBuf::from(".venv/bin/python");
    Ok(if local.is_file() {
        std::path::absolute(local)?
    } else {
        PathBuf::from("python3")
    })
}

/// A bar on a terminal; elsewhere a line whenever something else is done.
struct Progress {
    bar: Option<ProgressBar>,
    last: Mutex<String>,
}

impl Progress {
    fn new() -> Self {
        let bar = output::shows_progress().then(|| {
            let bar = ProgressBar::new(1_000);
            let style = ProgressStyle::with_template("{elapsed:>5} [{bar:30}] {msg}");
            if let Ok(style) = style {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            bar,
            last: Mutex::default(),
        }
    }

    fn show(&self, doing: &str, share: f64) {
        let Some(bar) = &self.bar else {
            // Without a terminal: what is done, once, and not every day of a year.
            let phase = doing.split(' ').next().unwrap_or_default();
            let mut last = self
                .last
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            if *last != phase {
                phase.clone_into(&mut last);
                tracing::info!("{doing}");
            }
            return;
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a thousand"
        )]
        bar.set_position((share.clamp(0.0, 1.0) * 1_000.0) as u64);
        bar.set_message(doing.to_owned());
    }

    fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
