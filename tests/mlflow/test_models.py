"""The stock mlflow client against a Trimtab server: logged models, the registry, loading by name."""

import uuid

import mlflow
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModelInput
from mlflow.exceptions import MlflowException, RestException
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

X = pd.DataFrame(np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32), columns=["a", "b", "c"])
Y = (X["a"] > 0).astype(int)


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def name():
    mlflow.set_experiment(f"m-{uuid.uuid4().hex}")
    return f"model-{uuid.uuid4().hex}"


def fitted():
    return LogisticRegression().fit(X, Y)


def test_sklearn_from_log_to_load_by_alias(client, name):
    model = fitted()
    with mlflow.start_run() as run:
        mlflow.log_params({"C": 1.0})
        info = mlflow.sklearn.log_model(
            model, name="clf", signature=infer_signature(X, model.predict(X)), input_example=X.head(2),
            registered_model_name=name,
        )
        mlflow.log_metric("auc", 0.75, model_id=info.model_id)
    assert int(info.registered_model_version) == 1
    version = client.get_model_version(name, 1)
    assert (version.run_id, version.status, version.source) == (run.info.run_id, "READY", info.model_uri)
    client.set_registered_model_alias(name, "champion", 1)
    loaded = mlflow.pyfunc.load_model(f"models:/{name}@champion")
    assert (loaded.predict(X) == model.predict(X)).all()
    loaded = mlflow.sklearn.load_model(f"models:/{name}/1")
    assert (loaded.predict(X) == model.predict(X)).all()
    loaded = mlflow.pyfunc.load_model(info.model_uri)
    assert loaded.metadata.signature == infer_signature(X, model.predict(X))
    logged = mlflow.get_logged_model(info.model_id)
    assert (logged.name, logged.status, logged.source_run_id) == ("clf", "READY", run.info.run_id)
    assert [(m.key, m.value) for m in logged.metrics] == [("auc", 0.75)]
    outputs = client.get_run(run.info.run_id).outputs.model_outputs
    assert [o.model_id for o in outputs] == [info.model_id]
    assert mlflow.pyfunc.load_model(f"runs:/{run.info.run_id}/clf") is not None
    assert client.get_model_version_download_uri(name, 1).startswith("mlflow-artifacts:/")


def test_onnx(client, name):
    model = fitted()
    onnx = to_onnx(model, X.to_numpy(), options={"zipmap": False})
    with mlflow.start_run():
        info = mlflow.onnx.log_model(onnx, name="onnx", registered_model_name=name)
    client.set_registered_model_alias(name, "champion", "1")
    loaded = mlflow.onnx.load_model(f"models:/{name}@champion")
    session = onnxruntime.InferenceSession(loaded.SerializeToString(), providers=["CPUExecutionProvider"])
    labels = session.run(None, {session.get_inputs()[0].name: X.to_numpy()})[0]
    assert (labels == model.predict(X)).mean() > 0.95
    assert info.model_uri == client.get_model_version_by_alias(name, "champion").source


def test_register_by_hand_and_copy(client, name):
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(fitted(), name="clf")
    version = mlflow.register_model(f"runs:/{run.info.run_id}/clf", name, tags={"from": "run"})
    assert (int(version.version), version.run_id, version.tags) == (1, run.info.run_id, {"from": "run"})
    version = mlflow.register_model(info.model_uri, name)
    assert int(version.version) == 2
    copied = client.copy_model_version(f"models:/{name}/2", name + "-prod")
    assert int(copied.version) == 1 and copied.run_id == run.info.run_id
    assert mlflow.sklearn.load_model(f"models:/{name}-prod/1") is not None


def test_the_registry(client, name):
    client.create_registered_model(name, tags={"t": "1"}, description="what it is")
    with pytest.raises(RestException) as error:
        client.create_registered_model(name)
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(fitted(), name="clf")
    for i in range(3):
        client.create_model_version(name, info.model_uri, run.info.run_id, tags={"i": str(i)}, model_id=info.model_id)
    client.delete_model_version(name, "3")
    assert int(client.create_model_version(name, info.model_uri, run.info.run_id, model_id=info.model_id).version) == 4
    client.set_registered_model_alias(name, "a", "1")
    client.set_registered_model_alias(name, "b", "1")
    client.set_registered_model_alias(name, "a", "2")
    model = client.get_registered_model(name)
    assert {alias: int(version) for alias, version in model.aliases.items()} == {"a": 2, "b": 1}
    assert (model.description, model.tags) == ("what it is", {"t": "1"})
    assert [int(v.version) for v in model.latest_versions] == [4]
    assert client.get_model_version(name, "1").aliases == ["b"]
    client.delete_registered_model_alias(name, "b")
    assert client.get_model_version(name, "1").aliases == []
    with pytest.raises(RestException) as error:
        client.get_model_version_by_alias(name, "b")
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    for alias in ["latest", "v3"]:
        with pytest.raises(MlflowException):
            client.set_registered_model_alias(name, alias, "1")
    client.set_model_version_tag(name, "1", "k", "v")
    client.set_registered_model_tag(name, "k", "v")
    client.update_model_version(name, "1", "first")
    client.update_registered_model(name, "better")
    version = client.get_model_version(name, "1")
    assert (version.tags, version.description) == ({"i": "0", "k": "v"}, "first")
    client.delete_model_version_tag(name, "1", "k")
    client.delete_registered_model_tag(name, "k")
    assert client.get_registered_model(name).tags == {"t": "1"}
    client.transition_model_version_stage(name, "1", "Production")
    client.transition_model_version_stage(name, "2", "Production", archive_existing_versions=True)
    assert [client.get_model_version(name, str(v)).current_stage for v in (1, 2, 4)] == ["Archived", "Production", "None"]
    assert [int(v.version) for v in client.get_latest_versions(name, ["Production"])] == [2]
    client.rename_registered_model(name, name + "2")
    assert client.get_model_version(name + "2", "2").tags["i"] == "1"
    with pytest.raises(RestException) as error:
        client.get_registered_model(name)
    assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    client.delete_registered_model(name + "2")
    with pytest.raises(RestException):
        client.get_model_version(name + "2", "1")


