"""Puts runs into the peer's database directly: through its server the seed alone would take ten minutes.

Usage: seed_peer.py DATABASE_URL EXPERIMENT RUNS
"""

import sys
import uuid

from sqlalchemy import create_engine, text

database, experiment, runs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
NOW = 1_760_000_000_000
RUN = text(
    "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, user_id, status, start_time, end_time, source_version, lifecycle_stage,"
    " artifact_uri, experiment_id) VALUES (:run, :name, 'LOCAL', 'train.py', '', 'bench', 'FINISHED', :start, :end, '', 'active', :uri, :experiment)"
)
TAG = text("INSERT INTO tags (key, value, run_uuid) VALUES (:key, :value, :run)")
PARAM = text("INSERT INTO params (key, value, run_uuid) VALUES (:key, :value, :run)")
POINT = "(key, value, timestamp, run_uuid, step, is_nan) VALUES (:key, :value, :at, :run, 0, :is_nan)"

with create_engine(database).begin() as db:
    for first in range(0, runs, 1_000):
        rows, tags, params, points = [], [], [], []
        for i in range(first, min(runs, first + 1_000)):
            run, start = uuid.uuid4().hex, NOW + i
            uri = f"mlflow-artifacts:/{experiment}/{run}/artifacts"
            rows.append({"run": run, "name": f"run-{i}", "start": start, "end": start + 1, "uri": uri, "experiment": experiment})
            own = {"mlflow.runName": f"run-{i}", "mlflow.user": "bench", "mlflow.source.name": "train.py", "mlflow.source.type": "LOCAL"}
            tags += [{"run": run, "key": key, "value": value} for key, value in own.items()]
            params += [{"run": run, "key": f"param_{k}", "value": str(i * (k + 7) % 10)} for k in range(5)]
            points += [
                {"run": run, "key": f"metric_{k}", "value": (i * 7919 % 10_007 + 0.25) / (k + 1.5), "at": start, "is_nan": False} for k in range(10)
            ]
        db.execute(RUN, rows)
        db.execute(TAG, tags)
        db.execute(PARAM, params)
        db.execute(text(f"INSERT INTO metrics {POINT}"), points)
        db.execute(text(f"INSERT INTO latest_metrics {POINT}"), points)
