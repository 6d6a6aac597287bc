"""The questions: each a request, and how its answer is read (`pages`: to the last page)."""

QUESTIONS = []


def ask(method, path, body, pages=False):
    QUESTIONS.append({"method": method, "path": path, "body": body} | ({"pages": True} if pages else {}))


def runs(filter=None, order=None, experiments=("${exp_a}",), pages=False, **more):
    body = {"experiment_ids": list(experiments)} | more
    if filter is not None:
        body["filter"] = filter
    if order is not None:
        body["order_by"] = order
    ask("POST", "runs/search", body, pages)


# --- Runs: what is found.
for text in [
    None, "", "   ",
    "metrics.acc > 0.3", "metrics.acc >= 0.5", "metrics.acc < 0.5", "metrics.acc <= 0.3", "metrics.acc = 0.5",
    "metrics.acc != 0.5", "metrics.acc = 0.50", "metrics.acc > -1", "metrics.acc > 1e300", "metrics.acc < -1e300",
    "metrics.loss = 0", "metrics.loss != 0", "metrics.loss > 1e-8", "metrics.loss < 0", "metrics.loss >= -4.5",
    "metric.acc > 0.3", "metrics.acc>0.3", "metrics.acc  >  0.3", "metrics.`acc` > 0.3", 'metrics."acc" > 0.3',
    "metrics.'acc' > 0.3", "metrics.`my metric` > 0", 'metrics."my metric" < 0', "metrics.`val/loss.x-1` = 1.5",
    "metrics.val/loss.x-1 = 1.5", "metrics.`m:1` = 7", "metrics.m:1 = 7", "metrics.nothing > 0",
    "metrics.acc > 0.3 AND metrics.loss < 5", "metrics.acc > 0.3 and params.lr = '0.01'",
    "metrics.acc > 0.3 AND metrics.acc < 1 AND metrics.acc != 0.5",
    "params.lr = '0.01'", "params.lr != '0.01'", 'params.lr = "0.01"', "params.lr = ''", "params.lr LIKE '0.01%'",
    "params.lr LIKE '%1'", "params.lr like '0._'", "params.opt LIKE 'Adam%'", "params.opt ILIKE 'adam%'",
    "params.opt ILIKE 'ADAM_W'", "params.opt LIKE 'Adam_W'", "params.opt = 'adam'", "params.opt ILIKE 'sgd'",
    "params.opt LIKE 'größe'", "params.opt ILIKE 'GRÖSSE'", "params.`a b` = 'spaced'", "params.`p.q r` = 'odd'",
    'params."p.q r" LIKE \'o%\'', "params.LR = '0.01'", "params.lr IS NULL", "params.lr IS NOT NULL",
    "param.lr is null", "parameter.lr = '0.01'", "parameters.lr = '0.01'", "params.nothing != 'x'",
    "tags.team = 'red'", "tags.team != 'red'", "tag.team ILIKE 'RED'", "tags.team = ''", "tags.team IS NULL",
    "tags.team IS NOT NULL AND tags.note IS NULL", "tags.`größe` = 'groß'", "tags.größe = 'groß'",
    "tags.note LIKE '100%'", "tags.note LIKE 'a_b'", "tags.note LIKE '100\\%%'", "tags.path = 'c:\\tmp\\x'",
    "tags.path LIKE 'c:\\%'", "tags.stage.x = 'one'", "tags.`stage.x` = 'one'", "tags.`added later` = 'yes'",
    "tags.mlflow.runName = 'bee'", "tags.`mlflow.runName` LIKE '%e%'", "tags.Team = 'red'",
    "attributes.status = 'FINISHED'", "status = 'FINISHED'", "attribute.status != 'FINISHED'", "attr.status = 'KILLED'",
    "run.status = 'RUNNING'", "status LIKE 'F%'", "status ILIKE 'finished'", "status = 'finished'",
    "attributes.run_name = 'bee'", "run_name LIKE '%a%'", "run_name ILIKE 'E%'", "`run name` = 'cat'",
    "attributes.`Run name` = 'cat'", "attributes.\"Run Name\" = 'cat'", 'run_name = "fox\'s"', "run_name = 'gnu %'",
    "user_id = 'bob'", "user_id != 'ada'", "user_id = ''", "user_id ILIKE 'ADA'", "artifact_uri LIKE '%artifacts'",
    "run_id = '${run_a}'", "attributes.run_id IN ('${run_a}', '${run_c}')", "run_id NOT IN ('${run_a}', '${run_b}')",
    "run_id IN ('nothing')", "run_id LIKE '%'", "run_id != '${run_a}'", "run_id in ('${run_k}')",
    "start_time > 5000", "start_time >= 5000 AND start_time <= 7000", "attributes.start_time = 3000",
    "start_time != 3000", "created < 3000", "attributes.Created = 2000", "end_time > 6000", "end_time < 6000",
    "attributes.end_time != 5000", "start_time < 0", "start_time = 0", "start_time > 5000.5", "start_time >= 5e3",
    "dataset.name = 'iris'", "datasets.name = 'iris'", "datasets.name != 'iris'", "dataset.digest = 'd1'",
    "datasets.context = 'training'", "datasets.context != 'training'", "datasets.name ILIKE 'iris'",
    "datasets.name IN ('iris', 'wine')", "datasets.name NOT IN ('iris')", "datasets.digest LIKE 'd%'",
    "datasets.name = 'iris' AND datasets.context = 'validation'", "dataset.context IN ('validation')",
    "datasets.name = 'iris' AND metrics.acc > 0.4 AND params.opt = 'adam' AND tags.team = 'Red' AND status = 'FINISHED'",
]:
    runs(text)

