"""The stock mlflow client against a Trimtab server (MLFLOW_TRACKING_URI): experiments, runs and what is logged to them."""

import math
import time
import uuid

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException, RestException


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def experiment():
    return mlflow.set_experiment(f"e-{uuid.uuid4().hex}")


def test_experiments(client):
    name = f"exp/{uuid.uuid4().hex} größe"
    made = client.create_experiment(name, tags={"team": "a"})
    found = client.get_experiment(made)
    assert (found.name, found.lifecycle_stage, found.tags["team"]) == (name, "active", "a")
    assert found.artifact_location == f"mlflow-artifacts:/{made}"
    assert client.get_experiment_by_name(name).experiment_id == made
    assert client.get_experiment_by_name("no such experiment") is None
    with pytest.raises(RestException, match="already exists") as error:
        client.create_experiment(name)
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"
    client.set_experiment_tag(made, "team", "b")
    client.rename_experiment(made, name + "2")
    found = client.get_experiment(made)
    assert (found.name, found.tags["team"]) == (name + "2", "b")
    client.delete_experiment_tag(made, "team")
    assert "team" not in client.get_experiment(made).tags
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    with pytest.raises(RestException, match="active") as error:
        client.create_run(made)
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    client.restore_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "active"
    with pytest.raises(RestException) as error:
        client.get_experiment("424242")
    assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    assert client.get_experiment("0").name == "Default"


def test_search_experiments(client):
    mark = uuid.uuid4().hex
    ids = [client.create_experiment(f"{mark}-{i}", tags={"n": str(i)}) for i in range(5)]
    client.delete_experiment(ids[4])
    by_name = client.search_experiments(filter_string=f"name LIKE '{mark}%'", order_by=["name DESC"])
    assert [e.name for e in by_name] == [f"{mark}-{i}" for i in (3, 2, 1, 0)]
    found = client.search_experiments(filter_string=f"name ILIKE '{mark.upper()}%' AND tags.n != '0'", order_by=["name"])
    assert [e.tags["n"] for e in found] == ["1", "2", "3"]
    found = client.search_experiments(view_type=ViewType.DELETED_ONLY, filter_string=f"name LIKE '{mark}%'")
    assert [e.experiment_id for e in found] == [ids[4]]
    pages, token = [], None
    while True:
        page = client.search_experiments(filter_string=f"name LIKE '{mark}%'", max_results=3, page_token=token)
        pages.append([e.experiment_id for e in page])
        token = page.token
        if not token:
            break
    assert [len(page) for page in pages] == [3, 1]
    assert sorted(sum(pages, [])) == sorted(ids[:4])
    since = int(time.time() * 1000) - 3_600_000
    assert len(client.search_experiments(filter_string=f"name LIKE '{mark}%' AND creation_time > {since}")) == 4
    with pytest.raises(RestException, match="Invalid"):
        client.search_experiments(filter_string="name LIKE 'a' OR name = 'b'")


def test_a_run_from_start_to_end(client, experiment):
    with mlflow.start_run(run_name="first", tags={"kind": "test"}, description="what it is") as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "name with space": "x"})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.9, "auc": 0.8}, step=2)
        mlflow.set_tag("phase", "one")
        mlflow.set_tags({"a": "1", "b": "2"})
    found = client.get_run(run.info.run_id)
    assert found.info.run_name == "first"
    assert found.info.status == "FINISHED"
    assert found.info.end_time >= found.info.start_time > 1_600_000_000_000
    assert found.data.params == {"lr": "0.1", "depth": "3", "name with space": "x"}
    assert found.data.metrics == {"loss": 0.25, "acc": 0.9, "auc": 0.8}
    assert found.data.tags["kind"] == "test" and found.data.tags["phase"] == "one"
    assert found.data.tags["mlflow.runName"] == "first"
    assert found.data.tags["mlflow.note.content"] == "what it is"
    assert [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, "loss")] == [(1, 0.5), (2, 0.25)]
    assert client.get_metric_history(run.info.run_id, "nothing") == []


def test_names_follow_the_tag_and_are_made_up(client, experiment):
    run = client.create_run(experiment.experiment_id)
    assert len(run.info.run_name.split("-")) == 3
    client.set_tag(run.info.run_id, "mlflow.runName", "by tag")
    assert client.get_run(run.info.run_id).info.run_name == "by tag"
    client.update_run(run.info.run_id, name="by update", status="FAILED")
    found = client.get_run(run.info.run_id)
    assert (found.info.run_name, found.data.tags["mlflow.runName"], found.info.status) == ("by update", "by update", "FAILED")
    assert client.create_run(experiment.experiment_id).info.run_id != run.info.run_id


