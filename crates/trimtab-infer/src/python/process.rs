//! One worker process: started, greeted, asked, ended.

use std::{
    fs,
    io::{self, BufRead, BufReader, Read},
    os::{
        fd::OwnedFd,
        unix::{
            net::UnixStream,
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::{
    Limits,
    frame::{self, Encoded, Greeting, Hello, PROTOCOL, Raised, Ready},
};
use crate::{Answer, InferError};

const WORKER: &str = include_str!("worker.py");
/// How often a busy worker's deadline and memory are looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long a worker at rest may take to end.
const GRACE: Duration = Duration::from_secs(1);
/// The longest line of a model's output that is logged whole.
const MAX_LINE: u64 = 8 << 10;
/// Variables of the server's that a worker gets too: where to look for libraries and devices, and no secret.
const PASSED: &[&str] = &[
    "CUDA_VISIBLE_DEVICES",
    "LD_LIBRARY_PATH",
    "MKL_NUM_THREADS",
    "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "TZ",
];

/// A running worker, in a process group of its own that ends with this value.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    stream: UnixStream,
    ready: Ready,
    /// Requests so far.
    asked: u64,
    /// Whether it has not answered the last one.
    is_busy: bool,
    /// Where it may write.
    _scratch: tempfile::TempDir,
}

/// Why a worker gave no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// It ended.
    Died(String),
    /// It did not answer in time.
    Late,
    /// It took too much memory.
    Memory(u64),
}

impl Process {
    /// Starts a worker and waits until it has loaded the model.
    pub(super) fn start(python: &Path, model: &Path, limits: &Limits) -> Result<Self, InferError> {
        let failed = |reason: String, hint: &str| InferError::Worker {
            model: model.to_owned(),
            reason,
            hint: hint.to_owned(),
        };
        let broken = |error: io::Error| {
            failed(
                format!("its worker cannot be started: {error}"),
                "check the interpreter that `model_python` names",
            )
        };
        let scratch = tempfile::tempdir().map_err(broken)?;
        let script = scratch.path().join("trimtab_worker.py");
        fs::write(&script, WORKER).map_err(broken)?;
        let (ours, theirs) = UnixStream::pair().map_err(broken)?;
        let mut command = Command::new(python);
        command
            .args(["-I", "-u"])
            .arg(&script)
            .current_dir(scratch.path())
            .process_group(0)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .env_clear()
            .env("PATH", path(python))
            .env("HOME", scratch.path())
            .env("TMPDIR", scratch.path())
            .env("LANG", "C.UTF-8")
            .env("MLFLOW_DISABLE_TELEMETRY", "true");
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        let mut child = command.spawn().map_err(broken)?;
        // The command holds the worker's end of the socket, which would hide its death.
        drop(command);
        if let Some(out) = child.stdout.take() {
            log_lines(out, model, "stdout");
        }
        if let Some(err) = child.stderr.take() {
            log_lines(err, model, "stderr");
        }
        let mut process = Self {
            child,
            stream: ours,
            ready: Ready {
                protocol: PROTOCOL,
                python: String::new(),
                signature: None,
                load_ms: 0,
                network: None,
                differs: Vec::new(),
            },
            asked: 0,
            is_busy: true,
            _scratch: scratch,
        };
        let hello = Hello {
            protocol: PROTOCOL,
            model: &model.to_string_lossy(),
            network: limits.network,
        };
        let until = Instant::now() + limits.start;
        let greeting = frame::send(&mut process.stream, &hello, &[])
            .map_err(|error| process.died(&error))
            .and_then(|()| {
                let mut reader = process.reader(until, None);
                let received = frame::receive::<Greeting>(&mut reader);
                let why = reader.why.take();
                received.map_err(|error| why.unwrap_or_else(|| process.died(&error)))
            });
        match greeting {
            Ok((Greeting::Ready(ready), _)) if ready.protocol == PROTOCOL => {
                process.ready = ready;
                process.is_busy = false;
                process.tell(model);
                Ok(process)
            }
            Ok((Greeting::Ready(ready), _)) => Err(failed(
                format!(
                    "its worker speaks version {} of the protocol, this server {PROTOCOL}",
                    ready.protocol
                ),
                "start the server again",
            )),
            Ok((Greeting::Failed(raised), _)) => Err(failed(
                loading(&raised),
                "load it yourself in the same environment: `python -c \"import mlflow.pyfunc; mlflow.pyfunc.load_model('FOLDER')\"`",
            )),
            Err(Failure::Late) => Err(failed(
                format!("it was not loaded within {:?}", limits.start),
                "see the server's log for what the model printed",
            )),
            Err(Failure::Memory(bytes)) => Err(failed(
                format!("it takes {} MiB of memory to load", bytes >> 20),
                "raise `model_memory_mib`",
            )),
            Err(Failure::Died(how)) => Err(failed(
                format!("its worker ended while it loaded the model: {how}"),
                "see the server's log for what the model printed; a model that calls exit() when it is imported cannot be served",
            )),
        }
    }

    /// What the worker said of itself.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Its process id, which is its process group's too.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status = self.child.try_wait().ok().flatten()?;
        Some(how(status))
    }

    /// The memory that it has in use, in bytes.
    pub(super) fn memory(&self) -> u64 {
        memory(self.child.id())
    }

    /// Requests that it has taken.
    pub(super) fn asked(&self) -> u64 {
        self.asked
    }

    /// Asks once. After a failure the worker is of no use.
    pub(super) fn ask(
        &mut self,
        id: u64,
        question: &Encoded,
        until: Instant,
        max_memory: Option<u64>,
    ) -> Result<Result<Answer, InferError>, Failure> {
        self.asked += 1;
        self.is_busy = true;
        let left = until.saturating_duration_since(Instant::now());
        // A worker that does not read blocks the writer no longer than the request may take.
        let _ = self
            .stream
            .set_write_timeout(Some(left.max(Duration::from_millis(1))));
        if let Err(error) = question.send(id, &mut self.stream) {
            return Err(match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::Late,
                _ => self.died(&error),
            });
        }
        let mut reader = self.reader(until, max_memory);
        let answer = frame::answer(&mut reader, id);
        let why = reader.why.take();
        self.is_busy = answer.is_err();
        answer.map_err(|error| why.unwrap_or_else(|| self.died(&error)))
    }

    fn reader(&self, until: Instant, max_memory: Option<u64>) -> Watched<'_> {
        Watched {
            stream: &self.stream,
            id: self.child.id(),
            until,
            max_memory,
            why: None,
        }
    }

    /// How a worker ended whose socket failed.
    fn died(&mut self, error: &io::Error) -> Failure {
        let is_gone = matches!(
            error.kind(),
            io::ErrorKind::UnexpectedEof
                | io::ErrorKind::BrokenPipe
                | io::ErrorKind::ConnectionReset
        );
        if !is_gone {
            return Failure::Died(format!("it does not keep to the protocol: {error}"));
        }
        // Its socket closes a moment before the process is gone.
        for _ in 0..20 {
            if let Some(how) = self.ended() {
                return Failure::Died(how);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Failure::Died("it closed its socket".to_owned())
    }

    fn tell(&self, model: &Path) {
        let ready = &self.ready;
        tracing::info!(
            target: "model",
            model = %model.display(),
            worker = self.id(),
            python = ready.python,
            load_ms = ready.load_ms,
            "a worker has loaded its model"
        );
        static CONNECTED: OnceLock<()> = OnceLock::new();
        if let Some(why) = &ready.network
            && CONNECTED.set(()).is_ok()
        {
            tracing::warn!(
                target: "model",
                "models reach the network: this kernel does not let their workers leave it ({why})"
            );
        }
        if !ready.differs.is_empty() {
            tracing::warn!(
                target: "model",
                model = %model.display(),
                "the environment differs from the model's requirements: {}",
                ready.differs.join(", ")
            );
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A worker at rest ends when its socket does; one that is busy, and what a model has started, is killed.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let until = Instant::now() + GRACE;
        while !self.is_busy && self.ended().is_none() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
        if let Ok(group) = i32::try_from(self.child.id()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

/// Reads from a worker until a deadline, and while its memory is in bounds.
struct Watched<'a> {
    stream: &'a UnixStream,
    id: u32,
    until: Instant,
    max_memory: Option<u64>,
    why: Option<Failure>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.why = Some(Failure::Late);
                return Err(io::ErrorKind::TimedOut.into());
            }
            self.stream.set_read_timeout(Some(left.min(LOOK)))?;
            match self.stream.read(buffer) {
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) => {}
                other => return other,
            }
            let used = memory(self.id);
            if self.max_memory.is_some_and(|most| used > most) {
                self.why = Some(Failure::Memory(used));
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }
}

fn loading(raised: &Raised) -> String {
    let mut reason = format!("loading it raised {}", raised.summary());
    if raised.trace.len() > 1 {
        reason.push_str("; the traceback's end:\n");
        reason.push_str(&raised.trace.join("\n"));
    }
    reason
}

fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with code {code}"),
        (None, Some(signal)) => format!("it was killed by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Resident memory in bytes; 0 when the process is gone.
fn memory(id: u32) -> u64 {
    let Ok(text) = fs::read_to_string(format!("/proc/{id}/status")) else {
        return 0;
    };
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

/// The environment's own programs first.
fn path(python: &Path) -> String {
    let own = python.parent().map_or_else(String::new, |folder| {
        format!("{}:", folder.to_string_lossy())
    });
    format!("{own}/usr/local/bin:/usr/bin:/bin")
}

/// What a model prints goes to the server's log.
fn log_lines(from: impl Read + Send + 'static, model: &Path, stream: &'static str) {
    let model = model.display().to_string();
    thread::spawn(move || {
        let mut reader = BufReader::new(from);
        let mut line = Vec::new();
        loop {
            line.clear();
            match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    tracing::info!(target: "model", model, stream, "{}", text.trim_end());
                }
            }
        }
    });
}