# --- Runs: other experiments, views.
runs("metrics.acc > 0.3", experiments=("${exp_a}", "${exp_b}"))
runs("params.lr = '0.01'", ["metrics.acc DESC"], experiments=("${exp_b}", "${exp_a}"))
runs(None, ["start_time ASC"], experiments=("${exp_a}", "${exp_b}", "${exp_c}"))
runs(experiments=())
runs(experiments=("9999",))
runs(experiments=("${exp_a}", "9999"))
runs(experiments=("${exp_d}",))
runs(experiments=("${exp_d}",), run_view_type="DELETED_ONLY")
runs(run_view_type="DELETED_ONLY")
runs(run_view_type="ALL")
runs("tags.team = 'red'", run_view_type="ALL")
runs(run_view_type="ACTIVE_ONLY", experiments=("${exp_b}",))
runs(experiments=("0",))

# --- Runs: orders.
for order in [
    [], ["metrics.acc"], ["metrics.acc ASC"], ["metrics.acc DESC"], ["metrics.acc desc"], ["metric.loss ASC"],
    ["metrics.loss DESC"], ["metrics.`my metric` DESC"], ['metrics."my metric" ASC'], ["metrics.nothing DESC"],
    ["metrics.acc DESC", "metrics.loss ASC"], ["metrics.loss ASC", "start_time ASC"], ["params.lr ASC"],
    ["params.lr DESC"], ["params.opt ASC"], ["params.opt DESC"], ["params.`a b` ASC"], ["tags.team ASC"],
    ["tags.team DESC"], ["tag.note"], ["tags.`größe` DESC"], ["start_time ASC"], ["start_time DESC"],
    ["attributes.start_time"], ["created DESC"], ["end_time ASC"], ["end_time DESC"], ["attributes.end_time DESC"],
    ["run_name ASC"], ["attributes.run_name DESC"], ["`Run name` ASC"], ["attribute.status ASC", "run_name DESC"],
    ["user_id DESC"], ["status DESC"], ["params.lr ASC", "metrics.acc DESC", "tags.team ASC"],
]:
    runs(None, order)