def test_failed_runs_and_nested_runs(client, experiment):
    with pytest.raises(ValueError):
        with mlflow.start_run() as run:
            raise ValueError("x")
    assert client.get_run(run.info.run_id).info.status == "FAILED"
    with mlflow.start_run() as parent:
        with mlflow.start_run(nested=True) as child:
            pass
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == parent.info.run_id
    resumed = mlflow.start_run(run_id=parent.info.run_id)
    mlflow.log_metric("again", 1)
    mlflow.end_run()
    assert client.get_run(resumed.info.run_id).data.metrics == {"again": 1}


def test_params_never_change(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.log_param(run, "p", "1")
    client.log_param(run, "p", "1")
    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        client.log_param(run, "p", "2")
    client.log_param(run, "long", "x" * 7000)
    assert len(client.get_run(run).data.params["long"]) == 6000


def test_values_that_json_lacks(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.log_metric(run, "nan", math.nan, timestamp=5, step=1)
    client.log_metric(run, "inf", math.inf, timestamp=5, step=1)
    client.log_metric(run, "ninf", -math.inf, timestamp=5, step=1)
    client.log_metric(run, "tiny", 5e-324, timestamp=5, step=-3)
    found = client.get_run(run).data.metrics
    assert math.isnan(found["nan"])
    assert found["inf"] == 1.7976931348623157e308 and found["ninf"] == -1.7976931348623157e308
    assert found["tiny"] == 5e-324
    assert math.isnan(client.get_metric_history(run, "nan")[0].value)


def test_batches(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    points = [Metric("m", float(i), 1000 + i, i) for i in range(900)]
    client.log_batch(run, metrics=points, params=[Param(f"p{i}", str(i)) for i in range(50)], tags=[RunTag("t", "v")])
    client.log_batch(run, metrics=points[:10])
    history = client.get_metric_history(run, "m")
    assert [m.step for m in history] == list(range(900))
    found = client.get_run(run)
    assert found.data.metrics["m"] == 899 and len(found.data.params) == 50 and found.data.tags["t"] == "v"
    with pytest.raises(MlflowException):
        client.log_batch(run, metrics=[Metric("ok", 1, 1, 1)], params=[Param("p0", "other")])
    assert "ok" not in client.get_run(run).data.metrics
    client.log_batch(run, metrics=[Metric("n", i, i, i) for i in range(2500)])  # which the client sends in parts
    assert len(client.get_metric_history(run, "n")) == 2500


def test_lifecycle_of_runs(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    client.delete_run(run)
    assert client.get_run(run).info.lifecycle_stage == "deleted"
    with pytest.raises(RestException, match="active"):
        client.log_metric(run, "m", 1)
    assert [r.info.run_id for r in client.search_runs([experiment.experiment_id])] == []
    assert [r.info.run_id for r in client.search_runs([experiment.experiment_id], run_view_type=ViewType.DELETED_ONLY)] == [run]
    client.restore_run(run)
    client.log_metric(run, "m", 1)
    client.set_tag(run, "t", "x")
    client.delete_tag(run, "t")
    assert "t" not in client.get_run(run).data.tags
    with pytest.raises(RestException, match="No tag with name"):
        client.delete_tag(run, "t")
    with pytest.raises(RestException) as error:
        client.get_run(uuid.uuid4().hex)
    assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_search_runs(client, experiment):
    e = experiment.experiment_id
    values = [0.1, 0.9, math.nan, None, 0.5, math.inf]
    runs = []
    for i, value in enumerate(values):
        run = client.create_run(e, start_time=1_000 + i, run_name=f"run-{i}", tags={"even": str(i % 2 == 0)}).info.run_id
        client.log_param(run, "i", i)
        if value is not None:
            client.log_metric(run, "acc", value)
        runs.append(run)

    def names(filter_string="", order_by=None, **kwargs):
        return [int(r.info.run_name[4:]) for r in client.search_runs([e], filter_string, order_by=order_by, **kwargs)]

    assert names() == [5, 4, 3, 2, 1, 0]
    assert names(order_by=["metrics.acc ASC"]) == [0, 4, 1, 5, 2, 3]
    assert names(order_by=["metrics.acc DESC"]) == [5, 1, 4, 0, 2, 3]
    assert names(order_by=["params.i DESC"]) == [5, 4, 3, 2, 1, 0]
    assert names(order_by=["tags.even", "attributes.start_time ASC"]) == [1, 3, 5, 0, 2, 4]
    assert names(order_by=["attribute.start_time ASC"]) == [0, 1, 2, 3, 4, 5]
    assert names("metrics.acc > 0.4", ["start_time"]) == [1, 4, 5]
    assert names("metrics.`acc` <= 0.5 and params.i != '0'") == [4]
    assert names("metrics.acc = 0.9") == [1]
    assert names("tags.even = 'True' AND params.i LIKE '%2'") == [2]
    assert names("tags.even ILIKE 'true'", ["start_time"]) == [0, 2, 4]
    assert names("attributes.run_name = 'run-3'") == [3]
    assert names("run_name LIKE 'run-_' AND start_time >= 1004", ["start_time"]) == [4, 5]
    assert names(f"attributes.run_id IN ('{runs[0]}', '{runs[5]}')", ["start_time"]) == [0, 5]
    assert names(f"run_id NOT IN ('{runs[0]}', '{runs[5]}')", ["start_time"]) == [1, 2, 3, 4]
    assert names("status = 'RUNNING' AND attributes.`Run name` = 'run-0'") == [0]
    assert names("tags.nothing = 'x'") == []
    assert names("params.missing IS NULL AND params.i IS NOT NULL", ["start_time"]) == [0, 1, 2, 3, 4, 5]
    pages, token = [], None
    while True:
        page = client.search_runs([e], order_by=["metrics.acc DESC"], max_results=2, page_token=token)
        pages += [int(r.info.run_name[4:]) for r in page]
        token = page.token
        if not token:
            break
    assert pages == [5, 1, 4, 0, 2, 3]
    frame = mlflow.search_runs([e], order_by=["start_time"])
    assert isinstance(frame, pd.DataFrame) and list(frame["params.i"]) == [str(i) for i in range(6)]
    assert client.search_runs(["987654"]) == []
    for bad in ["metrics.acc > 'x'", "params.i > 3", "acc > 1", "metrics.a > 1 OR metrics.b > 1", "foo.bar = 'x'", "attributes.status > 'x'"]:
        with pytest.raises(RestException) as error:
            client.search_runs([e], bad)
        assert error.value.error_code == "INVALID_PARAMETER_VALUE", bad
    with pytest.raises(RestException, match="page token"):
        client.search_runs([e], page_token="xx")
    with pytest.raises(RestException):
        client.search_runs([e], order_by=["metrics.acc", "metrics.acc DESC"])


def test_datasets(client, experiment):
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    dataset = mlflow.data.from_pandas(frame, source="s3://bucket/data.csv", name="flights")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training")
        mlflow.log_input(dataset, context="training")
    inputs = client.get_run(run.info.run_id).inputs.dataset_inputs
    assert len(inputs) == 1
    assert (inputs[0].dataset.name, inputs[0].dataset.digest) == ("flights", dataset.digest)
    assert inputs[0].tags[0].value == "training"
    assert mlflow.data.get_source(inputs[0].dataset) is not None
    array = mlflow.data.from_numpy(np.arange(6).reshape(3, 2), name="array")
    with mlflow.start_run() as other:
        mlflow.log_input(array, context="eval")
    e = [experiment.experiment_id]
    assert [r.info.run_id for r in client.search_runs(e, "datasets.name = 'flights'")] == [run.info.run_id]
    assert [r.info.run_id for r in client.search_runs(e, "dataset.context = 'eval'")] == [other.info.run_id]
    assert [r.info.run_id for r in client.search_runs(e, f"datasets.digest = '{dataset.digest}'")] == [run.info.run_id]
    assert len(client.search_runs(e, "datasets.name IN ('flights', 'array')")) == 2


def test_long_histories_come_in_pages(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    for start in range(0, 30_000, 1000):
        client.log_batch(run, metrics=[Metric("m", float(i), i, i) for i in range(start, start + 1000)])
    history = client.get_metric_history(run, "m")
    assert [m.step for m in history] == list(range(30_000))


def test_a_history_is_the_set_of_its_points(client, experiment):
    """Out of order, one by one and in batches, the same points again: sorted, each once; the latest is the greatest step."""
    run = client.create_run(experiment.experiment_id).info.run_id
    points = [Metric("m", step / 4, 1_000 + step, step) for step in range(200)]
    client.log_batch(run, metrics=points[120:])
    client.log_batch(run, metrics=points[:150])
    client.log_batch(run, metrics=points[:150])
    client.log_batch(run, metrics=list(reversed(points[30:60])))
    for point in (points[199], points[7]):
        client.log_metric(run, point.key, point.value, timestamp=point.timestamp, step=point.step)
    client.log_metric(run, "m", -1.0, timestamp=1_007, step=7)
    history = [(m.timestamp, m.step, m.value) for m in client.get_metric_history(run, "m")]
    assert history == sorted([(p.timestamp, p.step, p.value) for p in points] + [(1_007, 7, -1.0)])
    latest = client.get_run(run).data.metrics
    assert latest == {"m": 199 / 4}


def test_a_history_holds_what_json_lacks_in_batches_too(client, experiment):
    run = client.create_run(experiment.experiment_id).info.run_id
    odd = {3: math.nan, 5: math.inf, 9: -math.inf}
    client.log_batch(run, metrics=[Metric("m", odd.get(step, float(step)), 1, step) for step in range(40)])
    history = client.get_metric_history(run, "m")
    assert [m.step for m in history] == list(range(40))
    assert math.isnan(history[3].value)
    assert (history[5].value, history[9].value) == (1.7976931348623157e308, -1.7976931348623157e308)
    assert history[39].value == 39.0
