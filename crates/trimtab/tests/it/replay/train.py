"""A small pipeline's only stage: a weighted logistic regression as ONNX, handed over with the MLflow REST API alone.

Newer rows weigh more (params.yaml: half_life_days). Columns come from the dep; so does the label. It knows no other
source of data.
"""

import json
import os
import sys
import urllib.error
import urllib.request

import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

NUMBERS = ["distance", "temp", "load"]


def call(method, path, body, content_type="application/json"):
    request = urllib.request.Request(os.environ["MLFLOW_TRACKING_URI"] + path, data=body, method=method)
    request.add_header("content-type", content_type)
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        request.add_header("authorization", "Bearer " + token)
    with urllib.request.urlopen(request) as answer:
        return answer.read()


def api(path, **body):
    return json.loads(call("POST", "/api/2.0/mlflow/" + path, json.dumps(body).encode()))


def read():
    table = pq.read_table("data/train.parquet")
    if "late" not in table.column_names:
        sys.exit("data/train.parquet has no column `late`")
    table = table.filter(table["late"].is_valid())
    time = table["event_time" if "event_time" in table.column_names else "time"]
    seconds = time.cast(pa.timestamp("us", tz="UTC")).cast("int64").to_numpy() / 1e6
    numbers = np.column_stack([table[name].cast("float64").to_numpy(zero_copy_only=False) for name in NUMBERS])
    carrier = np.array(table["carrier"].fill_null("").to_pylist(), dtype=object)
    return numbers, carrier, table["late"].cast("float64").to_numpy(), seconds


def fit(numbers, carrier, late, seconds, half_life_days):
    means = np.nanmean(numbers, axis=0)
    scales = np.nanstd(numbers, axis=0) + 1e-9
    carriers = sorted(set(carrier))
    filled = (np.where(np.isnan(numbers), means, numbers) - means) / scales
    x = np.column_stack([np.ones(len(late)), filled, *[(carrier == name).astype(float) for name in carriers[1:]]])
    weights = 0.5 ** ((seconds.max() - seconds) / (half_life_days * 86400.0))
    beta = np.zeros(x.shape[1])
    for _ in range(25):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weights * (late - p)) - 0.5 * beta
        hessian = (x * (weights * p * (1 - p))[:, None]).T @ x + 0.5 * np.eye(len(beta))
        beta += np.linalg.solve(hessian, gradient)
    return beta, means, scales, carriers


def export(beta, means, scales, carriers):
    nodes, constants = [], []

    def constant(name, value):
        constants.append(numpy_helper.from_array(np.asarray(value, dtype=np.float32), name))
        return name

    def node(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    total = constant("intercept", [[beta[0]]])
    for i, name in enumerate(NUMBERS):
        mean = constant(name + "_mean", [[means[i]]])
        known = node("Where", [node("IsNaN", [name], name + "_nan"), mean, name], name + "_known")
        centred = node("Sub", [known, mean], name + "_centred")
        term = node("Mul", [centred, constant(name + "_weight", [[beta[1 + i] / scales[i]]])], name + "_term")
        total = node("Add", [total, term], "sum_" + name)
    effects = [0.0, *[float(b) for b in beta[1 + len(NUMBERS) :]]]
    effect = node(
        "LabelEncoder", ["carrier"], "effect",
        domain="ai.onnx.ml", keys_strings=carriers, values_floats=effects, default_float=0.0,
    )
    late = node("Sigmoid", [node("Add", [total, effect], "logit")], "late")
    node("Concat", [node("Sub", [constant("one", [[1.0]]), late], "on_time"), late], "probabilities", axis=1)
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 1]) for name in NUMBERS]
    inputs.append(helper.make_tensor_value_info("carrier", TensorProto.STRING, [None, 1]))
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 2])]
    graph = helper.make_graph(nodes, "delays", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def main():
    with open("params.yaml") as file:
        params = dict(line.split(": ") for line in file.read().split("\n") if ": " in line)
    numbers, carrier, late, seconds = read()
    model = export(*fit(numbers, carrier, late, seconds, float(params["half_life_days"])))
    os.makedirs("model", exist_ok=True)
    with open("model/model.onnx", "wb") as file:
        file.write(model)

    run = os.environ["MLFLOW_RUN_ID"]
    info = json.loads(call("GET", "/api/2.0/mlflow/runs/get?run_id=" + run, None))["run"]["info"]
    files = info["artifact_uri"].removeprefix("mlflow-artifacts:/").strip("/") + "/model/"
    describe = b"flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: '1'\n"
    for name, content in [("model.onnx", model), ("MLmodel", describe)]:
        call("PUT", "/api/2.0/mlflow-artifacts/artifacts/" + files + name, content, "application/octet-stream")
    api("runs/log-batch", run_id=run, metrics=[{"key": "rows", "value": len(late), "timestamp": 0, "step": 0}])
    try:
        api("registered-models/create", name="delays")
    except urllib.error.HTTPError as error:
        if b"RESOURCE_ALREADY_EXISTS" not in error.read():
            raise
    version = api("model-versions/create", name="delays", source=f"runs:/{run}/model", run_id=run)
    print("version", version["model_version"]["version"], "of", len(late), "rows")


if __name__ == "__main__":
    main()
