"""What is in the server when the questions are asked: requests, in order. `${name}` is something saved before."""

SEED = []


def post(path, body, method="POST", **save):
    SEED.append({"method": method, "path": path, "body": body} | ({"save": save} if save else {}))


def experiment(name, label, *tags):
    post("experiments/create", {"name": name, "tags": [{"key": k, "value": v} for k, v in tags]},
         **{f"exp_{label}": "experiment_id"})
    SEED.append({"method": "GET", "path": "experiments/get", "body": {"experiment_id": f"${{exp_{label}}}"},
                 "save": {f"time_exp_{label}": "experiment.creation_time"}})


def run(label, experiment_id, start, name, metrics=(), params=(), tags=(), status=None, end=None, user="ada"):
    post("runs/create", {"experiment_id": experiment_id, "start_time": start, "run_name": name, "user_id": user,
                         "tags": [{"key": k, "value": v} for k, v in tags]}, **{f"run_{label}": "run.info.run_id"})
    if metrics or params:
        post("runs/log-batch", {
            "run_id": f"${{run_{label}}}",
            "metrics": [{"key": k, "value": v, "timestamp": t, "step": s} for k, v, t, s in metrics],
            "params": [{"key": k, "value": v} for k, v in params],
        })
    if status or end:
        post("runs/update", {"run_id": f"${{run_{label}}}"} | ({"status": status} if status else {})
             | ({"end_time": end} if end else {}))


def dataset(label, name, digest, context):
    post("runs/log-inputs", {"run_id": f"${{run_{label}}}", "datasets": [{
        "tags": [{"key": "mlflow.data.context", "value": context}] if context else [],
        "dataset": {"name": name, "digest": digest, "source_type": "local", "source": "{}", "schema": "{}",
                    "profile": "{}"},
    }]})


experiment("alpha", "a", ("team", "vision"), ("note", "first one"), ("größe", "klein"))
experiment("Beta β", "b", ("team", "speech"))
experiment("beta-two", "c", ("team", "Vision"), ("empty", ""))
experiment("gone", "d", ("team", "vision"))
experiment("odd.name/with:chars 100%", "e", ("a.b c", "dotted"))
experiment("under_score", "f")

A, B, C = "${exp_a}", "${exp_b}", "${exp_c}"

run("a", A, 1_000, "ant", [("acc", 0.1, 10, 0), ("acc", 0.3, 20, 1), ("loss", 9, 10, 0)],
    [("lr", "0.01"), ("opt", "Adam"), ("layers", "3")], [("team", "red"), ("stage.x", "one")], "FINISHED", 5_000)
run("b", A, 2_000, "bee", [("acc", 0.5, 10, 0), ("loss", 3, 10, 0), ("val/loss.x-1", 1.5, 5, 0)],
    [("lr", "0.1"), ("opt", "adam"), ("a b", "spaced")], [("team", "Red"), ("note", "100% sure")], "FINISHED", 4_000)
run("c", A, 3_000, "cat", [("acc", 0.5, 10, 0), ("loss", "NaN", 10, 0), ("my metric", 2, 5, 0)],
    [("lr", "0.01"), ("opt", "SGD")], [("team", "blue")], "FAILED", 6_000, "bob")
run("d", A, 4_000, "dog", [("acc", "NaN", 10, 0), ("loss", 1, 10, 0)],
    [("lr", "1e-3"), ("opt", "sgd"), ("p.q r", "odd")], [("team", "blue"), ("größe", "groß")], "KILLED", 7_000, "bob")
run("e", A, 5_000, "Eel", [("acc", "Infinity", 10, 0), ("loss", -4.5, 10, 0)],
    [("lr", ""), ("opt", "Adam_W")], [("team", "")], "RUNNING")
run("f", A, 6_000, "fox's", [("acc", "-Infinity", 10, 0), ("loss", 0, 10, 0), ("my metric", -2, 5, 0)],
    [("lr", "0.010"), ("opt", "AdamXW")], [("team", "green"), ("path", "c:\\tmp\\x")], "SCHEDULED")
run("g", A, 7_000, "gnu %", [("acc", 0.9, 10, 5), ("acc", 0.2, 30, 2), ("loss", 1e-7, 10, 0)],
    [("opt", "größe")], [("note", "a_b")], None, 9_000, "")
run("h", A, 8_000, "hen", [], [], [], "FINISHED", 8_500)
run("i", A, 9_000, "ibis", [("acc", 1e308, 10, 0), ("loss", -0.0, 10, 0), ("m:1", 7, 1, 1)],
    [("lr", "0.01")], [("team", "red"), ("note", "axb")], "FINISHED", 9_500, "Ada")
run("j", A, 10_000, "jay", [("acc", 1, 10, 0)], [("LR", "0.01")], [("Team", "red")], "FINISHED", 11_000)
run("k", A, 11_000, "kid deleted", [("acc", 0.5, 10, 0)], [("lr", "0.01")], [("team", "red")], "FINISHED", 12_000)
run("l", A, 0, "lynx at zero", [("acc", 0, 0, 0)], [("lr", "7")], [("team", "last")])
run("m", B, 2_500, "mole", [("acc", 0.7, 10, 0), ("loss", 3, 10, 0)], [("lr", "0.01"), ("opt", "Adam")],
    [("team", "red")], "FINISHED", 3_500)
