"""Records what MLflow's own server answers to searches, so that ours can be held against it.

    python tests/mlflow/recorded/record.py [FILE]

starts `mlflow server` on a fresh SQLite file, seeds it through the REST API, asks every question of `questions.py` and
writes seed, questions and answers to `recorded.json` (or FILE). The test `recorded` of trimtab-edge-mlflow sends the
same seed and the same questions to our server and compares. Ids and times that a server makes are names such as
`${run_a}` in the file; what has no order of its own (the tags of a run, say) is sorted.
"""

import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

from questions import QUESTIONS
from seed import SEED

# What a server reads from its clock.
TIMES = {
    "creation_time", "last_update_time", "creation_timestamp", "last_updated_timestamp",
    "creation_timestamp_ms", "last_updated_timestamp_ms",
}
# Lists that are sets.
SETS = {"tags", "params", "metrics", "aliases", "dataset_inputs", "model_inputs", "model_outputs", "latest_versions"}


class Server:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.names = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
             "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/artifacts"],
            cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=5):
                    return
            except OSError:
                if time.monotonic() > until or self.process.poll() is not None:
                    raise
                time.sleep(0.25)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def send(self, step):
        """Status and JSON of one request."""
        body = self.fill(step.get("body", {}))
        path = f"/api/2.0/mlflow/{self.fill(step['path'])}"
        data = None
        if step["method"] == "GET":
            path += "?" + urllib.parse.urlencode(body, doseq=True)
        else:
            data = json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=step["method"]
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode()
            return error.code, json.loads(text) if text.startswith("{") else {"message": text}

    def fill(self, value):
        """Names become what they stand for."""
        if isinstance(value, str):
            return re.sub(r"\$\{(\w+)\}", lambda found: str(self.names[found[1]]), value)
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        return value

    def empty(self, value, key=None):
        """What the server made becomes names; sets are sorted."""
        if key in TIMES:
            return "TIME"
        if key == "next_page_token":
            return "TOKEN"
        if isinstance(value, str):
            for name, made in self.names.items():
                if not name.startswith("time_"):
                    value = value.replace(str(made), "${" + name + "}") if len(str(made)) > 8 else value
            return value
        if isinstance(value, list):
            items = [self.empty(item) for item in value]
            return sorted(items, key=lambda item: json.dumps(item, sort_keys=True)) if key in SETS else items
        if isinstance(value, dict):
            return {name: self.empty(item, name) for name, item in value.items()}
        return value


def seed(server):
    for step in SEED:
        status, answer = server.send(step)
        assert status == 200, f"{step}: {status} {answer}"
        for name, path in step.get("save", {}).items():
            value = answer
            for part in path.split("."):
                value = value[part]
            server.names[name] = value
        # Times are whole milliseconds: what is made later must be seen to be later.
        time.sleep(0.012)


def stored(answer, items):
    """The answer with the objects of its lists put into `items`, each once, and their places in their stead."""
    def place(item):
        if item not in items:
            items.append(item)
        return items.index(item)

    return {name: [place(item) for item in value] if isinstance(value, list) else value
            for name, value in answer.items()}


def ask(server, question, items):
    status, answer = server.send(question)
    if status != 200:
        words = re.sub(r"\s+", " ", answer.get("message", "")).split(" ")[:6]
        return {"status": status, "error_code": answer.get("error_code"), "words": " ".join(words)}
    if not question.get("pages"):
        return {"status": 200, "json": stored(server.empty(answer), items)}
    pages = [answer]
    while pages[-1].get("next_page_token"):
        next_page = question | {"body": question["body"] | {"page_token": pages[-1]["next_page_token"]}}
        status, answer = server.send(next_page)
        assert status == 200, f"{next_page}: {status} {answer}"
        pages.append(answer)
    return {"status": 200, "pages": [stored(server.empty(page), items) for page in pages]}


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("recorded.json")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            import mlflow

            seed(server)
            asked, items = [], []
            for question in QUESTIONS:
                asked.append(question | {"answer": ask(server, question, items)})
        finally:
            server.stop()
    with out.open("w") as file:
        file.write('{"mlflow": ' + json.dumps(mlflow.__version__) + ',\n"seed": [\n')
        file.write(",\n".join(json.dumps(step, ensure_ascii=False) for step in SEED))
        file.write('\n],\n"items": [\n')
        file.write(",\n".join(json.dumps(item, ensure_ascii=False) for item in items))
        file.write('\n],\n"questions": [\n')
        file.write(",\n".join(json.dumps(question, ensure_ascii=False) for question in asked))
        file.write("\n]}\n")
    print(f"{len(SEED)} steps, {len(asked)} answers in {out}")


if __name__ == "__main__":
    main()
