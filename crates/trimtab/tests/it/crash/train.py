"""Fits a logistic curve to `data/train.csv` and registers it as ONNX, with the standard library alone."""

import csv
import json
import math
import os
import pathlib
import struct
import urllib.error
import urllib.request

SERVER = os.environ["MLFLOW_TRACKING_URI"]
RUN = os.environ["MLFLOW_RUN_ID"]


def call(method, path, body=b""):
    request = urllib.request.Request(SERVER + path, data=body, method=method)
    request.add_header("authorization", "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"])
    if isinstance(body, bytes) and body[:1] == b"{":
        request.add_header("content-type", "application/json")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as answer:
        return json.loads(answer.read() or b"{}")


def mlflow(path, **body):
    return call("POST", "/api/2.0/mlflow/" + path, json.dumps(body).encode())


def stand_still(place):
    """Waits where the test wants to kill the server: a pipe that nobody writes to."""
    pipe = os.environ.get("CRASH_TEST_PIPE", "")
    if os.path.exists(pipe + "." + place):
        pathlib.Path(pipe + ".reached").touch()
        open(pipe + "." + place).read()


def fit(rows):
    """Two coefficients by Newton's method."""
    a = b = 0.0
    for _ in range(12):
        g0 = g1 = h00 = h01 = h11 = 0.0
        for x, y in rows:
            p = 1 / (1 + math.exp(-(a + b * x)))
            w = p * (1 - p)
            g0 += y - p
            g1 += (y - p) * x
            h00 += w
            h01 += w * x
            h11 += w * x * x
        d = h00 * h11 - h01 * h01
        a += (h11 * g0 - h01 * g1) / d
        b += (h00 * g1 - h01 * g0) / d
    return a, b


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    """One protobuf field: an integer, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def onnx(a, b):
    """1 / (1 + exp(-(a + b x))) as an ONNX model with one column of numbers in and out."""

    def node(kind, inputs, output):
        return field(1, b"".join(field(1, name) for name in inputs) + field(2, output) + field(4, kind))

    def constant(name, value):
        return field(5, field(1, 1) + field(2, 1) + field(8, name) + field(9, struct.pack("<f", value)))

    def tensor(number, name):
        shape = field(1, field(2, "n")) + field(1, field(1, 1))
        return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))

    graph = node("Mul", ["x", "b"], "bx") + node("Add", ["bx", "a"], "z") + node("Sigmoid", ["z"], "p")
    graph += field(2, "curve") + constant("a", a) + constant("b", b) + tensor(11, "x") + tensor(12, "p")
    return field(1, 9) + field(7, graph) + field(8, field(1, "") + field(2, 18))


with open("data/train.csv", newline="") as file:
    rows = [(float(row["x"]), float(row["label"])) for row in csv.DictReader(file) if row["label"]]
model = onnx(*fit(rows))
pathlib.Path("model.onnx").write_bytes(model)
stand_still("before")

experiment = call("GET", f"/api/2.0/mlflow/runs/get?run_id={RUN}", None)["run"]["info"]["experiment_id"]
about = "flavors:\n  onnx:\n    data: model.onnx\n    onnx_version: 1.19.0\n  python_function:\n    loader_module: mlflow.onnx\n"
for name, content in (("MLmodel", about.encode()), ("model.onnx", model)):
    call("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{RUN}/artifacts/model/{name}", content)
try:
    mlflow("registered-models/create", name="curve")
except urllib.error.HTTPError as error:
    if error.code != 400:
        raise
mlflow("model-versions/create", name="curve", source=f"runs:/{RUN}/model", run_id=RUN)
stand_still("after")
mlflow("runs/update", run_id=RUN, status="FINISHED", end_time=0)
