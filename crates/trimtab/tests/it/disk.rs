//! A disk that is full: everything acknowledged stands, everything else is refused by name, and room brings it back.
//!
//! The data folder lies on a small file system of its own, in a mount namespace that only the server is in; the test looks
//! into it through the process's root. That needs Linux, and root or user namespaces.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use super::trimtab;

struct Server {
    child: Child,
    address: String,
    disk: PathBuf,
}

impl Server {
    /// A server whose data folder is on 16 MiB.
    fn on_a_small_disk(folder: &Path) -> Self {
        let place = folder.join("disk");
        fs::create_dir_all(&place).unwrap();
        let server = trimtab(folder);
        let mut child = std::process::Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=16m tmpfs \"$1\" && shift && exec \"$@\"")
            .arg("sh")
            .arg(&place)
            .arg(server.get_program())
            .args([
                "server",
                "--output",
                "json",
                "--listen",
                "127.0.0.1:0",
                "--data-dir",
            ])
            .arg(place.join("data"))
            .current_dir(folder)
            .env("HOME", folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            said.push_str(&line.unwrap());
            if said.contains('}') {
                break;
            }
        }
        let told: Value = serde_json::from_str(&said).unwrap_or_else(|_| {
            let mut error = String::new();
            let mut stderr = child.stderr.take().unwrap();
            stderr.read_to_string(&mut error).unwrap();
            panic!(
                "no server on a file system of its own (it needs root or user namespaces): {error}"
            )
        });
        let url = told["url"].as_str().unwrap();
        let inside = place.strip_prefix("/").unwrap();
        Self {
            address: url.strip_prefix("http://").unwrap().to_owned(),
            disk: PathBuf::from(format!("/proc/{}/root", child.id())).join(inside),
            child,
        }
    }

    fn call(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        // A refusal may come before the body was sent.
        let _refused = stream.write_all(body);
        let mut answer = Vec::new();
        let _cut = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1.to_owned();
        (status, body)
    }

    fn post(&self, path: &str, body: &Value) -> (u16, String) {
        let path = format!("/api/2.0/mlflow/{path}");
        self.call("POST", &path, body.to_string().as_bytes())
    }

    fn fill(&self) -> PathBuf {
        let ballast = self.disk.join("ballast");
        let mut file = fs::File::create(&ballast).unwrap();
        let block = [0_u8; 4096];
        while file.write_all(&block).is_ok() {}
        ballast
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_room_brings_it_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::on_a_small_disk(folder.path());
    let (status, run) = server.post("runs/create", &json!({ "experiment_id": "0" }));
    assert_eq!(status, 200, "{run}");
    let run: Value = serde_json::from_str(&run).unwrap();
    let run = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let tag = |key: &str| {
        let value = "x".repeat(4_000);
        server.post(
            "runs/set-tag",
            &json!({ "run_id": run, "key": key, "value": value }),
        )
    };
    assert_eq!(tag("before").0, 200);

    let ballast = server.fill();
    let mut acknowledged = vec!["before".to_owned()];
    let refused = (0..2_000)
        .find_map(|i| {
            let key = format!("t{i}");
            let (status, text) = tag(&key);
            if status == 200 {
                acknowledged.push(key);
                None
            } else {
                Some((status, text))
            }
        })
        .expect("a full disk takes no more writes");
    assert_eq!(refused.0, 503, "{}", refused.1);
    assert!(refused.1.contains("disk is full"), "{}", refused.1);
    let path = format!("/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/big.bin");
    let (status, text) = server.call("PUT", &path, &vec![7; 1 << 20]);
    assert_eq!(status, 503, "{text}");
    assert!(text.contains("No space left"), "{text}");
    // What is there is still read.
    let read = format!("/api/2.0/mlflow/runs/get?run_id={run}");
    assert_eq!(server.call("GET", &read, b"").0, 200);
    assert_eq!(server.call("GET", "/health", b"").0, 200);

    fs::remove_file(ballast).unwrap();
    assert_eq!(tag("after").0, 200);
    acknowledged.push("after".to_owned());
    assert_eq!(server.call("PUT", &path, &vec![7; 1 << 20]).0, 200);
    let (_, text) = server.call("GET", &read, b"");
    for key in &acknowledged {
        assert!(
            text.contains(&format!("\"{key}\"")),
            "{key} was acknowledged"
        );
    }
    let (status, bytes) = server.call("GET", &path, b"");
    assert_eq!((status, bytes.len()), (200, 1 << 20));
}