for filter, order in [
    ("metrics.acc > 0.2", ["metrics.acc DESC"]), ("metrics.acc > 0.2", ["metrics.loss ASC"]),
    ("params.opt ILIKE 'a%'", ["metrics.loss DESC"]), ("tags.team = 'red'", ["params.lr DESC"]),
    ("datasets.name = 'iris'", ["metrics.acc ASC"]), ("status = 'FINISHED'", ["end_time DESC"]),
    ("params.lr IS NULL", ["metrics.acc ASC"]), ("metrics.loss != 3", ["tags.team ASC", "metrics.acc ASC"]),
]:
    runs(filter, order)

# --- Runs: pages.
C = ("${exp_c}",)
for filter, order, size in [
    (None, None, 5), (None, ["metrics.x DESC"], 5), (None, ["metrics.x ASC", "metrics.y DESC"], 4),
    (None, ["params.k DESC"], 3), (None, ["tags.half ASC"], 7), (None, ["run_name DESC"], 5), (None, None, 12),
    (None, None, 1), ("metrics.y > 2", ["metrics.x DESC"], 2), ("tags.half = 'odd'", ["start_time ASC"], 4),
    ("params.k != 'v1'", ["metrics.nothing ASC"], 3), (None, ["end_time DESC"], 5),
]:
    runs(filter, order, C, pages=True, max_results=size)
for order in [["metrics.acc DESC"], ["metrics.acc ASC"], ["metrics.loss DESC"], ["params.lr ASC"], ["end_time ASC"]]:
    runs(None, order, pages=True, max_results=2)
runs(None, ["metrics.acc DESC"], ("${exp_a}", "${exp_b}", "${exp_c}"), pages=True, max_results=4)

# --- Runs: what is refused.
for text in [
    "metrics.acc", "metrics.acc >", "> 3", "metrics.acc > 'x'", "metrics.acc > x", "metrics.acc > 0.3 OR metrics.acc < 0",
    "metrics.acc LIKE 'x'", "metrics.acc IS NULL", "params.lr > '0.1'", "params.lr = 0.1", "params.lr IN ('a')",
    "tags.team >= 'a'", "tags.team = red", "tags.team IN ('red')", "status > 'a'", "status IN ('FINISHED')",
    "status IS NULL", "run_id > 'x'", "start_time LIKE '1%'", "start_time = 'x'", "start_time = '3000'", "nothing = 'x'",
    "attributes.nothing = 'x'", "foo.bar = 'x'", "dataset.nothing = 'x'", "datasets.name > 'a'", "datasets.name = 1",
    "(metrics.acc > 0.3)", "metrics.acc > 0.3;", "metrics.acc > 0.3; params.lr = '0.01'", "NOT metrics.acc > 0.3",
    "metrics.acc > 0.3 AND", "AND metrics.acc > 0.3", "metrics.acc > 0.3 metrics.loss < 1", "metrics.acc == 0.5",
    "params.lr = '0.01", "params.lr = 0.01'", "run_id IN ()", "run_id IN (1, 2)", "run_id IN 'x'", "metrics. > 1",
    "lifecycle_stage = 'active'", "metrics.acc > 1.2.3", "metrics.acc <> 0.5", "metrics.acc BETWEEN 0 AND 1", "params.lr NOT LIKE 'x'",
    "'metrics.acc' > 0.3", "1 = 1", "metrics.acc > -inf", "metrics.acc > nan", "tags.a IS NOT 'x'", "hello",
]:
    runs(text)
for order in [
    ["foo.bar"], ["nothing ASC"], ["metrics.acc UP"], ["metrics.acc ASC DESC"], ["metrics.acc, metrics.loss"],
    ["metrics.acc ASC", "metrics.acc DESC"], ["metrics.acc", "metric.acc"], ["start_time", "created"], [""], ["metrics."],
    ["datasets.name"], ["experiment_id"], ["lifecycle_stage"], ["1"], ["metrics.acc > 1"],
]:
    runs(None, order)
