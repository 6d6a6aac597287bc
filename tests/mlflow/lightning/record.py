"""Records what PyTorch Lightning's autologging asks of MLflow's own server, and what it is answered.

    python -m venv V && V/bin/pip install mlflow==3.17.2 torch==2.8.0 pytorch-lightning==2.6.0
    V/bin/python tests/mlflow/lightning/record.py

PyTorch is gigabytes, so the tests do not install it: the test `lightning` of trimtab-edge-mlflow sends the same requests
to our server and compares the answers. `train.py`, with MLFLOW_TRACKING_URI set to our server, is the same by hand.
Ids are names such as `${run}` in the file. Of a file that is not JSON only its size is kept.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "recorded"))
from record import Server  # noqa: E402


class Recorder:
    def __init__(self, upstream):
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.turn = threading.Lock()
        self.steps = []
        self.names = {}

    def learn(self, path, answer):
        """Ids that the server made get names."""
        made = {
            "/experiments/create": ("experiment", lambda: answer["experiment_id"]),
            "/runs/create": ("run", lambda: answer["run"]["info"]["run_id"]),
            "/logged-models": ("model", lambda: answer["model"]["info"]["model_id"]),
        }
        for end, (name, find) in made.items():
            if path.endswith(end):
                self.names[find()] = f"${{{name}}}"

    def name(self, value, key=""):
        if isinstance(value, dict):
            return {k: self.name(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.name(v, key) for v in value]
        if key in ("experiment_id", "experiment_ids") and str(value) in self.names:
            return self.names[str(value)]
        if isinstance(value, str):
            for made, name in self.names.items():
                if len(made) > 8:
                    value = value.replace(made, name)
            # An experiment's id in a path of artifacts.
            return re.sub(r"\b\d+/(\$\{run\}|models/\$\{model\})", r"${experiment}/\1", value)
        return value

    def call(self, method, target, headers, body):
        with self.turn:
            connection = http.client.HTTPConnection(self.upstream, timeout=60)
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            data = response.read()
            connection.close()
            url = urllib.parse.urlsplit(target)
            sent, answer = parsed(body), parsed(data)
            if response.status == 200 and isinstance(answer, dict):
                self.learn(url.path, answer)
            step = {
                "method": method, "path": self.name(url.path), "query": self.name(url.query),
                "status": response.status,
            }
            is_file = "/mlflow-artifacts/artifacts/" in url.path
            if method == "PUT" and is_file:
                step["size"] = len(body)
            elif body:
                step["body"] = self.name(sent)
            if is_file and method == "GET":
                step["answer_size"] = len(data)
            else:
                step["answer"] = self.name(answer)
            self.steps.append(step)
            return response.status, response.getheader("Content-Type"), data


def parsed(data):
    try:
        return json.loads(data or b"null")
    except ValueError:
        return data.decode(errors="replace")


def listen(recorder):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self):
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            else:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")}
            status, kind, data = recorder.call(self.command, self.path, kept, body)
            self.send_response(status)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            recorder = Recorder(server.url)
            ours = {
                "MLFLOW_TRACKING_URI": listen(recorder), "MLFLOW_DISABLE_TELEMETRY": "true", "USER": "someone",
                "MLFLOW_ENABLE_ASYNC_LOGGING": "false",
            }
            # Outside the repository, so that its address is not on the run.
            shutil.copy(HERE / "train.py", folder)
            printed = subprocess.run(
                [sys.executable, "train.py"], env=os.environ | ours, cwd=folder, check=True, stdout=subprocess.PIPE
            ).stdout
        finally:
            server.stop()
    outcome = json.loads(printed.splitlines()[-1])
    text = json.dumps({"outcome": outcome, "steps": recorder.steps}, indent=1)
    (HERE / "lightning.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
