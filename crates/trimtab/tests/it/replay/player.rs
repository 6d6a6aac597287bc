//! A replay that is being played, and its server, which stays up after it.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, Receiver},
    time::Duration,
};

use serde_json::Value;

/// The longest that anything here may take.
const PATIENCE: Duration = Duration::from_mins(4);

/// A `replay` or `demo` that was played to its end.
#[derive(Debug)]
pub(super) struct Played {
    pub(super) report: Value,
    pub(super) url: String,
    child: Child,
    said: Receiver<String>,
    http: reqwest::Client,
}

/// The binary with the tests' Python, and nothing else of the developer's machine.
pub(super) fn trimtab(folder: &Path) -> Command {
    let mut command = crate::trimtab(folder);
    command.env("TRIMTAB_PYTHON", super::python());
    command
}

/// The arguments that every replay of the made-up history has.
pub(super) fn replay_words<'w>(data_dir: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    let words = "replay --data history.csv --time time --id id --label late --label-delay 1d --project project";
    let mut words: Vec<&str> = words.split(' ').collect();
    words.extend(["--data-dir", data_dir]);
    words.extend(more);
    words
}

impl Played {
    /// Runs a command that plays a history and does not end by itself; answers when the report is out.
    pub(super) fn new(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let said = lines(child.stderr.take().unwrap());
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let report = serde_json::Deserializer::from_reader(stdout)
            .into_iter::<Value>()
            .next();
        let Some(Ok(report)) = report else {
            let said: Vec<String> = said.iter().collect();
            panic!("no report: {}", said.join("\n"));
        };
        let url = wait_for(&said, "The console is at ");
        let url = url
            .split(' ')
            .find(|word| word.starts_with("http"))
            .unwrap()
            .to_owned();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            report,
            url,
            child,
            said,
            http,
        }
    }

    /// The decisions: when, what, why.
    pub(super) fn decisions(&self) -> Vec<(&str, &str, &str)> {
        self.report["timeline"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                let field = |name: &str| entry[name].as_str().unwrap();
                (field("at"), field("kind"), field("text"))
            })
            .collect()
    }

    pub(super) async fn get(&self, path: &str) -> Value {
        self.fetch(&format!("/api/v1/{path}")).await
    }

    pub(super) async fn fetch(&self, path: &str) -> Value {
        let answer = self
            .http
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Value {
        self.send(path, "application/json", body.to_string()).await
    }

    /// A POST below `/api/v1`.
    pub(super) async fn send(&self, path: &str, kind: &str, body: String) -> Value {
        let url = format!("{}/api/v1/{path}", self.url);
        let request = self.http.post(url).header("content-type", kind).body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let body: Value = answer.json().await.unwrap();
        assert!(status.is_success(), "{path}: {body}");
        body
    }

    /// One V2 request; answers the prediction's id.
    pub(super) async fn infer(
        &self,
        endpoint: &str,
        body: &Value,
        headers: &[(&str, String)],
    ) -> String {
        let url = format!("{}/v2/models/{endpoint}/infer", self.url);
        let mut request = self.http.post(url).json(body);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        answer.headers()["x-trimtab-prediction-id"]
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// Every page of a list.
    pub(super) async fn all(&self, path: &str) -> Vec<Value> {
        let mut items = Vec::new();
        let mut page = String::new();
        loop {
            let join = if path.contains('?') { '&' } else { '?' };
            let mut list = self.get(&format!("{path}{join}limit=200{page}")).await;
            items.append(list["items"].as_array_mut().unwrap());
            match list["next"].as_str() {
                Some(next) => page = format!("&page={next}"),
                None => return items,
            }
        }
    }

    /// A command of the binary against this server, answered as JSON.
    pub(super) fn ask(&self, folder: &Path, words: &[&str]) -> Value {
        let output = trimtab(folder)
            .args(words)
            .args(["--server", &self.url, "--output", "json"])
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{words:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Ctrl-C: the server ends in order.
    pub(super) fn stop(mut self) {
        interrupt(&self.child);
        let status = self.child.wait().unwrap();
        let said: Vec<String> = self.said.iter().collect();
        assert!(status.success(), "{status}: {said:?}");
        assert!(
            !said.iter().any(|line| line.contains("panicked")),
            "{said:?}"
        );
    }
}

impl Drop for Played {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a command, interrupts it when it says something, and answers how it ended.
pub(super) fn interrupted(command: &mut Command, when: impl FnOnce(&Child)) -> Output {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    when(&child);
    interrupt(&child);
    child.wait_with_output().unwrap()
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn lines(stream: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    receiver
}

fn wait_for(said: &Receiver<String>, words: &str) -> String {
    loop {
        let line = said.recv_timeout(PATIENCE).unwrap();
        assert!(!line.contains("panicked"), "{line}");
        if line.contains(words) {
            return line;
        }
    }
}