for more in [
    {"max_results": 0}, {"max_results": -1}, {"max_results": 50_001}, {"max_results": 50_000}, {"max_results": "5"},
    {"max_results": "x"}, {"max_results": 1.5}, {"page_token": "xx"}, {"page_token": "!"}, {"page_token": "e30="},
    {"page_token": "bm90IGpzb24="}, {"run_view_type": "NONSENSE"}, {"page_token": ""}, {"unknown_field": 1},
]:
    runs("metrics.acc = 0.5", **more)
ask("POST", "runs/search", {})
ask("POST", "runs/search", {"experiment_ids": "${exp_a}"})
ask("POST", "runs/search", {"experiment_ids": [1]})
ask("POST", "runs/search", {"experiment_ids": ["x"]})
ask("POST", "runs/search", {"experiment_ids": ["${exp_a}"], "filter": 5})
ask("POST", "runs/search", {"experiment_ids": ["${exp_a}"], "order_by": "metrics.acc DESC"})

# --- Experiments.


def experiments(filter=None, order=None, pages=False, method="POST", **more):
    body = {"max_results": 100} | more
    if filter is not None:
        body["filter"] = filter
    if order is not None:
        body["order_by"] = order
    ask(method, "experiments/search", body, pages)


for text in [
    None, "", "name = 'alpha'", "name != 'alpha'", "name LIKE 'beta%'", "name ILIKE 'beta%'", "name LIKE '%e%'",
    "attribute.name = 'alpha'", "name LIKE 'under_score'", "name LIKE '%100\\%'", "name = 'Beta β'", "name ILIKE '%Β'",
    "name = 'odd.name/with:chars 100%'", "tags.team = 'vision'", "tags.team != 'vision'", "tag.team ILIKE 'vision'",
    "tags.team LIKE 'v%'", "tags.`a.b c` = 'dotted'", "tags.größe = 'klein'", "tags.empty = ''", "tags.team IS NULL",
    "tags.team IS NOT NULL", "tags.nothing != 'x'", "name ILIKE 'b%' AND tags.team = 'speech'",
    "creation_time > ${time_exp_b}", "creation_time >= ${time_exp_b} AND creation_time < ${time_exp_e}",
    "creation_time = ${time_exp_c}", "creation_time != ${time_exp_c}", "last_update_time > ${time_exp_f}",
    "attribute.creation_time < ${time_exp_b}", "experiment_id IN ('${exp_a}', '${exp_b}')",
    "experiment_id NOT IN ('${exp_a}')", "attribute.experiment_id IN ('9999')", "tags.team = 'vision' AND tags.note = 'first one'",
]:
    experiments(text)
for text in [
    "nothing = 'x'", "attributes.name = 'alpha'", "params.a = 'x'", "name > 'a'", "name = 5", "name IS NULL",
    "name IN ('alpha')", "creation_time = 'x'", "creation_time LIKE '1%'", "experiment_id = '1'", "experiment_id LIKE '1%'",
    "experiment_id > 1", "tags.team > 'x'", "tags.team IN ('vision')", "name = 'a' OR name = 'b'", "(name = 'a')", "name",
    "lifecycle_stage = 'active'", "tags.team = vision", "name LIKE 5", "experiment_id IN ()", "metrics.a > 1",
]:
    experiments(text)
for order in [
    [], ["name"], ["name ASC"], ["name DESC"], ["experiment_id"], ["experiment_id DESC"], ["creation_time ASC"],
    ["creation_time DESC"], ["last_update_time DESC"], ["last_update_time ASC"], ["attribute.name DESC"],
    ["name ASC", "creation_time DESC"], ["name", "name DESC"],
    ["tags.team"], ["nothing"], ["name UP"], ["name,creation_time"], [""],
]:
    experiments(None, order)
for view in ["ACTIVE_ONLY", "DELETED_ONLY", "ALL", "NONSENSE", 3]:
    experiments(None, ["name ASC"], view_type=view)
