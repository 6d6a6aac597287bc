"""Fills an MLflow store with one of everything. Usage: seed.py TRACKING_URI [more]"""

import math
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from sklearn.linear_model import LogisticRegression

POINTS = 6_000


def history(client, run, key, points, step=1000):
    now = 1_700_000_000_000
    for start in range(0, points, step):
        client.log_batch(
            run,
            metrics=[
                Metric(key, math.sin(i / 7), now + i * 10, i) for i in range(start, min(start + step, points))
            ],
        )


def everything():
    client = MlflowClient()
    client.set_experiment_tag("0", "of", "default")
    alpha = client.create_experiment("alpha", tags={"team": "größe", "empty": ""})
    beta = client.create_experiment("beta")
    gone = client.create_experiment("gone")

    mlflow.set_experiment("alpha")
    with mlflow.start_run(run_name="rich", description="one of all") as run:
        rich = run.info.run_id
        mlflow.log_params({"lr": 0.1, "name": "naïve ✓", "long": "x" * 5_000})
        mlflow.set_tags({"note": "a\nb", "quote": "it's"})
        mlflow.log_metric("loss", float("nan"), step=1)
        mlflow.log_metric("loss", float("inf"), step=2)
        mlflow.log_metric("loss", float("-inf"), step=3)
        mlflow.log_metric("loss", -0.0, step=4)
        mlflow.log_metric("loss", 1e-300, step=0)
        mlflow.log_metric("dir/deep metric", 3, step=-5)
        frame = pd.DataFrame({"x": [1.0, 2.0], "y": [0, 1]})
        train = mlflow.data.from_pandas(frame, source="https://example.org/a.csv", name="train", targets="y")
        mlflow.log_input(train, context="training")
        mlflow.log_input(mlflow.data.from_numpy(np.zeros((2, 2)), name="zeros"), context="eval", tags={"k": "v"})
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_text("", "empty.txt")
        mlflow.log_text("größe", "mit leer/größe ü.txt")
        mlflow.log_dict({"a": [1, 2]}, "deep/er/a.json")
        model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], [0, 0, 1, 1])
        for i in range(3):
            info = mlflow.sklearn.log_model(
                model, name=f"clf{i}", registered_model_name="classifier", params={"c": str(i)}, tags={"n": str(i)}
            )
        mlflow.log_metric("acc", 0.75, step=1, model_id=info.model_id, dataset=train)
        mlflow.log_metric("acc", 0.5, step=0, model_id=info.model_id)
    with mlflow.start_run(run_name="reads it"):
        mlflow.log_input(model=mlflow.entities.LoggedModelInput(model_id=info.model_id))
    trash = mlflow.create_external_model(name="trash")
    client.delete_logged_model(trash.model_id)
    mlflow.create_external_model(name="outside", params={"p": "1"}, tags={"t": "2"}, model_type="llm")

    long = client.create_run(beta, run_name="long", start_time=1_600_000_000_000)
    history(client, long.info.run_id, "wave", POINTS)
    client.set_terminated(long.info.run_id, "FAILED", end_time=1_600_000_100_000)
    wide = client.create_run(beta, run_name="wide")
    client.log_batch(
        wide.info.run_id,
        metrics=[Metric(f"m{i}", i, 5, 0) for i in range(300)],
        params=[Param(f"p{i}", str(i)) for i in range(100)],
        tags=[RunTag(f"t{i}", str(i)) for i in range(90)],
    )
    client.create_run(beta, run_name="still running")
    killed = client.create_run("0", run_name="killed")
    client.set_terminated(killed.info.run_id, "KILLED")
    deleted = client.create_run(alpha, run_name="deleted")
    client.log_metric(deleted.info.run_id, "a", 1.5)
    client.log_text(deleted.info.run_id, "kept", "kept.txt")
    client.delete_run(deleted.info.run_id)
    client.log_metric(client.create_run(gone, run_name="in gone").info.run_id, "a", 2.5)
    client.delete_experiment(gone)

    client.update_registered_model("classifier", "classifies")
    client.set_registered_model_tag("classifier", "owner", "ann")
    client.set_model_version_tag("classifier", "1", "good", "yes")
    client.update_model_version("classifier", "3", "the third")
    client.transition_model_version_stage("classifier", "1", "Staging")
    client.set_registered_model_alias("classifier", "champion", "3")
    client.set_registered_model_alias("classifier", "former", "1")
    client.delete_model_version("classifier", "2")
    client.create_model_version("classifier", f"runs:/{rich}/notes", rich)
    client.delete_model_version("classifier", "4")
    client.create_registered_model("empty one", tags={"a": "b"})
    mlflow.genai.register_prompt(name="greeting", template="Hello {{name}}", commit_message="first", tags={"l": "en"})
    mlflow.genai.register_prompt(name="greeting", template="Hi {{name}}" + "!" * 200)
    mlflow.genai.set_prompt_alias("greeting", alias="production", version=2)


def more():
    """A new run, and new points of a run that was there."""
    client = MlflowClient()
    beta = client.get_experiment_by_name("beta").experiment_id
    running = client.search_runs([beta], "attributes.run_name = 'still running'")[0]
    client.log_metric(running.info.run_id, "late", 1.0, step=1)
    client.set_terminated(running.info.run_id)
    new = client.create_run(beta, run_name="new")
    client.log_param(new.info.run_id, "a", "b")
    client.log_text(new.info.run_id, "new", "new.txt")


if __name__ == "__main__":
    mlflow.set_tracking_uri(sys.argv[1])
    mlflow.set_registry_uri(sys.argv[1])
    if sys.argv[2:] == ["more"]:
        more()
    else:
        everything()
