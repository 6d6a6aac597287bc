"""From nothing to a logged run and a served model, with the wheel and the lines of the README alone.

The section "Keep your clients" is run as it stands, in an empty environment and an empty folder. Three things are put in place of its own, and nothing else:
free ports, the wheel that the test run built, and the locked versions of other people's packages.
"""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = "## Keep your clients"
BACKGROUND = ("trimtab server", "trimtab models serve")


def blocks() -> list[tuple[str, str]]:
    text = (ROOT / "README.md").read_text()
    section = text.split(SECTION, 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```(sh|python)\n(.*?)^```$", section, flags=re.M | re.S)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Newcomer:
    """An empty environment in an empty folder, and what was started there."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.servers: list[subprocess.Popen] = []
        self.ports = {"5000": free_port(), "5001": free_port()}
        self.uv = os.environ["TRIMTAB_UV"]
        venv = folder / "venv"
        subprocess.run([self.uv, "venv", "--quiet", "--python", os.environ["TRIMTAB_PYTHON"], venv], check=True)
        kept = {"HOME", "PATH", "TMPDIR", "LANG", "SSL_CERT_FILE", "UV_CACHE_DIR"}
        self.env = {name: value for name, value in os.environ.items() if name in kept or name.lower().endswith("_proxy")}
        self.env |= {
            "PATH": f"{venv}/bin:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(venv),
            "MLFLOW_DISABLE_TELEMETRY": "true",
            # The second server is a client of the first, as in the README, but on another port than the default.
            "TRIMTAB_SERVER": f"http://127.0.0.1:{self.ports['5000']}",
            "GIT_PYTHON_REFRESH": "quiet",
        }

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.terminate()
        for server in self.servers:
            server.wait(timeout=30)

    def type(self, language: str, text: str) -> str:
        for written, port in self.ports.items():
            text = text.replace(f":{written}", f":{port}")
        if language == "python":
            return self.run(["python", "-c", text])
        out = ""
        for line in text.splitlines():
            if line.startswith("pip install "):
                self.install(line)
            elif line.startswith(BACKGROUND):
                self.start(line)
            else:
                out += self.run(["sh", "-ec", line])
        return out

    def install(self, line: str) -> None:
        wheels = Path(os.environ["TRIMTAB_WHEEL"]).parent
        assert "--find-links target/wheels/dist" in line
        line = line.removeprefix("pip install ").replace("target/wheels/dist", str(wheels))
        command = f"'{self.uv}' pip install --quiet --constraint '{ROOT}/python/requirements.txt' {line}"
        self.run(["sh", "-ec", command])

    def start(self, line: str) -> None:
        if line == "trimtab server":
            line += f" --listen 127.0.0.1:{self.ports['5000']}"
            port = self.ports["5000"]
        else:
            port = self.ports["5001"]
        log = open(self.folder / f"server-{len(self.servers)}.log", "w+")
        server = subprocess.Popen(["sh", "-c", f"exec {line}"], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.servers.append(server)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if server.poll() is not None:
                break
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.05)
        log.seek(0)
        pytest.fail(f"`{line}` does not answer on port {port}:\n{log.read()}")

    def run(self, command: list) -> str:
        done = subprocess.run(command, cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def test_the_readme_from_nothing_to_a_served_model(tmp_path):
    with Newcomer(tmp_path) as newcomer:
        outputs = [newcomer.type(language, text) for language, text in blocks()]
        runs = newcomer.type(
            "python",
            "import mlflow; mlflow.set_tracking_uri('http://127.0.0.1:5000'); print(len(mlflow.search_runs(search_all_experiments=True)))",
        )
    assert runs.split()[-1] == "1", "the run of the README was logged"
    curl, triton = outputs[-2], outputs[-1]
    assert "predictions" in curl
    numbers = [float(number) for number in re.findall(r"\d+\.\d+(?:e-?\d+)?", triton)]
    assert len(numbers) == 3 and sum(numbers) == pytest.approx(1, abs=1e-4)


def test_the_wheel_says_what_it_is(tmp_path):
    import zipfile

    wheel = zipfile.ZipFile(os.environ["TRIMTAB_WHEEL"])
    names = wheel.namelist()
    metadata = wheel.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode()
    assert any(name.endswith("/scripts/trimtab") for name in names)
    assert any(name.endswith("LICENSE") for name in names)
    assert "Provides-Extra: onnx" in metadata
    assert "Requires-Dist: onnxruntime" in metadata
