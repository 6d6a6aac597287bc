"""The stock mlflow client against a Trimtab server: `mlflow.evaluate`, validation, and what they leave on the run."""

import json
import uuid

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.models import MetricThreshold, infer_signature, make_metric
from sklearn.linear_model import LinearRegression, LogisticRegression

rng = np.random.default_rng(1)
DATA = pd.DataFrame(rng.normal(size=(150, 2)), columns=["a", "b"])
DATA["y"] = (DATA["a"] + 0.3 * rng.normal(size=150) > 0).astype(int)
CONFIG = {"default": {"log_explainer": False}}


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture(autouse=True)
def experiment():
    return mlflow.set_experiment(f"eval-{uuid.uuid4().hex}").experiment_id


def classifier():
    x = DATA[["a", "b"]]
    model = LogisticRegression().fit(x, DATA["y"])
    # The packages are named: finding them out costs a process of its own each time.
    return mlflow.sklearn.log_model(
        model, name="clf", signature=infer_signature(x, model.predict(x)), pip_requirements=["scikit-learn"]
    ), model


def files(client, run, path=None):
    found = []
    for entry in client.list_artifacts(run.info.run_id, path):
        found += files(client, run, entry.path) if entry.is_dir else [entry.path]
    return found


def test_a_classifier(client):
    with mlflow.start_run() as run:
        info, model = classifier()
        distance = make_metric(
            eval_fn=lambda predictions, targets, metrics: float(np.abs(predictions - targets).sum()),
            greater_is_better=False, name="distance",
        )
        result = mlflow.models.evaluate(
            info.model_uri, DATA, targets="y", model_type="classifier", evaluators=["default"], evaluator_config=CONFIG,
            extra_metrics=[distance],
        )
    stored = client.get_run(run.info.run_id)
    assert stored.data.metrics["accuracy_score"] == pytest.approx(model.score(DATA[["a", "b"]], DATA["y"]))
    for key in ("roc_auc", "f1_score", "log_loss", "true_positives", "distance"):
        assert stored.data.metrics[key] == pytest.approx(result.metrics[key]), key
    names = files(client, run)
    assert {"confusion_matrix.png", "roc_curve_plot.png", "lift_curve_plot.png"} <= set(names)
    assert len(stored.inputs.dataset_inputs) == 1
    dataset = stored.inputs.dataset_inputs[0].dataset
    assert json.loads(dataset.profile)["num_rows"] == 150
    # The evaluated model's own metrics, with the dataset that they are of.
    logged = mlflow.get_logged_model(info.model_id)
    of_model = {metric.key: metric for metric in logged.metrics}
    assert of_model["roc_auc"].dataset_digest == dataset.digest
    assert [model.model_id for model in mlflow.search_logged_models(
        experiment_ids=[run.info.experiment_id], filter_string="metrics.roc_auc > 0.8", output_format="list",
        datasets=[{"dataset_name": dataset.name, "dataset_digest": dataset.digest}],
    )] == [info.model_id]


def test_by_its_old_name_a_regressor_and_a_table(client):
    x = DATA[["a", "b"]]
    model = LinearRegression().fit(x, x["a"] * 2)
    with mlflow.start_run() as run:
        result = mlflow.evaluate(
            lambda frame: model.predict(frame[["a", "b"]]), DATA.assign(y=DATA["a"] * 2), targets="y", model_type="regressor",
            evaluators=["default"], evaluator_config=CONFIG,
        )
    stored = client.get_run(run.info.run_id)
    assert stored.data.metrics["mean_absolute_error"] == pytest.approx(result.metrics["mean_absolute_error"], abs=1e-9)
    assert stored.data.metrics["r2_score"] == pytest.approx(1.0)


def test_a_static_table_of_answers(client):
    answers = pd.DataFrame({"inputs": ["q"] * 3, "truth": ["a", "b", "c"], "answer": ["a", "b", "x"]})
    with mlflow.start_run() as run:
        result = mlflow.models.evaluate(
            data=answers, targets="truth", predictions="answer", evaluators=["default"],
            extra_metrics=[make_metric(
                eval_fn=lambda predictions, targets, metrics: float((predictions == targets).mean()),
                greater_is_better=True, name="same",
            )],
        )
    assert result.metrics["same"] == pytest.approx(2 / 3)
    assert client.get_run(run.info.run_id).data.metrics["same"] == pytest.approx(2 / 3)


def test_validation_of_a_candidate(client):
    with mlflow.start_run():
        info, _ = classifier()
        result = mlflow.models.evaluate(
            info.model_uri, DATA, targets="y", model_type="classifier", evaluators=["default"], evaluator_config=CONFIG
        )
    mlflow.validate_evaluation_results(
        validation_thresholds={"accuracy_score": MetricThreshold(threshold=0.5, greater_is_better=True)},
        candidate_result=result,
    )
    with pytest.raises(mlflow.exceptions.MlflowException):
        mlflow.validate_evaluation_results(
            validation_thresholds={"accuracy_score": MetricThreshold(threshold=1.01, greater_is_better=True)},
            candidate_result=result,
        )
    result.save("saved")
    assert mlflow.models.EvaluationResult.load("saved").metrics == pytest.approx(result.metrics)
