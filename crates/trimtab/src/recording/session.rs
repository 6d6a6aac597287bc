//! What is recorded of one process, and on which run: the process's life is divided among the top-level runs that it
//! makes, one after the other; each gets the code, the environment, and its own part of the console, the samples and
//! the usage. A process that makes none gets a run from us.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use anyhow::Context as _;
use tokio::task::JoinHandle;
use trimtab_record::{
    CodeState, Console, Environment, Logged, SystemSampler, Usage, UsageMeter, Watcher,
};
use trimtab_types::{Clock, Time};

use super::{
    RunSeen,
    sink::{Point, Sink},
};
use crate::output::Output;

/// The most points and params of log files that wait for a run.
const WAITING: usize = 100_000;

/// What a session needs to know before its process begins.
#[derive(Debug)]
pub(crate) struct SessionOptions {
    /// The command.
    pub(crate) argv: Vec<String>,
    /// The experiment of a run that we make.
    pub(crate) experiment: String,
    /// The name of a run that we make.
    pub(crate) name: Option<String>,
    /// Who.
    pub(crate) user: String,
    /// The folder that it runs in.
    pub(crate) folder: PathBuf,
    /// Where what it writes is put.
    pub(crate) console: Arc<Mutex<Console>>,
    /// Where people are told.
    pub(crate) output: Output,
}

/// A run that got recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RecordedRun {
    /// Its experiment.
    pub(crate) experiment: String,
    /// Its id.
    pub(crate) run: String,
}

/// The run that gets what is recorded.
#[derive(Debug)]
struct Current {
    run: String,
    /// Made by us, for want of one.
    is_ours: bool,
    /// Where its part of the console begins.
    console_from: u64,
    /// How much of the console was stored.
    console_stored: u64,
    /// What was used before it.
    before: Usage,
}

/// The process, from its start on.
#[derive(Debug)]
struct Metered {
    pid: u32,
    meter: UsageMeter,
    read: Instant,
}

/// One recorded process.
#[derive(Debug)]
pub(crate) struct Session {
    options: SessionOptions,
    sink: Sink,
    clock: Clock,
    began: Time,
    /// Being read while the process works: to ask an interpreter for its packages takes a while.
    reading: Option<JoinHandle<Environment>>,
    environment: Option<Arc<Environment>>,
    code: Option<CodeState>,
    sampler: SystemSampler,
    process: Option<Metered>,
    usage: Usage,
    watcher: Watcher,
    current: Option<Current>,
    /// Runs that the process began and has not ended.
    open: BTreeSet<String>,
    /// Every top-level run, in order.
    runs: Vec<RecordedRun>,
    waiting: Vec<Logged>,
    samples: Vec<Point>,
    /// The next step of the machine's metrics.
    step: i64,
    has_complained: bool,
}

impl Session {
    /// Reads what there is to read before the process begins.
    pub(crate) async fn new(options: SessionOptions, sink: Sink, clock: Clock) -> Self {
        let began = clock.wall();
        let began_std = std::time::UNIX_EPOCH
            + std::time::Duration::from_millis(u64::try_from(began.as_millis()).unwrap_or(0));
        let (argv, folder) = (options.argv.clone(), options.folder.clone());
        let reading = tokio::task::spawn_blocking(move || Environment::read(&argv, &folder));
        let folder = options.folder.clone();
        let code = tokio::task::spawn_blocking(move || CodeState::read(&folder)).await;
        Self {
            reading: Some(reading),
            environment: None,
            code: code.unwrap_or_default(),
            watcher: Watcher::new(&options.folder, began_std),
            options,
            sink,
            clock,
            began,
            sampler: SystemSampler::new(),
            process: None,
            usage: Usage::default(),
            current: None,
            open: BTreeSet::new(),
            runs: Vec::new(),
            waiting: Vec::new(),
            samples: Vec::new(),
            step: 0,
            has_complained: false,
        }
    }

    /// The process runs.
    pub(crate) fn started(&mut self, pid: u32) {
        self.process = Some(Metered {
            pid,
            meter: UsageMeter::new(pid),
            read: Instant::now(),
        });
    }

    /// The top-level runs that got recordings.
    pub(crate) fn runs(&self) -> &[RecordedRun] {
        &self.runs
    }

    async fn environment(&mut self) -> Option<Arc<Environment>> {
        if let Some(reading) = self.reading.take() {
            self.environment = reading.await.ok().map(Arc::new);
        }
        self.environment.clone()
    }

