"""The stock mlflow client against a Trimtab server: uploads in parts, signed URLs, and what must not get through them."""

import os
import urllib.parse
import uuid

import mlflow
import pytest
import requests
from mlflow.artifacts import download_artifacts

URL = os.environ["MLFLOW_TRACKING_URI"]
API = f"{URL}/api/2.0/mlflow-artifacts"
MIB = 1 << 20


@pytest.fixture
def run():
    mlflow.set_experiment(f"t-{uuid.uuid4().hex}")
    with mlflow.start_run() as run:
        yield run


@pytest.fixture
def in_parts(monkeypatch):
    for direction in ("UPLOAD", "DOWNLOAD"):
        monkeypatch.setenv(f"MLFLOW_ENABLE_PROXY_MULTIPART_{direction}", "true")
        monkeypatch.setenv(f"MLFLOW_MULTIPART_{direction}_MINIMUM_FILE_SIZE", str(2 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(5 * MIB))
    monkeypatch.setenv("MLFLOW_MULTIPART_DOWNLOAD_CHUNK_SIZE", str(3 * MIB))


@pytest.fixture
def seen(monkeypatch):
    """Every URL that the client asks for."""
    urls = []
    send = requests.Session.send

    def spy(self, request, **kwargs):
        urls.append((request.method, urllib.parse.urlparse(request.url).path))
        return send(self, request, **kwargs)

    monkeypatch.setattr(requests.Session, "send", spy)
    return urls


def root(run):
    return run.info.artifact_uri.removeprefix("mlflow-artifacts:/")


def test_the_client_sends_and_fetches_in_parts(run, tmp_path, in_parts, seen):
    data = os.urandom(MIB) * 13 + b"end"
    (tmp_path / "big ü.bin").write_bytes(data)
    mlflow.log_artifact(str(tmp_path / "big ü.bin"), "deep/er")
    parts = [path for method, path in seen if method == "PUT" and "/mlflow-artifacts/part/" in path]
    assert len(parts) == 3, seen
    local = download_artifacts(run_id=run.info.run_id, artifact_path="deep/er/big ü.bin", dst_path=str(tmp_path / "down"))
    assert open(local, "rb").read() == data
    assert len([path for _, path in seen if "/mlflow-artifacts/signed/" in path]) == 5, seen


def test_small_files_go_as_before(run, tmp_path, in_parts, seen):
    (tmp_path / "small.txt").write_text("hello")
    mlflow.log_artifact(tmp_path / "small.txt")
    assert not [path for _, path in seen if "/mpu/" in path]
    assert mlflow.artifacts.load_text(f"{run.info.artifact_uri}/small.txt") == "hello"


def create(run, name="x.bin", parts=2, folder="f"):
    answer = requests.post(f"{API}/mpu/create/{root(run)}/{folder}", json={"path": f"/tmp/{name}", "num_parts": parts})
    assert answer.status_code == 200, answer.text
    return answer.json()


def finish(run, verb, upload, parts=None, name="x.bin", folder="f"):
    body = {"path": f"/tmp/{name}", "upload_id": upload, "parts": parts or [{"part_number": 1, "etag": ""}]}
    return requests.post(f"{API}/mpu/{verb}/{root(run)}/{folder}", json=body)


def test_parts_by_hand(run):
    begun = create(run)
    assert [c["part_number"] for c in begun["credentials"]] == [1, 2]
    parts = []
    for credential, data in reversed(list(zip(begun["credentials"], [b"a" * MIB, b"b" * 10]))):
        answer = requests.put(credential["url"], data=data)
        assert answer.status_code == 200, answer.text
        parts.append({"part_number": credential["part_number"], "etag": answer.headers["ETag"]})
    missing = finish(run, "complete", begun["upload_id"], parts[:1])
    assert (missing.status_code, missing.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    forged = [dict(part, etag='"0"') for part in parts]
    assert finish(run, "complete", begun["upload_id"], forged).status_code == 400
    assert finish(run, "complete", begun["upload_id"], parts).json() == {}
    assert requests.get(f"{API}/artifacts/{root(run)}/f/x.bin").content == b"a" * MIB + b"b" * 10
    over = finish(run, "complete", begun["upload_id"], parts)
    assert over.status_code == 404


def test_an_aborted_upload_leaves_nothing(run):
    begun = create(run)
    url = begun["credentials"][0]["url"]
    assert requests.put(url, data=b"x").status_code == 200
    for _ in range(2):
        assert finish(run, "abort", begun["upload_id"]).json() == {}
    assert requests.put(url, data=b"x").status_code == 404
    assert finish(run, "complete", begun["upload_id"]).status_code == 404
    assert requests.get(f"{API}/artifacts/{root(run)}/f/x.bin").status_code == 404


def test_signed_urls_for_a_run_and_for_a_path(run):
    ask = {"run_id": run.info.run_id, "path": "s/f.txt"}
    up = requests.post(f"{URL}/api/2.0/mlflow/artifacts/presigned-upload-url", json=ask).json()
    answer = requests.put(up["presigned_url"], data=b"signed", headers=up["headers"])
    assert answer.status_code == 200, answer.text
    down = requests.post(f"{URL}/api/2.0/mlflow/artifacts/presigned-download-url", json=ask).json()
    assert int(down["file_size"]) == 6
    answer = requests.get(down["presigned_url"], headers={"Range": "bytes=1-2"})
    assert (answer.status_code, answer.content) == (206, b"ig")
    by_path = requests.get(f"{API}/presigned/{root(run)}/s/f.txt").json()
    assert (by_path["file_size"], requests.get(by_path["url"]).content) == (6, b"signed")
    assert requests.get(f"{API}/presigned/{root(run)}/none").status_code == 404
    for expiration in (0, -1, 604_801):
        refused = requests.post(f"{URL}/api/2.0/mlflow/artifacts/presigned-download-url", json={**ask, "expiration": expiration})
        assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    both = requests.post(f"{URL}/api/2.0/mlflow/artifacts/presigned-upload-url", json={**ask, "model_id": "m-1"})
    assert both.status_code == 400


def test_cwe_345_a_signed_url_is_good_for_its_own_transfer_only(run):
    up = requests.post(
        f"{URL}/api/2.0/mlflow/artifacts/presigned-upload-url", json={"run_id": run.info.run_id, "path": "own.txt"}
    ).json()["presigned_url"]
    head, ticket = up.rsplit("/", 1)
    flipped = ticket[:60] + ("A" if ticket[60] != "A" else "B") + ticket[61:]
    for url in (f"{head}/{flipped}", f"{head}/", f"{head}/x", f"{head}/{ticket}A", f"{head}/..%2f..%2f{ticket}"):
        assert requests.put(url, data=b"x").status_code in (403, 404, 405), url
    # To write is not to read, and no part of an upload.
    assert requests.get(up).status_code == 403
    assert requests.put(f"{API}/part/{ticket}", data=b"x").status_code == 403
    begun = create(run)
    part = begun["credentials"][0]["url"].rsplit("/", 1)[1]
    assert requests.put(f"{API}/signed/{part}", data=b"x").status_code == 403
    other = finish(run, "complete", begun["upload_id"], name="other.bin")
    assert (other.status_code, other.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert finish(run, "complete", begun["upload_id"], folder="g").status_code == 403
    assert finish(run, "complete", "x" * 32).status_code == 403


@pytest.mark.parametrize("path", ["..%2f..%2fx", "%252e%252e/x", "a%23b", "%2fetc"])
def test_cwe_22_no_path_climbs_out_of_an_upload(run, path):
    body = {"path": "/tmp/x.bin", "num_parts": 1}
    session = requests.Session()
    request = requests.Request("POST", f"{API}/mpu/create/x", json=body).prepare()
    request.url = f"{API}/mpu/create/{path}"
    assert session.send(request).status_code == 400
    for name in ("..", "/tmp/..", "a%2f..", "x#y", ""):
        refused = requests.post(f"{API}/mpu/create/{root(run)}", json={"path": name, "num_parts": 1})
        assert refused.status_code == 400, name


def test_cwe_770_the_number_of_parts_is_bounded(run):
    for parts in (0, -1, 10_001, 2**40):
        refused = requests.post(f"{API}/mpu/create/{root(run)}", json={"path": "x", "num_parts": parts})
        assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), parts


def test_the_ui_uploads_to_a_run(run):
    def post(path, data):
        params = {"run_uuid": run.info.run_id, "path": path}
        return requests.post(f"{URL}/ajax-api/2.0/mlflow/upload-artifact", params=params, data=data)

    assert post("ui/pic.png", b"bytes").status_code == 200
    assert requests.get(f"{API}/artifacts/{root(run)}/ui/pic.png").content == b"bytes"
    for path, data in (("", b"x"), ("x", b""), ("../x", b"x"), ("x", b"x" * (10 * MIB + 1))):
        assert post(path, data).status_code == 400, path


def test_cwe_79_and_434_nothing_that_a_browser_would_run_is_shown_as_such(run):
    for name in ("x.html", "x.svg", "x.xhtml", "x.js", "x.HTM", "x", "x.xml"):
        requests.put(f"{API}/artifacts/{root(run)}/{name}", data=b"<script>alert(1)</script>")
        signed = requests.get(f"{API}/presigned/{root(run)}/{name}").json()["url"]
        query = urllib.parse.urlencode({"path": name, "run_uuid": run.info.run_id})
        for url in (f"{API}/artifacts/{root(run)}/{name}", f"{URL}/get-artifact?{query}", signed):
            answer = requests.get(url)
            assert answer.headers["content-type"] == "application/octet-stream", url
            assert answer.headers["content-disposition"].startswith("attachment"), url
            assert answer.headers["x-content-type-options"] == "nosniff", url


def test_cwe_59_a_location_that_nobody_registered_is_not_read(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    name = f"f-{uuid.uuid4().hex}"
    made = requests.post(
        f"{URL}/api/2.0/mlflow/experiments/create", json={"name": name, "artifact_location": f"file://{tmp_path}"}
    )
    if made.status_code != 200:
        assert made.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        return
    body = {"experiment_id": made.json()["experiment_id"], "start_time": 1}
    run_id = requests.post(f"{URL}/api/2.0/mlflow/runs/create", json=body).json()["run"]["info"]["run_id"]
    for url in (
        f"{URL}/get-artifact?run_uuid={run_id}&path=secret.txt",
        f"{URL}/api/2.0/mlflow/artifacts/list?run_id={run_id}",
    ):
        # The same answer whether something is there or not.
        refused = requests.get(url)
        assert (refused.status_code, refused.json()["error_code"]) == (501, "NOT_IMPLEMENTED"), url
