//! `trimtab run`: a command as a run, recorded from outside.

use std::{
    io::Write,
    path::PathBuf,
    process::{ExitCode, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use nix::{sys::signal::Signal, unistd::Pid};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::Command,
    sync::mpsc,
    time::Instant,
};
use trimtab_record::{Console, UsageMeter};
use trimtab_telemetry::LogFormat;
use trimtab_types::{Clock, PlanId};

use super::{Context, logs};
use crate::{
    client,
    recording::{
        RecordedRun, Relay, RelayOptions, RunSeen, Session, SessionOptions, Sink, deliver,
    },
    told::{self, Exit, Told},
};

/// How often usage is read and log files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often the machine is sampled, unless MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL says otherwise: MLflow's own interval.
const SAMPLE: Duration = Duration::from_secs(10);
/// How long a process may take to make a run of its own before we make one.
const STAND_IN: Duration = Duration::from_secs(15);

/// Options of `trimtab run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The experiment of the run, where the command makes none of its own [default: `MLFLOW_EXPERIMENT_NAME`, then Default].
    #[arg(long, value_name = "NAME")]
    pub(crate) experiment: Option<String>,
    /// The name of the run, where the command makes none of its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// How many seconds the server may be away before the run is spooled.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub(crate) patience: u64,
    /// The folder whose `.trimtab/spool` takes what cannot be delivered [default: this one].
    #[arg(long, value_name = "DIR")]
    pub(crate) spool: Option<PathBuf>,
    /// Say only what goes wrong.
    #[arg(short, long)]
    pub(crate) quiet: bool,
    /// The command and its arguments.
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<String>,
}

pub(super) async fn run(context: &Context, args: RunArgs) -> anyhow::Result<ExitCode> {
    logs(LogFormat::Text, "off");
    let folder = std::env::current_dir().context("the folder that this runs in is gone")?;
    let server = client::address(context.global.server.as_deref())?;
    if url::Url::parse(&server)
        .is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
    {
        return Err(Told::new(
            Exit::Refused,
            "the server's address holds a user or a password, which would be shown and kept",
        )
        .hint("name the server without, and put the token into TRIMTAB_TOKEN or MLFLOW_TRACKING_TOKEN")
        .into());
    }
    if args.experiment.as_deref() == Some("") {
        return Err(Told::new(Exit::Usage, "--experiment names no experiment")
            .hint("give it a name, or leave it out")
            .into());
    }
    let clock = Clock::system();
    let console = Arc::<Mutex<Console>>::default();
    let (relay, mut seen) = Relay::start(RelayOptions {
        server: server.clone(),
        workspace: context.global.workspace.clone(),
        root: args.spool.clone().unwrap_or_else(|| folder.clone()),
        id: PlanId::new().to_string(),
        patience: Duration::from_secs(args.patience),
        console: Arc::clone(&console),
        output: context.output,
    })
    .await?;
    relay.look().await?;
    let options = SessionOptions {
        argv: args.command.clone(),
        experiment: args
            .experiment
            .clone()
            .or_else(|| said("MLFLOW_EXPERIMENT_NAME"))
            .or_else(|| said("TRIMTAB_PROJECT"))
            .unwrap_or_else(|| "Default".to_owned()),
        name: args.name.clone().or_else(|| said("MLFLOW_RUN_NAME")),
        user: user(),
        folder,
        console: Arc::clone(&console),
        output: context.output,
    };
    let sink = Sink::new(relay.url())?;
    let mut session = Session::new(options, sink, clock).await;
    let status = follow(&args, &relay, &console, &mut session, &mut seen).await?;
    let spool = relay.spooled();
    let runs = session.runs().to_vec();
    relay.close().await;
    let told = match spool {
        Some(spool) => sync(context, &spool, &server, &runs).await,
        None => Recorded {
            runs,
            server: Some(server),
            spool: None,
        },
    };
    if !args.quiet || told.spool.is_some() {
        told.tell(context);
    }
    Ok(code(status))
}