experiments(None, None, pages=True, max_results=2)
experiments(None, ["name DESC"], pages=True, max_results=3)
experiments("tags.team IS NOT NULL", ["last_update_time ASC"], pages=True, max_results=1, view_type="ALL")
experiments(None, None, method="GET", max_results=3)
for more in [{"max_results": 0}, {"max_results": -1}, {"max_results": 50_001}, {"max_results": "3"}, {"max_results": "x"},
             {"page_token": "xx"}, {"page_token": "!"}]:
    experiments(**more)
ask("POST", "experiments/search", {})
ask("GET", "experiments/get-by-name", {"experiment_name": "alpha"})
ask("GET", "experiments/get", {"experiment_id": "9999"})

# --- Registered models.


def models(filter=None, order=None, pages=False, **more):
    body = dict(more)
    if filter is not None:
        body["filter"] = filter
    if order is not None:
        body["order_by"] = order
    ask("GET", "registered-models/search", body, pages)


for text in [
    None, "", "name = 'iris'", "name != 'iris'", "name LIKE 'iris%'", "name ILIKE 'iris%'", "name LIKE '%r%'",
    "name LIKE 'under_score'", "attribute.name = 'iris'", "name = 'per cent'", 'name = "iris"', "name = ''",
    "tags.team = 'vision'", "tag.team = 'vision'", "tags.team != 'vision'", "tags.team ILIKE 'vision'",
    "tags.team LIKE '%i%'", "tags.`a.b c` = '100%'", "tags.größe = 'groß'", "tags.empty = ''", "tags.nothing != 'x'",
    "tags.team = 'vision' AND tags.tier = 'gold'", "name ILIKE '%i%' AND tags.team ILIKE 'vision'",
    "tags.`mlflow.prompt.is_prompt` = 'true'", "tags.`mlflow.prompt.is_prompt` != 'true'",
    "tags.`mlflow.prompt.is_prompt` = 'false'", "name = 'greeting'",
    "name = 'greeting' AND tags.`mlflow.prompt.is_prompt` = 'true'",
]:
    models(text)
for text in [
    "nothing = 'x'", "name > 'a'", "name = 5", "name IN ('iris')", "name NOT IN ('iris')", "name IS NULL",
    "tags.team IS NULL", "tags.team > 'x'", "tags.team IN ('vision')", "name = 'a' OR name = 'b'", "params.a = 'x'",
    "creation_timestamp > 5", "(name = 'iris')", "name", "name = iris", "attributes.name = 'iris'",
]:
    models(text)
for order in [
    ["name"], ["name ASC"], ["name DESC"], ["creation_timestamp DESC"], ["creation_timestamp"], ["last_updated_timestamp DESC"],
    ["last_updated_timestamp ASC"], ["timestamp"], ["timestamp DESC"], ["last_updated_timestamp ASC", "name DESC"],
    ["name ASC", "name DESC"], ["nothing"], ["tags.team"], ["name UP"], ["attribute.name"], [""],
]:
    models(None, order)
models(None, None, pages=True, max_results=2)
models(None, ["name DESC"], pages=True, max_results=4)
models("tags.team LIKE '%i%'", ["last_updated_timestamp DESC"], pages=True, max_results=1)
for more in [{"max_results": 0}, {"max_results": -1}, {"max_results": 1_000}, {"max_results": 1_001}, {"max_results": "x"},
             {"page_token": "xx"}, {"page_token": "!"}]:
    models(**more)

# --- Model versions.


def versions(filter=None, order=None, pages=False, **more):
    body = dict(more)
    if filter is not None:
        body["filter"] = filter
    if order is not None:
        body["order_by"] = order
    ask("GET", "model-versions/search", body, pages)


