"""Reads two MLflow stores through the stock client and says where they differ.

Usage: compare.py LEFT RIGHT same|written [artifacts]
`same`: ids, times and numbers too. `written`: by names, as a store that was written through the REST API has its own ids.
"""

import hashlib
import json
import math
import os
import sys
import tempfile
import warnings

warnings.filterwarnings("ignore")

import mlflow
from mlflow import MlflowClient
from mlflow.entities import ViewType

OURS = "trimtab."
# What MLflow writes by itself when a run or a model is made through its API.
OWN_TAGS = ("mlflow.user", "mlflow.source.", "mlflow.log-model.history")


def number(value):
    if math.isnan(value):
        return "NaN"
    if abs(value) >= sys.float_info.max:
        return "inf" if value > 0 else "-inf"
    return value + 0.0


def everything(call, **kwargs):
    token, found = None, []
    while True:
        page = call(page_token=token, **kwargs)
        found.extend(page)
        token = page.token
        if not token:
            return found


class Store:
    def __init__(self, uri, written, artifacts):
        mlflow.set_tracking_uri(uri)
        mlflow.set_registry_uri(uri)
        self.client = MlflowClient(uri, uri)
        self.written = written
        self.artifacts = artifacts
        self.names = {}

    def tags(self, tags):
        if not self.written:
            return dict(tags)
        return {k: v for k, v in tags.items() if not k.startswith(OURS) and not k.startswith(OWN_TAGS)}

    def id(self, text, tags, tag):
        """The id that a record had at first."""
        return tags.get(tag, text) if self.written else text

    def files(self, uri):
        if not self.artifacts:
            return None
        with tempfile.TemporaryDirectory() as folder:
            try:
                top = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder)
            except Exception as error:  # nothing was ever written there
                return {"none": type(error).__name__} if "No such" not in str(error) else {}
            found = {}
            for base, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(base, name)
                    with open(path, "rb") as file:
                        content = file.read()
                    # MLmodel names the run and the model that it belongs to.
                    found[os.path.relpath(path, top)] = hashlib.sha256(content).hexdigest()
            return found

    def run(self, run):
        # A search through MLflow's own database leaves the inputs of models out.
        run = self.client.get_run(run.info.run_id)
        info, data = run.info, run.data
        history = {}
        for key in data.metrics:
            points = self.client.get_metric_history(info.run_id, key)
            history[key] = sorted((p.timestamp, p.step, str(number(p.value))) for p in points)
        found = {
            "name": info.run_name,
            "user": info.user_id,
            "status": info.status,
            "start": info.start_time,
            "end": info.end_time,
            "stage": info.lifecycle_stage,
            "params": data.params,
            "tags": self.tags(data.tags),
            "latest": {k: str(number(v)) for k, v in data.metrics.items()},
            "history": history,
            "datasets": sorted(
                (
                    d.dataset.name,
                    d.dataset.digest,
                    d.dataset.source_type,
                    d.dataset.source,
                    d.dataset.schema or "",
                    d.dataset.profile or "",
                    sorted((t.key, t.value) for t in d.tags),
                )
                for d in run.inputs.dataset_inputs
            ),
            "model_inputs": sorted(self.names.get(m.model_id, m.model_id) for m in run.inputs.model_inputs),
            "model_outputs": sorted(
                (self.names.get(m.model_id, m.model_id), m.step) for m in run.outputs.model_outputs
            ),
        }
        if info.lifecycle_stage == "active":
            found["files"] = self.files(info.artifact_uri)
        return found

    def models(self, experiments):
        found = {}
        for model in everything(self.client.search_logged_models, experiment_ids=experiments, max_results=50):
            one = {
                "name": model.name,
                "status": str(model.status),
                "type": model.model_type or "",
                "params": model.params,
                "tags": self.tags(model.tags),
                "metrics": sorted(
                    (m.key, str(number(m.value)), m.timestamp, m.step, m.dataset_name or "", m.dataset_digest or "")
                    for m in model.metrics or []
                ),
                "files": self.files(model.artifact_location),
            }
            if not self.written:
                one["times"] = (model.creation_timestamp, model.last_updated_timestamp)
                one["run"] = model.source_run_id or ""
            self.names[model.model_id] = "m-" + self.id(
                model.model_id.removeprefix("m-"), model.tags, OURS + "model_id"
            )
            found[self.names[model.model_id]] = one
        return found

    def registry(self):
        found = {}
        is_prompt = "tags.`mlflow.prompt.is_prompt` = 'true'"
        # The tag that tells them apart is hidden by the client.
        models = [(m, False) for m in everything(self.client.search_registered_models)]
        models += [
            (m, True) for m in everything(self.client.search_registered_models, filter_string=is_prompt)
        ]
        for model, prompt in models:
            query = f"name = '{model.name}'"
            if prompt:
                query += f" AND {is_prompt}"
            versions = {}
            for v in everything(self.client.search_model_versions, filter_string=query):
                one = {
                    "stage": v.current_stage,
                    "description": v.description or "",
                    "tags": self.tags(v.tags),
                    "status": v.status,
                }
                if not self.written:
                    one["times"] = (v.creation_timestamp, v.last_updated_timestamp)
                    one["run"] = v.run_id or ""
                    one["user"] = v.user_id if v.user_id and self.compare_users else ""
                versions[str(v.version)] = one
            one = {
                "description": model.description or "",
                "tags": self.tags(model.tags),
                "aliases": {k: str(v) for k, v in model.aliases.items()},
                "versions": versions,
            }
            if not self.written:
                one["times"] = (model.creation_timestamp, model.last_updated_timestamp)
            found[model.name] = one
        return found

    compare_users = False

    def read(self):
        experiments = everything(self.client.search_experiments, view_type=ViewType.ALL)
        ids = [e.experiment_id for e in experiments]
        models = self.models(ids)
        found = {"models": models, "registry": self.registry(), "experiments": {}, "runs": {}}
        for e in experiments:
            if self.written and e.lifecycle_stage == "deleted":
                continue
            one = {"name": e.name, "stage": e.lifecycle_stage, "tags": self.tags(e.tags)}
            if not self.written and e.experiment_id != "0":
                one["times"] = (e.creation_time, e.last_update_time)
            found["experiments"][e.name if self.written else e.experiment_id] = one
            for run in everything(
                self.client.search_runs, experiment_ids=[e.experiment_id], run_view_type=ViewType.ALL
            ):
                key = self.id(run.info.run_id, run.data.tags, OURS + "run_id")
                found["runs"][key] = {"experiment": e.name, **self.run(run)}
        return found


def differences(left, right, path=""):
    if isinstance(left, dict) and isinstance(right, dict):
        for key in sorted(set(left) | set(right), key=str):
            if key not in left:
                yield f"{path}/{key}: only on the right"
            elif key not in right:
                yield f"{path}/{key}: only on the left"
            else:
                yield from differences(left[key], right[key], f"{path}/{key}")
    elif json.dumps(left, default=str) != json.dumps(right, default=str):
        yield f"{path}: {str(left)[:300]!r} != {str(right)[:300]!r}"


if __name__ == "__main__":
    left_uri, right_uri, how = sys.argv[1:4]
    written, artifacts = how == "written", "artifacts" in sys.argv[4:]
    left = Store(left_uri, written, artifacts).read()
    right = Store(right_uri, written, artifacts).read()
    found = list(differences(left, right))
    print("\n".join(found[:60]))
    print(f"{len(left['runs'])} runs, {len(left['models'])} logged models, {len(left['registry'])} models")
    sys.exit(1 if found or not left["runs"] else 0)
