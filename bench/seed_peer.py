"""Puts runs into the peer's SQLite file directly: through its server the seed alone would take ten minutes.

Usage: seed_peer.py DATABASE EXPERIMENT RUNS
"""

import sqlite3
import sys
import uuid

database, experiment, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
NOW = 1_760_000_000_000
db = sqlite3.connect(database, timeout=60)
with db:
    for i in range(runs):
        run = uuid.uuid4().hex
        db.execute(
            "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version,"
            " lifecycle_stage, artifact_uri, experiment_id) VALUES (?, ?, 'LOCAL', 'train.py', '', 'bench', 'FINISHED', ?, ?, '', 'active', ?, ?)",
            (run, f"run-{i}", NOW + i, NOW + i + 1, f"mlflow-artifacts:/{experiment}/{run}/artifacts", experiment),
        )
        tags = {"mlflow.runName": f"run-{i}", "mlflow.user": "bench", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}
        db.executemany("INSERT INTO tags (key, value, run_uuid) VALUES (?, ?, ?)", [(k, v, run) for k, v in tags.items()])
        params = {f"param_{k}": str(i * (k + 7) % 10) for k in range(5)}
        db.executemany("INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)", [(k, v, run) for k, v in params.items()])
        points = [(f"metric_{k}", (i * 7919 % 10_007 + 0.25) / (k + 1.5), NOW + i, run, 0) for k in range(10)]
        db.executemany("INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", points)
        db.executemany("INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, ?, ?, ?, 0)", points)