for text in [
    None, "", "name = 'iris'", "name != 'iris'", "name LIKE 'w%'", "name ILIKE 'W%'", "name IN ('iris', 'wine')",
    "name NOT IN ('iris')", "attribute.name = 'iris'", "run_id = '${run_a}'", "run_id IN ('${run_a}', '${run_b}')",
    "run_id != '${run_a}'", "run_id NOT IN ('${run_a}')", "run_id LIKE '%'", "run_id IN ('${run_h}')", "run_id = ''",
    "source_path = 's3://bucket/iris/1'", "source_path LIKE 's3://bucket/iris/%'", "source_path ILIKE 'S3://BUCKET/W%'",
    "source_path != 's3://bucket/iris/1'", "source_path LIKE '%wine_1'", "version_number = 1", "version_number > 3",
    "version_number >= 2 AND version_number < 5", "version_number != 1", "name = 'iris' AND version_number = 3",
    "tags.dev = 'yes'", "tags.dev ILIKE 'yes'", "tags.dev != 'yes'", "tag.note LIKE 'B%'", "tags.n = '1'",
    "tags.n = '1' AND run_id = '${run_h}'", "name = 'nothing'", "tags.dev = 'yes' AND tags.dev = 'no'",
]:
    versions(text)
for text in [
    "nothing = 'x'", "name > 'a'", "name = 5", "version_number = 'x'", "version_number = '1'", "version_number LIKE '1'",
    "version_number IN (1)", "version_number = 1.5", "source_path IN ('x')", "source_path > 'x'", "run_id > 'x'",
    "run_id IN ()", "run_id IS NULL", "tags.dev IS NULL", "tags.dev IN ('yes')", "tags.dev > 'a'", "name = 'a' OR name = 'b'",
    "creation_timestamp > 5", "current_stage = 'None'", "(name = 'iris')", "name", "attributes.name = 'iris'", "run_id IN (1)",
    "name IN ('')",
]:
    versions(text)
for order in [
    ["name ASC"], ["name DESC"], ["version_number ASC"], ["version_number DESC"], ["creation_timestamp ASC"],
    ["creation_timestamp DESC"], ["last_updated_timestamp ASC"], ["last_updated_timestamp DESC"],
    ["name DESC", "version_number ASC"], ["timestamp"], ["nothing"], ["run_id"], ["tags.dev"], ["source_path"], ["name UP"],
    ["name", "name DESC"], [""],
]:
    versions(None, order)
versions(None, None, pages=True, max_results=4)
versions(None, ["name ASC"], pages=True, max_results=3)
versions("name = 'under_score'", ["version_number DESC"], pages=True, max_results=2)
for more in [{"max_results": 0}, {"max_results": -1}, {"max_results": 200_000}, {"max_results": 200_001}, {"max_results": "x"},
             {"page_token": "xx"}, {"page_token": "!"}]:
    versions(**more)

# --- Logged models.
AB = ("${exp_a}", "${exp_b}")


def logged(filter=None, order=None, experiments=AB, pages=False, **more):
    body = {"experiment_ids": list(experiments)} | more
    if filter is not None:
        body["filter"] = filter
    if order is not None:
        body["order_by"] = order
    ask("POST", "logged-models/search", body, pages)


for text in [
    None, "", "metrics.f1 > 0.5", "metrics.f1 >= 0.5", "metrics.f1 = 0.9", "metrics.f1 != 0.5", "metrics.f1 < 0.6", "metrics.auc > 0.8",
    "metrics.`my metric` = 3", "metrics.nothing > 0", "params.depth = '3'", "params.depth != '3'", "params.depth LIKE '%e%'",
    "params.depth ILIKE 'three'", "params.`a.b c` = 'x'", "tags.team = 'red'", "tags.team ILIKE 'RED'", "tags.größe = 'groß'",
    "tags.team != 'red'", "name = 'tree'", "name LIKE 'net_2'", "name ILIKE 'NET%'", "name != 'tree'", "attributes.name = 'tree'",
    "model_type = 'torch'", "attributes.model_type LIKE 'a_b'", "status = 'READY'", "status != 'READY'", "status = 'PENDING'",
    "attributes.status = 'FAILED'", "model_id = '${lm_a}'", "model_id IN ('${lm_a}', '${lm_c}')", "name IN ('tree', 'bare')",
    "name NOT IN ('tree')", "source_run_id = '${run_a}'", "creation_timestamp > ${time_lm_b}",
    "creation_time >= ${time_lm_b} AND creation_time < ${time_lm_e}", "creation_timestamp = ${time_lm_c}",
    "metrics.f1 > 0.4 AND params.depth = '3' AND tags.team = 'red'", "metrics.f1 > 0.4 AND metrics.auc > 0.8",
    "model_type = ''", "status IN ('READY', 'PENDING')", "model_type IN ('torch')", "model_id = '${lm_f}'",
]:
    logged(text)
