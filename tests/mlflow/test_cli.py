"""The `mlflow` command against a Trimtab server: artifacts, experiments, runs, serving a model by name."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid

import mlflow
import pandas as pd
import pytest
from click.testing import CliRunner
from mlflow import MlflowClient
from mlflow.cli import cli
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 1.0, 0.0]})
Y = [0, 0, 1, 1]


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def run():
    mlflow.set_experiment(f"cli-{uuid.uuid4().hex}")
    with mlflow.start_run() as run:
        mlflow.log_metric("m", 1.5)
    return run


# As in an activated environment: the command starts uvicorn by its name.
ENVIRONMENT = {**os.environ, "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")])}


def command(*words):
    """The command in this process: starting one costs seconds of imports each time."""
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_artifacts(client, run, tmp_path):
    run_id = run.info.run_id
    folder = tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.txt").write_text("a")
    (folder / "deep" / "ü b.bin").write_bytes(bytes(range(256)))
    command("artifacts", "log-artifacts", "--local-dir", str(folder), "-r", run_id, "-a", "kept")
    command("artifacts", "log-artifact", "--local-file", str(folder / "a.txt"), "-r", run_id)
    listed = json.loads(command("artifacts", "list", "-r", run_id))
    assert sorted((entry["path"], entry.get("is_dir", False)) for entry in listed) == [("a.txt", False), ("kept", True)]
    assert {entry["path"] for entry in json.loads(command("artifacts", "list", "-r", run_id, "-a", "kept"))} == {
        "kept/a.txt", "kept/deep"
    }
    to = tmp_path / "back"
    to.mkdir()
    path = command("artifacts", "download", "-r", run_id, "-a", "kept", "-d", str(to)).strip().splitlines()[-1]
    assert open(os.path.join(path, "deep", "ü b.bin"), "rb").read() == bytes(range(256))
    uri = f"runs:/{run_id}/a.txt"
    path = command("artifacts", "download", "-u", uri, "-d", str(to)).strip().splitlines()[-1]
    assert open(path).read() == "a"


def test_experiments_and_runs(client, run, tmp_path):
    name = f"cli-{uuid.uuid4().hex}"
    made = re.search(r"id (\d+)", command("experiments", "create", "-n", name)).group(1)
    assert name in command("experiments", "search")
    command("experiments", "rename", "--experiment-id", made, "--new-name", name + "2")
    command("experiments", "delete", "-x", made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    command("experiments", "restore", "-x", made)
    assert client.get_experiment(made).name == name + "2"
    csv = tmp_path / "runs.csv"
    command("experiments", "csv", "-x", run.info.experiment_id, "-o", str(csv))
    assert run.info.run_id in csv.read_text()
    assert run.info.run_name in command("runs", "list", "--experiment-id", run.info.experiment_id)
    described = json.loads(command("runs", "describe", "--run-id", run.info.run_id))
    assert described["data"]["metrics"] == {"m": 1.5}
    command("runs", "delete", "--run-id", run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "deleted"
    command("runs", "restore", "--run-id", run.info.run_id)
    assert client.get_run(run.info.run_id).info.lifecycle_stage == "active"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_model_served_by_name_and_alias(client, run, tmp_path):
    name = f"served-{uuid.uuid4().hex}"
    model = LogisticRegression().fit(X, Y)
    with mlflow.start_run():
        mlflow.sklearn.log_model(
            model, name="clf", signature=infer_signature(X, model.predict(X)), registered_model_name=name,
            pip_requirements=["scikit-learn"],
        )
    client.set_registered_model_alias(name, "champion", "1")
    port = free_port()
    with (tmp_path / "log").open("w+") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"models:/{name}@champion", "--env-manager", "local",
             "-h", "127.0.0.1", "-p", str(port), "-w", "1"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env=ENVIRONMENT,
        )
        try:
            deadline = time.monotonic() + 90
            while True:
                try:
                    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=5).status == 200
                    break
                except (urllib.error.URLError, ConnectionError):
                    assert server.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
                    time.sleep(0.1)
            body = json.dumps({"dataframe_split": X.to_dict(orient="split")}).encode()
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
            )
            answer = json.load(urllib.request.urlopen(request, timeout=30))
            assert answer["predictions"] == [int(label) for label in model.predict(X)]
        finally:
            if server.poll() is None:
                os.killpg(server.pid, 15)
                server.wait(timeout=30)


def test_a_prediction_by_the_command(client, run, tmp_path):
    name = f"predicted-{uuid.uuid4().hex}"
    model = LogisticRegression().fit(X, Y)
    with mlflow.start_run():
        mlflow.sklearn.log_model(model, name="clf", registered_model_name=name, pip_requirements=["scikit-learn"])
    table = tmp_path / "in.csv"
    X.to_csv(table, index=False)
    out = tmp_path / "out.json"
    command(
        "models", "predict", "-m", f"models:/{name}/1", "--env-manager", "local", "-i", str(table), "-t", "csv", "-o", str(out)
    )
    assert json.loads(out.read_text())["predictions"] == [int(label) for label in model.predict(X)]
