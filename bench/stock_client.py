"""What the stock client sees of a server, one request after the other; prints JSON.

Usage: stock_client.py URL SECONDS
"""

import json
import sys
import time

from mlflow.entities import Metric
from mlflow.tracking import MlflowClient

url, seconds = sys.argv[1], float(sys.argv[2])
client = MlflowClient(tracking_uri=url)
experiment = client.create_experiment(f"stock-{time.time_ns()}")
run = client.create_run(experiment).info.run_id


def rate(work):
    work(0)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        count += 1
        work(count)
    return count / (time.perf_counter() - begin)


def batch(i):
    points = [Metric(f"metric_{k}", k + 0.25, 1_760_000_000_000 + i, i * 100 + step) for step in range(100) for k in range(10)]
    client.log_batch(run, metrics=points)


def search(_):
    assert len(client.search_runs([experiment], max_results=100)) == 100


rates = {
    "log-metric": rate(lambda i: client.log_metric(run, "loss", 1 / (i + 1), step=i)),
    "log-batch of 1,000 points": rate(batch) * 1_000,
}
rates["create run"] = rate(lambda _: client.create_run(experiment))
while len(client.search_runs([experiment], max_results=100)) < 100:
    client.create_run(experiment)
rates["search of 100 runs"] = rate(search)
json.dump(rates, sys.stdout)