for text in [
    "nothing = 'x'", "foo.bar = 'x'", "metrics.f1 = 'x'", "metrics.f1 LIKE 'x'", "params.depth > '3'", "params.depth = 3",
    "params.depth IN ('3')", "tags.team IS NULL", "params.depth IS NULL", "name > 'a'", "name = 5", "status = 'NONSENSE'",
    "creation_timestamp = 'x'", "name = 'a' OR name = 'b'", "(name = 'tree')", "name", "metrics.f1 IS NULL", "name IN ()",
    "last_updated_timestamp > 0", "experiment_id = '1'", "artifact_uri = 'x'", "lifecycle_stage = 'active'", "tags.team = red",
]:
    logged(text)
for datasets in [
    [{"dataset_name": "iris"}], [{"dataset_name": "iris", "dataset_digest": "d1"}], [{"dataset_name": "wine"}],
    [{"dataset_name": "iris", "dataset_digest": "d1"}, {"dataset_name": "wine"}], [{"dataset_name": "nothing"}],
    [{"dataset_digest": "d1"}],
]:
    logged("metrics.f1 > 0.7", datasets=datasets)
    logged(None, datasets=datasets)
for order in [
    [], [{"field_name": "metrics.f1", "ascending": False}], [{"field_name": "metrics.f1"}], [{"field_name": "metrics.auc"}],
    [{"field_name": "metrics.f1", "dataset_name": "iris"}],
    [{"field_name": "metrics.f1", "ascending": False, "dataset_name": "iris", "dataset_digest": "d1"}],
    [{"field_name": "name"}, {"field_name": "creation_timestamp", "ascending": False}], [{"field_name": "name", "ascending": False}],
    [{"field_name": "creation_timestamp"}], [{"field_name": "creation_time", "ascending": False}], [{"field_name": "model_type"}],
    [{"field_name": "status"}, {"field_name": "name"}], [{"field_name": "last_updated_timestamp"}],
    [{"field_name": "nothing"}], [{"field_name": "params.depth"}], [{"field_name": "tags.team"}], [{"ascending": True}],
    [{"field_name": "metrics.f1", "dataset_digest": "d1"}], [{"field_name": "metrics.nothing"}],
    [{"field_name": "name"}, {"field_name": "name"}], [{"field_name": "attributes.name"}],
]:
    logged(None, order)
logged(None, None, pages=True, max_results=2)
logged(None, [{"field_name": "metrics.f1", "ascending": False}], pages=True, max_results=2)
logged("params.depth != 'x'", [{"field_name": "name"}], pages=True, max_results=1)
for more in [{"max_results": 0}, {"max_results": -1}, {"max_results": 3}, {"max_results": 10_001}, {"max_results": "x"},
             {"page_token": "xx"}, {"page_token": "!"}]:
    logged("metrics.f1 > 0.4", **more)
ask("POST", "logged-models/search", {})
ask("POST", "logged-models/search", {"experiment_ids": []})
ask("POST", "logged-models/search", {"experiment_ids": ["x"]})
ask("POST", "logged-models/search", {"experiment_ids": ["9999"]})
