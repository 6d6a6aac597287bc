//! `trimtab replay` and `trimtab demo`: the same, but for where the history comes from.

use std::{
    fs::Permissions,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

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
    // Hours of play must not end at a file that cannot be written.
    let page = args.html.as_deref().map(Page::open).transpose()?;
    let told = |doing: &str, share| progress.show(doing, share);
    let played = replay::play(args, config, operators, told, stop.as_mut()).await;
    progress.end();
    let (report, running) = played?;
    context.output.answer(&report, || report.text())?;
    if let Some(page) = page {
        page.write(&report.html())?;
    }
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

/// The report's page: a file beside it is open from the start, and takes its name when it is whole.
struct Page {
    path: PathBuf,
    part: tempfile::NamedTempFile,
}

impl Page {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let refused = || {
            format!(
                "the report {} cannot be written (hint: name a file in a folder that can be written with `--html FILE`)",
                path.display()
            )
        };
        if path.is_dir() {
            return Err(anyhow::anyhow!("it is a folder").context(refused()));
        }
        let folder = match path.parent() {
            Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
            Some(folder) => folder,
            None => Path::new("."),
        };
        std::fs::create_dir_all(folder).with_context(refused)?;
        let part = tempfile::Builder::new()
            .prefix(".trimtab-report-")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(folder)
            .with_context(refused)?;
        Ok(Self {
            path: path.to_owned(),
            part,
        })
    }

    fn write(mut self, html: &str) -> anyhow::Result<()> {
        let path = self.path.display().to_string();
        let refused = || format!("the report {path} cannot be written");
        self.part.write_all(html.as_bytes()).with_context(refused)?;
        self.part.persist(&self.path).with_context(refused)?;
        Ok(())
    }
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