run("n", B, 9_900, "newt", [("acc", 0.4, 10, 0)], [("lr", "0.1")], [("team", "blue")])
run("o", "${exp_d}", 100, "orca of the gone", [("acc", 0.5, 1, 0)], [("lr", "0.01")], [])
for number in range(12):
    run(f"p{number}", C, 100 + number * 10, f"page {number:02}", [("x", number % 5, 1, 0), ("y", number, 1, 0)],
        [("k", f"v{number % 3}")], [("half", "odd" if number % 2 else "even")])

dataset("a", "iris", "d1", "training")
dataset("a", "wine", "d2", "validation")
dataset("b", "iris", "d1", "validation")
dataset("c", "Iris", "d3", None)
dataset("m", "iris", "d9", "training")
post("runs/set-tag", {"run_id": "${run_b}", "key": "added later", "value": "yes"})
post("runs/delete", {"run_id": "${run_k}"})
post("experiments/delete", {"experiment_id": "${exp_d}"})
post("experiments/set-experiment-tag", {"experiment_id": "${exp_b}", "key": "touched", "value": "1"})

# Registry.


def model(name, *tags, description=None):
    body = {"name": name, "tags": [{"key": k, "value": v} for k, v in tags]}
    post("registered-models/create", body | ({"description": description} if description else {}))
    SEED.append({"method": "GET", "path": "registered-models/get", "body": {"name": name},
                 "save": {"time_model_" + name.lower().replace(" ", "_").replace("-", "_"):
                          "registered_model.creation_timestamp"}})


def version(name, source, run_label=None, *tags):
    post("model-versions/create", {"name": name, "source": source,
                                   "tags": [{"key": k, "value": v} for k, v in tags]}
         | ({"run_id": f"${{run_{run_label}}}"} if run_label else {}))


model("iris", ("team", "vision"), ("tier", "gold"), description="flowers")
model("Iris-big", ("team", "Vision"))
model("wine", ("team", "speech"), ("empty", ""))
model("under_score")
model("per cent", ("a.b c", "100%"))
model("zebra", ("größe", "groß"))
post("registered-models/create", {"name": "greeting", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]})
version("iris", "s3://bucket/iris/1", "a", ("dev", "yes"))
version("iris", "s3://bucket/iris/2", "b", ("dev", "no"), ("note", "Best"))
version("iris", "s3://bucket/iris/3", None)
version("wine", "s3://bucket/wine_1", "c", ("dev", "YES"))
version("wine", "s3://bucket/wine%2", "m")
version("zebra", "gs://other/zebra")
for number in range(7):
    version("under_score", f"s3://bucket/u/{number}", "h" if number % 2 else None, ("n", str(number % 3)))
post("model-versions/delete", {"name": "iris", "version": "3"}, method="DELETE")
version("iris", "s3://bucket/iris/4", "a")
post("registered-models/alias", {"name": "iris", "alias": "champion", "version": "1"})
post("registered-models/alias", {"name": "iris", "alias": "b-side", "version": "2"})
post("registered-models/update", {"name": "wine", "description": "reds"}, method="PATCH")
post("model-versions/update", {"name": "iris", "version": "1", "description": "the first"}, method="PATCH")

# Logged models.


def logged(label, experiment_id, name, kind, run_label, params, tags, metrics=(), status="LOGGED_MODEL_READY"):
    post("logged-models", {"experiment_id": experiment_id, "name": name, "model_type": kind,
                           "params": [{"key": k, "value": v} for k, v in params],
                           "tags": [{"key": k, "value": v} for k, v in tags]}
         | ({"source_run_id": f"${{run_{run_label}}}"} if run_label else {}),
         **{f"lm_{label}": "model.info.model_id", f"time_lm_{label}": "model.info.creation_timestamp_ms"})
    for at, (key, value, name, digest) in enumerate(metrics):
        post("runs/log-metric", {"run_id": f"${{run_{run_label}}}", "key": key, "value": value, "timestamp": at,
                                 "step": 0, "model_id": f"${{lm_{label}}}"}
             | ({"dataset_name": name, "dataset_digest": digest} if name else {}))
    if status:
        post(f"logged-models/${{lm_{label}}}", {"model_id": f"${{lm_{label}}}", "status": status}, method="PATCH")


logged("a", A, "tree", "xgboost", "a", [("depth", "3"), ("lr", "0.1")], [("team", "red")],
       [("f1", 0.5, "iris", "d1"), ("f1", 0.9, "wine", "d2"), ("auc", 0.7, None, None)])
logged("b", A, "tree", "sklearn", "b", [("depth", "5")], [("team", "blue"), ("note", "a b")],
       [("f1", 0.8, "iris", "d1"), ("auc", 0.9, None, None)])
logged("c", A, "Net", "torch", "c", [("depth", "Three")], [("team", "Red")], [("f1", 0.2, "iris", "d3")],
       "LOGGED_MODEL_UPLOAD_FAILED")
logged("d", B, "net_2", "torch", "m", [], [], [("f1", 0.6, "iris", "d9")], None)
logged("e", A, "bare", "", "d", [], [("größe", "groß")])
logged("f", A, "dead", "torch", "e", [("depth", "3")], [("team", "red")], [("f1", 1.0, "iris", "d1")])
logged("g", A, "hundred", "a_b", "g", [("a.b c", "x")], [], [("my metric", 3, None, None), ("f1", -1, None, None)])
post("logged-models/${lm_f}", {"model_id": "${lm_f}"}, method="DELETE")
