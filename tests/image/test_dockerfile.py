"""What the container image's last stage does, done in an empty folder as the image's user.

There is no container engine here. The test reads `Dockerfile`, carries out the `RUN` lines of its first stage that lay out the image (with the binary of
this test run in place of the release build), copies what the last stage copies, and then starts the entry point, the health check and the token command
that the guide names, as user 10001, with paths of the image under that folder.
"""

import json
import os
import re
import shlex
import shutil
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE_PATHS = re.compile(r"(?<![\w.])/(?=(?:image|data|usr/local|onnxruntime)\b)")


def instructions() -> list[tuple[str, str]]:
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines()]
    return [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]


def stages() -> list[list[tuple[str, str]]]:
    found: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            found.append([])
        found[-1].append((name, rest))
    return found


def last(name: str) -> list[str]:
    return [rest for instruction, rest in stages()[-1] if instruction == name]


@pytest.fixture
def image():
    """The image's files under a folder, owned by its user where we may give them away."""
    folder = Path(tempfile.mkdtemp(prefix="trimtab-image-", dir="/tmp"))
    folder.chmod(0o755)
    build = folder / "build"
    root = folder / "root"
    (build / "source/target/release").mkdir(parents=True)
    shutil.copy(os.environ["TRIMTAB_BIN"], build / "source/target/release/trimtab")
    library = next(Path(os.environ["TRIMTAB_PYTHON"]).parents[1].glob("lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    capi = build / "onnxruntime/onnxruntime/capi"
    capi.mkdir(parents=True)
    shutil.copy(library, capi)
    laid_out = [rest for name, rest in stages()[0] if name == "RUN" and "/image" in rest]
    assert laid_out
    for command in laid_out:
        subprocess.run(["sh", "-ec", IMAGE_PATHS.sub(f"{build}/", command)], cwd=build / "source", check=True)
    for copy in last("COPY"):
        *flags, source, target = copy.split()
        assert "--from=build" in flags
        target = root / target.strip("/")
        shutil.copytree(build / source.strip("/"), target)
        if "--chown=10001:10001" in flags and os.geteuid() == 0:
            for path in [target, *target.rglob("*")]:
                os.chown(path, 10001, 10001)
    yield root
    shutil.rmtree(folder)


def as_user(root: Path, command: list[str], **more):
    (user,) = last("USER")
    (env,) = last("ENV")
    (workdir,) = last("WORKDIR")
    settings = dict(pair.split("=", 1) for pair in shlex.split(env))
    settings = {name: IMAGE_PATHS.sub(f"{root}/", value) for name, value in settings.items()}
    command = [IMAGE_PATHS.sub(f"{root}/", word) for word in command]
    command[0] = str(root / "usr/local/bin" / command[0])
    if os.geteuid() == 0:
        uid, gid = (int(part) for part in user.split(":"))
        more |= {"user": uid, "group": gid, "extra_groups": []}
    return {"args": command, "env": settings | more.pop("env", {}), "cwd": root / workdir.lstrip("/"), "stdin": subprocess.DEVNULL, **more}


def run(root: Path, command: list[str], **more) -> str:
    done = subprocess.run(**as_user(root, command, **more), capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_the_image_starts_answers_and_keeps_its_data(image):
    entry = json.loads(last("ENTRYPOINT")[0]) + json.loads(last("CMD")[0])
    health = json.loads(last("HEALTHCHECK")[0].split(" CMD ", 1)[1])

    # Beyond loopback and without a token the server refuses to start, and says what to do.
    refused = subprocess.run(**as_user(image, entry), capture_output=True, text=True, timeout=60)
    assert refused.returncode != 0
    assert "token" in refused.stderr

    run(image, ["trimtab", "token", "create", "--data-dir", "/data", "--role", "admin"])
    port = free_port()
    # The image's own port may be taken on this machine.
    command = [word.replace(":5000", f":{port}") for word in entry]
    assert command != entry
    server = subprocess.Popen(**as_user(image, command))
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        run(image, health, env={"TRIMTAB_SERVER": f"http://127.0.0.1:{port}"})
    finally:
        server.terminate()
        assert server.wait(timeout=30) == 0, "it ends by itself when told to"
    kept = image / "data/FORMAT"
    assert kept.is_file()
    if os.geteuid() == 0:
        assert kept.stat().st_uid == 10001
    assert not stat.S_IMODE((image / "data/trimtab.db").stat().st_mode) & 0o002


def test_the_last_stage_needs_nothing_that_only_root_may_do():
    allowed = {"FROM", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in stages()[-1]} <= allowed
    assert last("USER") == ["10001:10001"]
    assert last("VOLUME") == ["/data"]
    assert len(stages()) == 2


def test_the_image_has_the_locked_onnx_runtime():
    locked = re.search(r"^onnxruntime==(\S+)", (ROOT / "python/requirements.txt").read_text(), flags=re.M)[1]
    assert f"onnxruntime=={locked}" in (ROOT / "Dockerfile").read_text()
