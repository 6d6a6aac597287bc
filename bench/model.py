"""The model that is measured: gradient boosting over 8 numbers, as ONNX; logged, registered and aliased `champion`.

Usage: model.py FILE.onnx. Prints as JSON what one row takes in this process through onnxruntime's own Python binding.
Where it is logged: MLFLOW_TRACKING_URI.
"""

import json
import sys
import time
from pathlib import Path

import mlflow
import mlflow.onnx
import numpy as np
import onnxruntime
from mlflow.models import infer_signature
from skl2onnx import to_onnx
from sklearn.ensemble import HistGradientBoostingClassifier

rng = np.random.default_rng(0)
x = rng.normal(size=(5000, 8)).astype("float32")
y = (x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=5000) > 0).astype("int64")
model = HistGradientBoostingClassifier(max_iter=100, random_state=0).fit(x, y)
exported = to_onnx(model, x[:1], options={"zipmap": False}, target_opset={"": 18, "ai.onnx.ml": 3})
Path(sys.argv[1]).write_bytes(exported.SerializeToString())

mlflow.set_experiment("bench")
with mlflow.start_run():
    mlflow.onnx.log_model(
        exported,
        name="model",
        registered_model_name="bench",
        signature=infer_signature(x[:5], {"probabilities": model.predict_proba(x[:5]).astype("float32")}),
        pip_requirements=["onnxruntime"],
        save_as_external_data=False,
    )
mlflow.MlflowClient().set_registered_model_alias("bench", "champion", 1)

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(exported.SerializeToString(), options, providers=["CPUExecutionProvider"])
feed = {session.get_inputs()[0].name: x[:1]}
took = []
for _ in range(5000):
    begin = time.perf_counter_ns()
    session.run(None, feed)
    took.append(time.perf_counter_ns() - begin)
print(json.dumps({"p50_us": float(np.median(took[1000:])) / 1000}))