def test_search_of_the_registry(client, name):
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(fitted(), name="clf")
    for i in range(4):
        client.create_registered_model(f"{name}-{i}", tags={"i": str(i)})
        for j in range(2):
            client.create_model_version(f"{name}-{i}", info.model_uri, run.info.run_id, tags={"j": str(j)}, model_id=info.model_id)
    found = client.search_registered_models(f"name LIKE '{name}%'", order_by=["name DESC"])
    assert [m.name for m in found] == [f"{name}-{i}" for i in (3, 2, 1, 0)]
    assert [m.name for m in client.search_registered_models(f"name ILIKE '{name.upper()}%' AND tags.i = '2'")] == [f"{name}-2"]
    pages, token = [], None
    while True:
        page = client.search_registered_models(f"name LIKE '{name}%'", max_results=3, page_token=token)
        pages.append(len(page))
        token = page.token
        if not token:
            break
    assert pages == [3, 1]
    found = client.search_model_versions(f"name = '{name}-1'", order_by=["version_number ASC"])
    assert [int(v.version) for v in found] == [1, 2]
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}'")) == 8
    assert len(client.search_model_versions(f"run_id = '{run.info.run_id}' and tags.j = '1' and version_number > 1")) == 4
    assert [v.name for v in client.search_model_versions(f"name IN ('{name}-0') AND tags.`j` = '0'")] == [f"{name}-0"]
    with pytest.raises(RestException):
        client.search_model_versions("nothing = 'x'")


def test_search_of_logged_models(client, name):
    experiment = mlflow.get_experiment_by_name(mlflow.search_experiments(max_results=1)[0].name)
    dataset = mlflow.data.from_pandas(X, name="train")
    ids = []
    for i in range(3):
        with mlflow.start_run():
            model = mlflow.initialize_logged_model(name=f"m{i}", params={"depth": str(i)}, tags={"odd": str(i % 2)})
            mlflow.log_input(dataset, model=LoggedModelInput(model.model_id))
            mlflow.log_metric("auc", i / 10, model_id=model.model_id, dataset=dataset)
            mlflow.finalize_logged_model(model.model_id, "READY")
            ids.append(model.model_id)
    e = [experiment.experiment_id]

    def found(**kwargs):
        return [ids.index(m.model_id) for m in mlflow.search_logged_models(experiment_ids=e, output_format="list", **kwargs)]

    assert found() == [2, 1, 0]
    assert found(filter_string="metrics.auc >= 0.1") == [2, 1]
    assert found(filter_string="params.depth = '0'") == [0]
    assert found(filter_string="tags.odd = '1' AND name = 'm1'") == [1]
    assert found(order_by=[{"field_name": "metrics.auc", "ascending": True}]) == [0, 1, 2]
    assert found(order_by=[{"field_name": "metrics.auc", "ascending": False, "dataset_name": "train"}]) == [2, 1, 0]
    assert found(datasets=[{"dataset_name": "train"}]) == [2, 1, 0]
    assert found(datasets=[{"dataset_name": "other"}]) == []
    assert found(max_results=2) == [2, 1]
    client.set_logged_model_tags(ids[0], {"k": "v"})
    assert client.get_logged_model(ids[0]).tags["k"] == "v"
    client.delete_logged_model_tag(ids[0], "k")
    assert "k" not in client.get_logged_model(ids[0]).tags
    client.delete_logged_model(ids[0])
    assert found() == [2, 1]
    with pytest.raises(MlflowException):
        client.get_logged_model(ids[0])


def test_sources_that_are_not_the_callers(client, name):
    client.create_registered_model(name)
    with mlflow.start_run() as mine:
        mlflow.log_text("x", "model/MLmodel")
    with mlflow.start_run() as other:
        pass
    client.create_model_version(name, f"{mine.info.artifact_uri}/model", mine.info.run_id)
    for source, run in [
        ("/etc", mine.info.run_id), ("file:///etc", mine.info.run_id), ("../../etc", mine.info.run_id),
        (f"{mine.info.artifact_uri}/model", other.info.run_id),
        (f"{mine.info.artifact_uri}/../../{other.info.run_id}", mine.info.run_id),
        (f"{mine.info.artifact_uri}/%2e%2e/x", mine.info.run_id),
        (f"mlflow-artifacts:/{mine.info.artifact_uri}/model?x", mine.info.run_id),
        ("models:/nothing/1", mine.info.run_id),
    ]:
        with pytest.raises(MlflowException) as error:
            client.create_model_version(name, source, run)
        assert error.value.error_code in ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"), source
    assert len(client.search_model_versions(f"name = '{name}'")) == 1
