"""Logs models of the common flavors into FOLDER/NAME/1, and what MLflow's own scoring server answers into answers.json."""

import json
import os
import sys

import lightgbm
import mlflow
import mlflow.pyfunc
import numpy
import pandas
import xgboost
from mlflow.models import infer_signature
from mlflow.pyfunc import scoring_server
from sklearn.linear_model import LinearRegression, LogisticRegression

folder = sys.argv[1]
rng = numpy.random.default_rng(7)
frame = pandas.DataFrame({"age": rng.uniform(1, 80, 200), "fare": rng.uniform(1, 500, 200)})
label = (frame["age"] * 3 + frame["fare"] > 300).astype(int)
by_frame = infer_signature(frame, label.to_numpy())


# Named, so that MLflow does not load every model once more to find out.
needs = {"pip_requirements": ["mlflow"]}


def place(name):
    return os.path.join(folder, name, "1")


class Custom(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        kind = model_input["kind"][0]
        print("asked for", kind)
        if kind == "frame":
            return pandas.DataFrame({"kind": model_input["kind"], "n": [1.5] * len(model_input)})
        if kind == "series":
            return model_input["kind"]
        if kind == "dictionary":
            return {"a": numpy.array([[1, 2]]), "b": numpy.array([0.5])}
        if kind == "objects":
            return [{"label": "x", "scores": numpy.array([1, 2])}, None]
        if kind == "text":
            return "one"
        if kind == "texts":
            return ["one", "two"]
        raise ValueError("no such kind")


mlflow.sklearn.save_model(LogisticRegression().fit(frame, label), place("columns"), signature=by_frame, **needs)
matrix = frame.to_numpy()
linear = LinearRegression().fit(matrix, label)
mlflow.sklearn.save_model(linear, place("linear"), signature=infer_signature(matrix, linear.predict(matrix)), **needs)
mlflow.sklearn.save_model(linear, place("bare"), **needs)
booster = xgboost.XGBClassifier(n_estimators=3).fit(frame, label)
mlflow.xgboost.save_model(booster, place("xgboost"), signature=by_frame, **needs)
light = lightgbm.LGBMRegressor(n_estimators=3, verbose=-1).fit(frame, label)
mlflow.lightgbm.save_model(light, place("lightgbm"), signature=by_frame, **needs)
kinds = pandas.DataFrame({"kind": ["frame"]})
mlflow.pyfunc.save_model(place("custom"), python_model=Custom(), signature=infer_signature(kinds), **needs)

SPLIT = json.dumps({"dataframe_split": {"columns": ["fare", "age"], "data": [[10.5, 20], [300, 70.25]]}})
RECORDS = json.dumps({"dataframe_records": [{"age": 20, "fare": 10.5}, {"age": 70.25, "fare": 300}]})
CSV = "age,fare\n20,10.5\n70.25,300\n"
ROWS = [[20, 10.5], [70.25, 300]]
cases = []
for name in ("columns", "xgboost", "lightgbm"):
    cases += [(name, "application/json", SPLIT), (name, "application/json", RECORDS), (name, "text/csv", CSV)]
cases += [
    ("columns", "application/json", json.dumps({"inputs": {"age": [20.0, 70.25], "fare": [10.5, 300.0]}})),
    ("columns", "application/json", json.dumps({"dataframe_split": {"columns": ["age"], "data": [[1.0]]}})),
    ("columns", "application/json", json.dumps({"nothing": 1})),
    ("linear", "application/json", json.dumps({"inputs": ROWS})),
    ("linear", "application/json", json.dumps({"instances": ROWS})),
    ("bare", "application/json", json.dumps({"inputs": ROWS})),
    ("bare", "application/json", json.dumps({"dataframe_split": {"data": ROWS}})),
    ("bare", "application/json", json.dumps({"inputs": "text"})),
    ("bare", "application/json", "{"),
]
for kind in ("frame", "series", "dictionary", "objects", "text", "texts", "wrong"):
    cases.append(("custom", "application/json", json.dumps({"dataframe_records": [{"kind": kind}]})))

answers, loaded = [], {}
for name, kind, body in cases:
    if name not in loaded:
        loaded[name] = mlflow.pyfunc.load_model(place(name))
    model = loaded[name]
    try:
        said = scoring_server.invocations(body, kind, model, model.metadata.get_input_schema())
        status, answer = said.status, json.loads(said.response)
    except mlflow.exceptions.MlflowException as error:
        status, answer = error.get_http_status_code(), None
    answers.append({"model": name, "type": kind, "body": body, "status": status, "answer": answer})
with open(os.path.join(folder, "answers.json"), "w") as file:
    json.dump(answers, file)
