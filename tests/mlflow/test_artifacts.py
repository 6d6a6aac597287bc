"""The stock mlflow client against a Trimtab server: artifacts through the proxy."""

import os
import uuid

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts, list_artifacts, load_dict, load_text

URL = os.environ["MLFLOW_TRACKING_URI"]
PROXY = f"{URL}/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def run():
    mlflow.set_experiment(f"a-{uuid.uuid4().hex}")
    with mlflow.start_run() as run:
        yield run


def test_files_and_folders(run, tmp_path):
    client = MlflowClient()
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "a.txt").write_text("hello")
    (tmp_path / "deep" / "ü b.bin").write_bytes(bytes(range(256)) * 4096)
    (tmp_path / "deep" / "er" / "empty").write_bytes(b"")
    mlflow.log_artifacts(tmp_path, "stuff")
    mlflow.log_artifact(tmp_path / "a.txt")
    mlflow.log_text("text", "notes/n.txt")
    mlflow.log_dict({"k": [1, 2]}, "d.json")
    id = run.info.run_id
    assert sorted((f.path, f.is_dir) for f in client.list_artifacts(id)) == [
        ("a.txt", False), ("d.json", False), ("notes", True), ("stuff", True)]
    assert sorted((f.path, f.is_dir, f.file_size) for f in client.list_artifacts(id, "stuff")) == [
        ("stuff/a.txt", False, 5), ("stuff/deep", True, None)]
    assert client.list_artifacts(id, "a.txt") == []
    assert client.list_artifacts(id, "nothing") == []
    root = run.info.artifact_uri
    assert load_text(f"{root}/notes/n.txt") == "text"
    assert load_dict(f"runs:/{id}/d.json") == {"k": [1, 2]}
    local = download_artifacts(run_id=id, artifact_path="stuff")
    assert open(os.path.join(local, "deep", "ü b.bin"), "rb").read() == bytes(range(256)) * 4096
    assert os.path.getsize(os.path.join(local, "deep", "er", "empty")) == 0
    assert {os.path.basename(f.path) for f in list_artifacts(artifact_uri=f"{root}/stuff/deep")} == {"er", "ü b.bin"}
    mlflow.log_text("other", "notes/n.txt")
    assert load_text(f"{root}/notes/n.txt") == "other"


def test_a_large_file_streams(run, tmp_path):
    data = os.urandom(1 << 20) * 24
    (tmp_path / "large.bin").write_bytes(data)
    mlflow.log_artifact(tmp_path / "large.bin")
    local = download_artifacts(run_id=run.info.run_id, artifact_path="large.bin", dst_path=tmp_path / "down")
    assert open(local, "rb").read() == data


def test_the_proxy_by_hand(run):
    path = run.info.artifact_uri.removeprefix("mlflow-artifacts:/")
    answer = requests.put(f"{PROXY}/{path}/x/y.txt", data=b"0123456789")
    assert (answer.status_code, answer.content) == (200, b"")
    answer = requests.get(f"{PROXY}/{path}/x/y.txt", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-range"] == "bytes 2-4/10"
    assert requests.get(PROXY, params={"path": f"{path}/x"}).json() == {
        "files": [{"path": "y.txt", "is_dir": False, "file_size": 10}]}
    answer = requests.get(f"{PROXY}/{path}/x/y.txt")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"].startswith("attachment")
    answer = requests.get(f"{URL}/get-artifact", params={"path": "x/y.txt", "run_uuid": run.info.run_id})
    assert answer.content == b"0123456789"
    assert requests.delete(f"{PROXY}/{path}/x").json() == {}
    assert requests.get(f"{PROXY}/{path}/x/y.txt").status_code == 404
    assert requests.delete(f"{PROXY}/{path}/x").json() == {}


def test_images_and_tables(run):
    import numpy as np
    import pandas as pd

    mlflow.log_table(pd.DataFrame({"a": [1, 2]}), "t.json")
    mlflow.log_table({"a": [3]}, "t.json")
    assert list(mlflow.load_table("t.json", run_ids=[run.info.run_id])["a"]) == [1, 2, 3]
    pytest.importorskip("PIL")
    mlflow.log_image(np.zeros((4, 4, 3), dtype=np.uint8), "i.png")


def test_health_and_version():
    assert requests.get(f"{URL}/health").text == "OK"
    assert requests.get(f"{URL}/version").text.startswith("3.")
    assert requests.get(f"{URL}/api/3.0/mlflow/server-info").json()["workspaces_enabled"] is False