    fn console_now<T>(&self, read: impl FnOnce(&Console) -> T) -> T {
        read(
            &self
                .options
                .console
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// A recording that cannot be written must not end what is recorded.
    fn complain(&mut self, result: anyhow::Result<()>) {
        if let Err(error) = result
            && !std::mem::replace(&mut self.has_complained, true)
        {
            self.options
                .output
                .note(&format!("trimtab: not everything is recorded: {error:#}"));
        }
    }

    /// The process did something with a run.
    pub(crate) async fn seen(&mut self, seen: RunSeen) {
        match seen {
            RunSeen::Began {
                run,
                experiment,
                parent,
                console,
            } => {
                self.open.insert(run.clone());
                // A part of another run, or one that we have, or one beside one that goes on.
                let goes_on = self.current.as_ref().is_some_and(|current| {
                    current.run == run || (!current.is_ours && self.open.contains(&current.run))
                });
                if parent.is_none() && !goes_on {
                    let recorded = RecordedRun { experiment, run };
                    self.attach(recorded, false, console).await;
                }
            }
            RunSeen::Ended { run } => {
                self.open.remove(&run);
            }
        }
    }

    async fn attach(&mut self, recorded: RecordedRun, is_ours: bool, console: u64) {
        let run = recorded.run.clone();
        let last = self.current.take();
        let ours = last
            .as_ref()
            .filter(|last| last.is_ours)
            .map(|last| last.run.clone());
        // What stood in for the script's own run gives everything to it.
        let is_first = last.is_none() || ours.is_some();
        self.read_usage();
        if let Some(last) = last.filter(|last| !last.is_ours) {
            let result = self.settle(&last, console).await;
            self.complain(result);
        }
        if let Some(ours) = ours {
            self.runs.retain(|known| known.run != ours);
            let result = self.sink.delete(&ours).await;
            self.complain(result);
        }
        let console_from = if is_first { 0 } else { console };
        let before = if is_first {
            Usage::default()
        } else {
            self.usage
        };
        self.current = Some(Current {
            run: run.clone(),
            is_ours,
            console_from,
            console_stored: console_from,
            before,
        });
        if !is_first {
            self.step = 0;
        }
        if !self.runs.contains(&recorded) {
            self.runs.push(recorded);
        }
        let result = self.describe(&run, is_ours).await;
        self.complain(result);
        self.flush().await;
    }

    /// Writes what is so from the beginning on.
    async fn describe(&mut self, run: &str, is_ours: bool) -> anyhow::Result<()> {
        let environment = self
            .environment()
            .await
            .context("the environment cannot be read")?;
        let mut tags = vec![("trimtab.host".to_owned(), environment.host.clone())];
        let mut tag = |key: &str, value: String| tags.push((key.to_owned(), value));
        if !environment.gpus.is_empty() {
            tag("trimtab.gpu", environment.gpus.join(", "));
        }
        tag("trimtab.command", environment.argv.join(" "));
        if is_ours {
            tag("mlflow.source.name", self.source_name());
            tag("mlflow.source.type", "LOCAL".to_owned());
        }
        if let Some(code) = &self.code {
            tag("mlflow.source.git.commit", code.commit.clone());
            tag("trimtab.git.dirty", code.is_dirty().to_string());
            if let Some(branch) = &code.branch {
                tag("mlflow.source.git.branch", branch.clone());
            }
            if let Some(remote) = &code.remote {
                tag("mlflow.source.git.repoURL", remote.clone());
            }
            if !code.left_out.is_empty() {
                tag("trimtab.git.left_out", code.left_out.join("; "));
            }
        }
        self.sink.tags(run, &tags).await?;
        self.sink
            .file(
                run,
                "trimtab/environment.json",
                serde_json::to_vec_pretty(&*environment)?,
            )
            .await?;
        if let Some(requirements) = environment.requirements() {
            self.sink
                .file(run, "trimtab/requirements.txt", requirements.into_bytes())
                .await?;
        }
        if let Some(code) = &self.code
            && !code.patch.is_empty()
        {
            self.sink
                .file(run, "trimtab/code.patch", code.patch.clone())
                .await?;
        }
        Ok(())
    }

    /// The script, as MLflow names a source.
    fn source_name(&self) -> String {
        let argv = &self.options.argv;
        let is_python = argv
            .first()
            .and_then(|first| std::path::Path::new(first).file_name())
            .is_some_and(|name| name.to_string_lossy().starts_with("python"));
        let script = argv.iter().skip(1).find(|word| !word.starts_with('-'));
        match script {
            Some(script) if is_python => script.clone(),
            Some(_) | None => argv.first().cloned().unwrap_or_default(),
        }
    }

    /// Makes a run, where the process has made none.
    pub(crate) async fn stand_in(&mut self) {
        if self.current.is_some() {
            return;
        }
        match self.make().await {
            Ok(recorded) => {
                self.open.insert(recorded.run.clone());
                self.attach(recorded, true, 0).await;
            }
            Err(error) => self.complain(Err(error)),
        }
    }

    async fn make(&self) -> anyhow::Result<RecordedRun> {
        let experiment = self.sink.experiment(&self.options.experiment).await?;
        let name = self
            .options
            .name
            .clone()
            .unwrap_or_else(|| self.source_name());
        let start_ms = self.began.as_millis();
        let run = self
            .sink
            .begin(&experiment, &name, &self.options.user, start_ms)
            .await?;
        Ok(RecordedRun { experiment, run })
    }

    fn read_usage(&mut self) {
        if let Some(process) = &mut self.process {
            let seconds = process.read.elapsed().as_secs_f64();
            process.read = Instant::now();
            self.usage = process.meter.read(seconds);
        }
    }

    /// Reads usage and log files.
    pub(crate) async fn look(&mut self) {
        self.read_usage();
        if let Some(process) = &self.process {
            let logged = self.watcher.look(process.pid);
            self.take(logged).await;
        }
    }

    /// Samples the machine, and stores what the console said since.
    pub(crate) async fn sample(&mut self) {
        let at_ms = self.clock.wall().as_millis();
        let values = self.sampler.sample();
        let step = self.step;
        self.samples
            .extend(values.into_iter().map(|(key, value)| Point {
                key,
                value,
                at_ms,
                step,
            }));
        self.step += 1;
        self.flush().await;
        let result = self.store_console().await;
        self.complain(result);
    }

    async fn take(&mut self, logged: Vec<Logged>) {
        if logged.is_empty() {
            return;
        }
        let room = WAITING.saturating_sub(self.waiting.len());
        if logged.len() > room {
            self.complain(Err(anyhow::anyhow!(
                "more than {WAITING} points wait for a run"
            )));
        }
        self.waiting.extend(logged.into_iter().take(room));
        // There is something that needs a run.
        self.stand_in().await;
        self.flush().await;
    }

    /// Writes what waits, where there is a run.
    async fn flush(&mut self) {
        let Some(current) = &self.current else { return };
        let (run, is_ours) = (current.run.clone(), current.is_ours);
        let now = self.clock.wall().as_millis();
        let mut points = std::mem::take(&mut self.samples);
        let mut params = Vec::new();
        let mut name = None;
        for logged in std::mem::take(&mut self.waiting) {
            match logged {
                Logged::Point {
                    key,
                    step,
                    at_ms,
                    value,
                } => points.push(Point {
                    key,
                    value,
                    at_ms: at_ms.unwrap_or(now),
                    step,
                }),
                Logged::Param { key, value } => params.push((key, value)),
                Logged::Name(said) => name = Some(said),
            }
        }
        let result = self.sink.points(&run, &points).await;
        self.complain(result);
        let result = self.sink.params(&run, &params).await;
        self.complain(result);
        if let Some(name) = name
            && is_ours
            && self.options.name.is_none()
        {
            let result = self.sink.name(&run, &name).await;
            self.complain(result);
        }
    }

    async fn store_console(&mut self) -> anyhow::Result<()> {
        let written = self.console_now(Console::written);
        let Some(current) = &mut self.current else {
            return Ok(());
        };
        if current.console_stored == written {
            return Ok(());
        }
        current.console_stored = written;
        let (run, from) = (current.run.clone(), current.console_from);
        let text = self.console_now(|console| console.since(from));
        self.sink.file(&run, "trimtab/console.log", text).await
    }

    /// A run's part is over: its usage is known.
    async fn settle(&mut self, run: &Current, console_to: u64) -> anyhow::Result<()> {
        let usage = self.usage.since(&run.before);
        let at_ms = self.clock.wall().as_millis();
        let values = [
            ("usage/cpu_seconds", usage.cpu_s),
            ("usage/gpu_seconds", usage.gpu_s),
            ("usage/gpu_held_seconds", usage.gpu_held_s),
            ("usage/memory_gibibyte_seconds", usage.memory_gib_s),
            ("usage/memory_peak_mebibytes", usage.memory_peak_mib),
            ("usage/wall_seconds", usage.wall_s),
        ];
        let points: Vec<Point> = values
            .into_iter()
            .map(|(key, value)| Point {
                key: key.to_owned(),
                value,
                at_ms,
                step: 0,
            })
            .collect();
        self.sink.points(&run.run, &points).await?;
        let text = self.console_now(|console| console.part(run.console_from, console_to));
        if text.is_empty() {
            return Ok(());
        }
        self.sink.file(&run.run, "trimtab/console.log", text).await
    }

    /// The process has ended, and is not waited for yet: it still tells what it used.
    pub(crate) fn ended(&mut self) {
        self.read_usage();
        self.process = None;
    }

    /// The process has ended, and was waited for.
    pub(crate) async fn finish(&mut self, status: &str) {
        let logged = self.watcher.finish();
        self.take(logged).await;
        self.stand_in().await;
        self.sample().await;
        if let Some(current) = self.current.take() {
            let written = self.console_now(Console::written);
            let result = self.settle(&current, written).await;
            self.complain(result);
        }
        let end_ms = self.clock.wall().as_millis();
        for run in std::mem::take(&mut self.open) {
            let result = self.sink.end(&run, status, end_ms).await;
            self.complain(result);
        }
    }
}
