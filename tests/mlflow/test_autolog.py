"""The stock mlflow client against a Trimtab server: what autologging records by itself."""

import json
import uuid

import lightgbm
import mlflow
import numpy as np
import pandas as pd
import pytest
import sklearn.metrics
import xgboost
from mlflow import MlflowClient
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

rng = np.random.default_rng(0)
X = pd.DataFrame(rng.normal(size=(120, 3)), columns=["a", "b", "c"])
Y = (X["a"] + 0.1 * rng.normal(size=120) > 0).astype(int)


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture(autouse=True)
def experiment(monkeypatch):
    # The client finds out a model's packages in a process of its own, which takes longer than all the rest.
    monkeypatch.setattr(mlflow.models, "infer_pip_requirements", lambda uri, flavor, fallback=None, **kwargs: fallback)
    name = f"auto-{uuid.uuid4().hex}"
    experiment = mlflow.set_experiment(name)
    yield experiment.experiment_id
    for flavor in (mlflow.sklearn, mlflow.xgboost, mlflow.lightgbm):
        flavor.autolog(disable=True)


def the_run(client, experiment, **kwargs):
    runs = client.search_runs([experiment], **kwargs)
    assert len(runs) == 1, [run.info.run_name for run in runs]
    run = runs[0]
    assert (run.info.status, run.info.lifecycle_stage) == ("FINISHED", "active")
    return run


def files(client, run, path=None):
    found = []
    for entry in client.list_artifacts(run.info.run_id, path):
        found += files(client, run, entry.path) if entry.is_dir else [entry.path]
    return found


def the_model(experiment):
    models = mlflow.search_logged_models(experiment_ids=[experiment], output_format="list")
    assert len(models) == 1, [model.name for model in models]
    assert str(models[0].status) == "READY"
    return models[0]


def test_scikit_learn(client, experiment):
    mlflow.sklearn.autolog(log_input_examples=True)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5)).fit(X, Y)
    run = the_run(client, experiment)
    assert run.data.params["logisticregression__C"] == "0.5"
    assert run.data.metrics["training_accuracy_score"] == pytest.approx(model.score(X, Y))
    assert run.data.metrics["training_roc_auc"] > 0.9
    assert run.data.tags["estimator_name"] == "Pipeline"
    assert {"estimator.html", "training_confusion_matrix.png"} <= set(files(client, run))
    assert [(i.dataset.source_type, i.tags[0].value) for i in run.inputs.dataset_inputs] == [("code", "train")]
    assert json.loads(run.inputs.dataset_inputs[0].dataset.profile)["num_rows"] == 120
    logged = the_model(experiment)
    assert logged.source_run_id == run.info.run_id and logged.params["logisticregression__C"] == "0.5"
    loaded = mlflow.pyfunc.load_model(f"models:/{logged.model_id}")
    assert (loaded.predict(X) == model.predict(X)).all()
    assert [column.name for column in loaded.metadata.signature.inputs] == ["a", "b", "c"]


def test_scikit_learn_search_makes_child_runs(client, experiment):
    mlflow.sklearn.autolog(log_models=False, max_tuning_runs=2)
    GridSearchCV(RandomForestClassifier(n_estimators=5, random_state=0), {"max_depth": [1, 2, 3]}, cv=2).fit(X, Y)
    parent = the_run(client, experiment, filter_string="attributes.run_name LIKE '%' AND tags.estimator_name = 'GridSearchCV'")
    children = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{parent.info.run_id}'")
    assert len(children) == 2
    assert all("mean_test_score" in child.data.metrics for child in children)
    assert parent.data.params["best_max_depth"] in {"1", "2", "3"}
    assert "cv_results.csv" in files(client, parent)


def test_scikit_learn_metrics_after_training(client, experiment):
    mlflow.sklearn.autolog(log_models=False)
    with mlflow.start_run() as run:
        model = LogisticRegression().fit(X[:80], Y[:80])
        score = sklearn.metrics.accuracy_score(Y[80:], model.predict(X[80:]))
    metrics = client.get_run(run.info.run_id).data.metrics
    assert [value for key, value in metrics.items() if key.startswith("accuracy_score")] == [score]


def test_xgboost(client, experiment):
    mlflow.xgboost.autolog()
    data = xgboost.DMatrix(X, label=Y)
    booster = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 2, "eval_metric": ["logloss", "error"]}, data, num_boost_round=7,
        evals=[(data, "train")], verbose_eval=False,
    )
    run = the_run(client, experiment)
    assert (run.data.params["max_depth"], run.data.params["num_boost_round"]) == ("2", "7")
    history = client.get_metric_history(run.info.run_id, "train-logloss")
    assert [point.step for point in history] == list(range(7))
    assert history[-1].value < history[0].value
    names = files(client, run)
    assert "feature_importance_weight.json" in names and "feature_importance_weight.png" in names
    loaded = mlflow.xgboost.load_model(f"models:/{the_model(experiment).model_id}")
    assert np.allclose(loaded.predict(data), booster.predict(data))


def test_xgboost_with_the_scikit_learn_face_and_early_stopping(client, experiment):
    mlflow.xgboost.autolog(registered_model_name=f"xgb-{experiment}")
    model = xgboost.XGBClassifier(n_estimators=40, max_depth=3, early_stopping_rounds=3)
    model.fit(X[:80], Y[:80], eval_set=[(X[80:], Y[80:])], verbose=False)
    run = the_run(client, experiment)
    assert run.data.metrics["best_iteration"] == model.best_iteration
    assert run.data.metrics["stopped_iteration"] >= model.best_iteration
    version = client.get_model_version(f"xgb-{experiment}", "1")
    assert (version.run_id, version.status) == (run.info.run_id, "READY")
    loaded = mlflow.pyfunc.load_model(f"models:/xgb-{experiment}/1")
    assert len(loaded.predict(X)) == 120


def test_lightgbm(client, experiment):
    mlflow.lightgbm.autolog()
    train = lightgbm.Dataset(X[:80], label=Y[:80])
    test = lightgbm.Dataset(X[80:], label=Y[80:], reference=train)
    booster = lightgbm.train(
        {"objective": "binary", "metric": ["auc", "binary_logloss"], "num_leaves": 4, "min_data_in_leaf": 3, "verbosity": -1},
        train, num_boost_round=6, valid_sets=[train, test], valid_names=["train", "test"],
    )
    run = the_run(client, experiment)
    assert (run.data.params["num_leaves"], run.data.params["num_boost_round"]) == ("4", "6")
    for key in ("train-auc", "test-auc", "train-binary_logloss", "test-binary_logloss"):
        assert [point.step for point in client.get_metric_history(run.info.run_id, key)] == list(range(6)), key
    names = files(client, run)
    assert {"feature_importance_split.json", "feature_importance_gain.png"} <= set(names)
    loaded = mlflow.lightgbm.load_model(f"models:/{the_model(experiment).model_id}")
    assert np.allclose(loaded.predict(X), booster.predict(X))


def test_a_training_that_fails(client, experiment):
    mlflow.sklearn.autolog(log_models=False)
    with pytest.raises(ValueError):
        LogisticRegression(C=-1.0).fit(X, Y)
    failed = client.search_runs([experiment], "attributes.status = 'FAILED'")
    assert len(failed) == 1 and failed[0].info.end_time >= failed[0].info.start_time
    assert failed[0].data.params["C"] == "-1.0"
