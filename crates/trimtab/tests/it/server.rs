//! A server's life.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{run, trimtab};

pub(super) struct Server {
    child: Child,
    pub(super) url: String,
    stderr: Option<std::process::ChildStderr>,
}

impl Server {
    /// Starts one and waits for what it says of itself.
    pub(super) fn start(folder: &Path, words: &[&str]) -> Self {
        Self::start_with(folder, words, &[])
    }

    /// The same, with variables in its environment.
    pub(super) fn start_with(folder: &Path, words: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut child = trimtab(folder)
            .args(["server", "--output", "json", "--listen", "127.0.0.1:0"])
            .args(words)
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut said = String::new();
        while !said.contains('}') {
            match lines.next() {
                Some(line) => said.push_str(&line.unwrap()),
                None => {
                    let mut error = String::new();
                    child
                        .stderr
                        .take()
                        .unwrap()
                        .read_to_string(&mut error)
                        .unwrap();
                    panic!("the server ended: {error}");
                }
            }
        }
        let said: Value = serde_json::from_str(&said).unwrap();
        Self {
            url: said["url"].as_str().unwrap().to_owned(),
            stderr: child.stderr.take(),
            child,
        }
    }

    fn get(&self, path: &str) -> String {
        let address = self.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Its process.
    #[cfg(target_os = "linux")]
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL; comes back when it is gone.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; answers the exit code and what went to stderr.
    pub(super) fn stop(mut self) -> (Option<i32>, String) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
        let code = self.child.wait().unwrap().code();
        let mut said = String::new();
        self.stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        (code, said)
    }
}

#[test]
fn it_starts_answers_and_ends_when_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    for path in [
        "/livez",
        "/readyz",
        "/health",
        "/api/v1/server",
        "/v2/health/live",
        "/metrics",
    ] {
        let answer = server.get(path);
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
    }
    let metrics = server.get("/metrics");
    assert!(
        metrics.contains("trimtab_edge_requests_total{edge=\"api\",outcome=\"ok\"}"),
        "{metrics}"
    );
    let doctor = run(folder.path(), &["doctor", "--server", &server.url]);
    assert_eq!(doctor.status.code(), Some(0));
    // A console that listens does not hold the end up.
    let mut listener = TcpStream::connect(server.url.strip_prefix("http://").unwrap()).unwrap();
    write!(
        listener,
        "GET /api/v1/events/stream HTTP/1.1\r\nhost: localhost\r\n\r\n"
    )
    .unwrap();
    let mut head = [0; 15];
    listener.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    let told = Instant::now();
    let (code, said) = server.stop();
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains("ERROR"), "{said}");
    assert!(told.elapsed() < Duration::from_secs(15), "{said}");
    // The same folder serves again.
    let again = Server::start(folder.path(), &[]);
    assert!(again.get("/livez").starts_with("HTTP/1.1 200"));
    assert_eq!(again.stop().0, Some(0));
    let doctor = run(folder.path(), &["doctor", "--server", "http://127.0.0.1:9"]);
    assert_eq!(doctor.status.code(), Some(3));
}

#[test]
fn a_folder_in_use_and_a_taken_port_name_their_holder() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let pid = format!("process {}", server.child.id());
    let listen = server.url.strip_prefix("http://").unwrap();
    for words in [
        &["server", "--listen", "127.0.0.1:0"][..],
        &["server", "--listen", listen, "--data-dir", "other"],
        &[
            "token",
            "create",
            "--role",
            "admin",
            "--data-dir",
            "trimtab-data",
        ],
    ] {
        let output = run(folder.path(), words);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&pid) && said.contains("hint: "), "{said}");
    }
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn the_first_token_is_made_offline_and_closes_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let made = run(
        folder.path(),
        &[
            "token",
            "create",
            "--role",
            "admin",
            "--data-dir",
            "trimtab-data",
        ],
    );
    assert!(made.status.success());
    let token = String::from_utf8(made.stdout).unwrap();
    let token = token.trim();
    assert!(token.starts_with("tt_"), "{token}");
    // With a token, other addresses may be opened.
    let server = Server::start(folder.path(), &["--listen", "0.0.0.0:0"]);
    assert!(server.get("/api/v1/server").starts_with("HTTP/1.1 401"));
    assert!(server.get("/livez").starts_with("HTTP/1.1 200"));
    let refused = run(folder.path(), &["token", "list", "--server", &server.url]);
    assert_eq!(refused.status.code(), Some(4));
    let listed = trimtab(folder.path())
        .args(["token", "list", "--output", "json", "--server", &server.url])
        .env("TRIMTAB_TOKEN", token)
        .output()
        .unwrap();
    let listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
    assert_eq!(listed["items"][0]["role"], "admin");
    assert_eq!(server.stop().0, Some(0));
}

#[test]
fn a_replay_clock_moves_by_command_and_never_on_live_data() {
    let folder = tempfile::tempdir().unwrap();
    let live = Server::start(folder.path(), &[]);
    assert!(live.get("/api/v1/clock").contains("\"replay\":false"));
    assert_eq!(live.stop().0, Some(0));
    let refused = run(
        folder.path(),
        &["server", "--clock", "replay", "--listen", "127.0.0.1:0"],
    );
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("live traffic"), "{said}");
    let words = [
        "--clock",
        "replay",
        "--replay-from",
        "2013-01-01",
        "--data-dir",
        "replay",
    ];
    let replay = Server::start(folder.path(), &words);
    let clock = replay.get("/api/v1/clock");
    assert!(clock.contains("2013-01-01T00:00:00Z"), "{clock}");
    assert_eq!(replay.stop().0, Some(0));
}
