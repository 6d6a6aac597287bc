"""What the stock `mlflow gc` says to a server: it wants the database itself, so `trimtab gc` does its work."""

import os
import subprocess
import sys


def test_the_stock_command_refuses_every_server():
    url = os.environ["MLFLOW_TRACKING_URI"]
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", url],
        capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "can only be used with a backend that allows hard-deleting runs" in done.stderr