/// The command, from its start to its end.
async fn follow(
    args: &RunArgs,
    relay: &Relay,
    console: &Arc<Mutex<Console>>,
    session: &mut Session,
    seen: &mut mpsc::Receiver<RunSeen>,
) -> anyhow::Result<ExitStatus> {
    let mut command = Command::new(&args.command[0]);
    command
        .args(&args.command[1..])
        .env("MLFLOW_TRACKING_URI", relay.url())
        .env_remove("MLFLOW_REGISTRY_URI")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in [
        // The relay's links are good only while it lives: ours are told at the end.
        ("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true"),
        // Through a pipe, Python would keep what it prints until it has a lot.
        ("PYTHONUNBUFFERED", "1"),
        // We sample the machine.
        ("MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING", "false"),
    ] {
        if said(name).is_none() {
            command.env(name, value);
        }
    }
    if said("WANDB_MODE").is_none() && said("WANDB_API_KEY").is_none() {
        command.env("WANDB_MODE", "offline");
    }
    let mut child = command.spawn().map_err(|error| {
        Told::new(
            Exit::Refused,
            format!("cannot run `{}`: {error}", args.command[0]),
        )
        .hint("name a command that is in PATH, such as `trimtab run -- python train.py`")
    })?;
    let pid = child.id().unwrap_or_default();
    session.started(pid);
    let mut copies = tokio::task::JoinSet::new();
    if let Some(from) = child.stdout.take() {
        copies.spawn(copy(from, std::io::stdout(), Arc::clone(console)));
    }
    if let Some(from) = child.stderr.take() {
        copies.spawn(copy(from, std::io::stderr(), Arc::clone(console)));
    }
    let mut signals = Signals::new()?;
    let sample = said("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL")
        .and_then(|text| text.parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|every| !every.is_zero())
        .unwrap_or(SAMPLE);
    let began = Instant::now();
    let mut sampled = began;
    let mut look = tokio::time::interval_at(began + LOOK, LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_told = None;
    let mut over = tokio::task::spawn_blocking(move || UsageMeter::ended(pid));
    loop {
        tokio::select! {
            _ = &mut over => break,
            Some(seen) = seen.recv() => session.seen(seen).await,
            signal = signals.next() => {
                was_told = Some(signal);
                if signal != Signal::SIGINT || !is_in_foreground() {
                    forward(pid, signal);
                }
            }
            now = look.tick() => {
                session.look().await;
                if now.duration_since(began) >= STAND_IN {
                    session.stand_in().await;
                }
                if now.duration_since(sampled) >= sample {
                    sampled = now;
                    session.sample().await;
                }
            }
        }
    }
    session.ended();
    let status = child
        .wait()
        .await
        .context("the command cannot be waited for")?;
    // A descendant that keeps the pipes open must not keep us: what it says later is not recorded.
    let ended = async { while copies.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(LOOK, ended).await;
    while let Ok(sighting) = seen.try_recv() {
        session.seen(sighting).await;
    }
    let ended = match (status.success(), was_told) {
        (true, _) => "FINISHED",
        (false, Some(_)) => "KILLED",
        (false, None) if status.code().is_none() => "KILLED",
        (false, None) => "FAILED",
    };
    session.finish(ended).await;
    Ok(status)
}

fn said(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Who runs this, as MLflow's client would name them.
fn user() -> String {
    let of_system = || {
        Some(
            nix::unistd::User::from_uid(nix::unistd::getuid())
                .ok()??
                .name,
        )
    };
    said("LOGNAME")
        .or_else(|| said("USER"))
        .or_else(of_system)
        .unwrap_or_default()
}

/// Copies what the command writes to ours and to the console, byte for byte.
async fn copy(
    mut from: impl AsyncRead + Unpin,
    to: impl Write + Send + 'static,
    console: Arc<Mutex<Console>>,
) {
    let to = Arc::new(Mutex::new(to));
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = match from.read(&mut piece).await {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        console
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(&piece[..length]);
        let bytes = piece[..length].to_vec();
        let to = Arc::clone(&to);
        // A reader of ours that went away (`| head`) is no error.
        let _ = tokio::task::spawn_blocking(move || {
            let mut to = to.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = to.write_all(&bytes);
            let _ = to.flush();
        })
        .await;
    }
}

/// Whether Ctrl-C reaches us from a terminal: then the command, of our process group, has it already, and handles it as it
/// would without us.
fn is_in_foreground() -> bool {
    std::fs::File::open("/dev/tty")
        .ok()
        .and_then(|terminal| nix::unistd::tcgetpgrp(terminal).ok())
        .is_some_and(|group| group == nix::unistd::getpgrp())
}

fn forward(pid: u32, signal: Signal) {
    if let Ok(pid) = i32::try_from(pid) {
        // The only failure is that it has ended.
        let _ = nix::sys::signal::kill(Pid::from_raw(pid), signal);
    }
}

/// Signals that end a command.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let what = "signals cannot be listened to";
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).context(what)?,
            terminate: signal(SignalKind::terminate()).context(what)?,
            hangup: signal(SignalKind::hangup()).context(what)?,
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::SIGINT,
            _ = self.terminate.recv() => Signal::SIGTERM,
            _ = self.hangup.recv() => Signal::SIGHUP,
        }
    }
}

/// Where the recordings are.
struct Recorded {
    runs: Vec<RecordedRun>,
    server: Option<String>,
    spool: Option<PathBuf>,
}

/// The server may be back by now.
async fn sync(
    context: &Context,
    spool: &std::path::Path,
    server: &str,
    runs: &[RecordedRun],
) -> Recorded {
    let delivered = deliver(spool, Some(server), None, &|_| {}).await;
    if let Err(error) = &delivered {
        let said = told::explain(error).0;
        let said = said.trim_start_matches("error: ");
        let said = said.split("\n\nhint: ").next().unwrap_or(said);
        context
            .output
            .note(&format!("trimtab: not delivered yet: {said}"));
    }
    Recorded {
        runs: runs.to_vec(),
        server: delivered.is_ok().then(|| server.to_owned()),
        spool: delivered.is_err().then(|| spool.to_owned()),
    }
}

impl Recorded {
    fn tell(&self, context: &Context) {
        for run in &self.runs {
            let place = match &self.server {
                Some(server) => format!(
                    "recorded: {server}/#/experiments/{}/runs/{}",
                    run.experiment, run.run
                ),
                None => format!("spooled: run {}", run.run),
            };
            context.output.note(&format!("trimtab: {place}"));
        }
        if let Some(spool) = &self.spool {
            context.output.note(&format!(
                "\nhint: when the server answers again, `trimtab sync` brings {} to it",
                spool.display()
            ));
        }
    }
}

/// The command's own exit code; as shells say it where a signal ended it.
fn code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(1);
    ExitCode::from(u8::try_from(code).unwrap_or(1))
}
