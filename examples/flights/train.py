"""Trains the delay model on `data/train.parquet` and hands it over: a run, its metrics and a registered ONNX model.

Everything it knows comes from its dep and from `params.yaml`. Where the run is recorded is up to the environment
(`MLFLOW_TRACKING_URI`, and `MLFLOW_RUN_ID` when somebody has opened the run already).
"""

import hashlib
import json
from pathlib import Path

import mlflow
import mlflow.onnx
import numpy as np
import onnx
import onnxruntime
import pandas as pd
import yaml
from mlflow.data.dataset_source_registry import resolve_dataset_source
from mlflow.data.meta_dataset import MetaDataset
from mlflow.entities import Metric
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OrdinalEncoder

DATA = Path("data/train.parquet")
MODEL = Path("model/model.onnx")
METRICS = Path("metrics.json")
REQUIREMENTS = [f"onnx=={onnx.__version__}", f"onnxruntime=={onnxruntime.__version__}"]


def read(params: dict) -> tuple[pd.DataFrame, pd.Series]:
    """The rows whose outcome is known, oldest first: features as the model will be asked (32-bit numbers), and labels."""
    table = pd.read_parquet(DATA)
    time = next((name for name in ("event_time", "time") if name in table), None)
    if time is None:
        raise SystemExit(f"{DATA} has no column `event_time` or `time`")
    table = table[table[params["label"]].notna()].sort_values(time, kind="stable", ignore_index=True)
    features = table[params["numbers"]].astype("float32").join(table[params["categories"]].fillna("").astype("object"))
    return features, table[params["label"]].astype("int64")


def dataset(params: dict, features: pd.DataFrame, labels: pd.Series) -> MetaDataset:
    """What the run says it was trained on: the file by its MD5, which is also what `dvc.lock` says of it."""
    with DATA.open("rb") as file:
        digest = hashlib.file_digest(file, "md5").hexdigest()
    sample = features.head(1000).assign(**{params["label"]: labels.astype("float64")})
    return MetaDataset(resolve_dataset_source(str(DATA)), name="train", digest=digest, schema=infer_signature(sample).inputs)


def encoder(params: dict, features: pd.DataFrame, labels: pd.Series) -> ColumnTransformer:
    """Numbers as they are; categories as their rank by how often they were late, -1 when never seen."""
    ranks = [
        labels.groupby(features[name]).mean().sort_values(kind="stable").index.to_numpy(dtype="object")
        for name in params["categories"]
    ]
    ordinal = OrdinalEncoder(categories=ranks, handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32)
    columns = ColumnTransformer([("numbers", "passthrough", params["numbers"]), ("categories", ordinal, params["categories"])])
    return columns.fit(features)


def booster(settings: dict, trees: int, **more) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        max_iter=trees,
        learning_rate=settings["learning_rate"],
        max_leaf_nodes=settings["max_leaf_nodes"],
        min_samples_leaf=settings["min_samples_leaf"],
        l2_regularization=settings["l2_regularization"],
        random_state=settings["seed"],
        **more,
    )


def train(params: dict, features: pd.DataFrame, labels: pd.Series) -> tuple[Pipeline, dict, list[tuple[float, float]]]:
    """The model, its metrics on the latest rows (which it had not seen then), and the loss after each tree."""
    settings = params["model"]
    held_out = int(len(features) * (1 - params["validation"]))
    past, latest = slice(None, held_out), slice(held_out, None)
    columns = encoder(params, features[past], labels[past])
    x_past, x_latest = columns.transform(features[past]), columns.transform(features[latest])
    trial = booster(settings, settings["max_iter"], early_stopping=True, scoring="loss", n_iter_no_change=settings["patience"])
    trial.fit(x_past, labels[past], X_val=x_latest, y_val=labels[latest])

    curve = list(zip(-trial.train_score_, -trial.validation_score_, strict=True))
    trees = max(1, int(np.argmin([loss for _, loss in curve])))
    scores = trial.predict_proba(x_latest)[:, 1]
    metrics = {
        "rows": len(features),
        "trees": trees,
        "late_share": float(labels.mean()),
        "log_loss": float(log_loss(labels[latest], scores)),
        "auc": float(roc_auc_score(labels[latest], scores)),
    }

    # The model that is handed over learns from all rows, the latest included.
    columns = encoder(params, features, labels)
    final = booster(settings, trees, early_stopping=False).fit(columns.transform(features), labels)
    return Pipeline([("columns", columns), ("booster", final)]), metrics, curve


def export(params: dict, model: Pipeline, features: pd.DataFrame) -> onnx.ModelProto:
    """The model as ONNX with one input per column, checked against scikit-learn's own answers."""
    inputs = [(name, FloatTensorType([None, 1])) for name in params["numbers"]]
    inputs += [(name, StringTensorType([None, 1])) for name in params["categories"]]
    exported = to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})

    sample = features.iloc[:: max(1, len(features) // 5000)].copy()
    sample.loc[sample.index[0], params["categories"]] = "never seen"
    session = onnxruntime.InferenceSession(exported.SerializeToString(), providers=["CPUExecutionProvider"])
    feed = {name: sample[[name]].to_numpy() for name in sample}
    (answer,) = session.run(["probabilities"], feed)
    difference = float(np.abs(answer - model.predict_proba(sample)).max())
    if difference > 1e-4:
        raise SystemExit(f"the exported model differs from scikit-learn's by up to {difference:.2g}")
    return exported


def main() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    features, labels = read(params)
    if labels.nunique() < 2:
        raise SystemExit(f"{DATA} needs both outcomes of `{params['label']}`, found only {labels.unique().tolist()}")

    with mlflow.start_run() as run:
        mlflow.log_params({**params["model"], "validation": params["validation"]})
        mlflow.log_input(dataset(params, features, labels), "training")

        model, metrics, curve = train(params, features, labels)
        now = int(pd.Timestamp.now("UTC").timestamp() * 1000)
        mlflow.MlflowClient().log_batch(
            run.info.run_id,
            metrics=[Metric("train_loss", float(seen), now, step) for step, (seen, _) in enumerate(curve)]
            + [Metric("validation_loss", float(held_out), now, step) for step, (_, held_out) in enumerate(curve)]
            + [Metric(name, float(value), now, 0) for name, value in metrics.items()],
        )

        exported = export(params, model, features)
        MODEL.parent.mkdir(exist_ok=True)
        MODEL.write_bytes(exported.SerializeToString())
        METRICS.write_text(json.dumps(metrics, indent=2) + "\n")

        example = features.head(5)
        mlflow.onnx.log_model(
            exported,
            name="model",
            registered_model_name=params["model"]["name"],
            signature=infer_signature(example, {"probabilities": model.predict_proba(example).astype("float32")}),
            pip_requirements=REQUIREMENTS,
            save_as_external_data=False,
        )
    print(json.dumps(metrics))


if __name__ == "__main__":
    main()
