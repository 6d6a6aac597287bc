"""The stock mlflow client against a Trimtab server: webhooks are made, signed, delivered and tried again."""

import base64
import hashlib
import hmac
import json
import queue
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities.webhook import VALID_ENTITY_ACTIONS, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.genai import (
    delete_prompt_alias, delete_prompt_tag, delete_prompt_version_tag, register_prompt, set_prompt_alias, set_prompt_tag,
    set_prompt_version_tag,
)

ALL = [f"{entity.value}.{action.value}" for entity, actions in VALID_ENTITY_ACTIONS.items() for action in actions]


@pytest.fixture
def client():
    return MlflowClient()


class Receiver:
    """Takes calls; `answers` are the statuses (and headers) of the first ones, later ones get 200."""

    def __init__(self):
        self.calls, self.answers = queue.Queue(), []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                status, headers = receiver.answers.pop(0) if receiver.answers else (200, {})
                receiver.calls.put((dict(self.headers), body.decode(), self.path, status, time.monotonic()))
                self.send_response(status)
                for key, value in headers.items():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(b"taken")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    def next(self):
        return self.calls.get(timeout=30)

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(autouse=True)
def no_webhooks(client):
    yield
    for webhook in client.list_webhooks():
        client.delete_webhook(webhook.webhook_id)


def name():
    return f"w-{uuid.uuid4().hex}"


def verify(secret, headers, body):
    headers = {key.lower(): value for key, value in headers.items()}
    signed = f"{headers['x-mlflow-delivery-id']}.{headers['x-mlflow-timestamp']}.{body}".encode()
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["x-mlflow-signature"] == f"v1,{expected}"
    assert abs(time.time() - int(headers["x-mlflow-timestamp"])) < 60
    assert headers["content-type"] == "application/json"
    return headers["x-mlflow-delivery-id"]


def test_crud(client, receiver):
    made = client.create_webhook(
        "mine", receiver.url, ["registered_model.created", "model_version.created"], description="what it is for",
        secret="s3cret-word",
    )
    assert (made.name, made.url, made.description, made.status) == ("mine", receiver.url, "what it is for", WebhookStatus.ACTIVE)
    assert {str(event) for event in made.events} == {"registered_model.created", "model_version.created"}
    assert client.get_webhook(made.webhook_id).creation_timestamp == made.creation_timestamp
    changed = client.update_webhook(
        made.webhook_id, name="other", events=["prompt.created"], status="DISABLED", description="now another"
    )
    assert (changed.name, changed.status, changed.description) == ("other", WebhookStatus.DISABLED, "now another")
    assert [str(event) for event in changed.events] == ["prompt.created"]
    assert changed.url == receiver.url
    # No answer holds the secret.
    raw = requests.get(f"{mlflow.get_tracking_uri()}/api/2.0/mlflow/webhooks", timeout=30)
    assert "s3cret" not in raw.text and made.webhook_id in raw.text
    client.delete_webhook(made.webhook_id)
    for call in (client.get_webhook, client.delete_webhook):
        with pytest.raises(MlflowException) as error:
            call(made.webhook_id)
        assert error.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_lists_have_pages(client, receiver):
    made = [client.create_webhook(f"n{i}", receiver.url, ["prompt.created"]).webhook_id for i in range(5)]
    seen, token = [], None
    while True:
        page = client.list_webhooks(max_results=2, page_token=token)
        seen += [webhook.webhook_id for webhook in page]
        token = page.token
        if not token:
            break
    assert seen == made[::-1]


@pytest.mark.parametrize("name, url", [
    ("", "http://127.0.0.1/"), ("-x", "http://127.0.0.1/"), ("a b", "http://127.0.0.1/"), ("x" * 64, "http://127.0.0.1/"),
    ("ok", "ftp://127.0.0.1/"), ("ok", "file:///etc/passwd"), ("ok", "nothing"), ("ok", "http://user:word@127.0.0.1/"),
])
def test_what_is_refused(client, name, url):
    with pytest.raises(MlflowException) as error:
        client.create_webhook(name, url, ["prompt.created"])
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"


def test_unknown_events_are_refused(client, receiver):
    for events in ([], [{"entity": "PROMPT", "action": "DELETED"}], [{"entity": "X", "action": "SET"}], [{}], "x"):
        body = {"name": "n", "url": receiver.url, "events": events}
        answer = requests.post(f"{mlflow.get_tracking_uri()}/api/2.0/mlflow/webhooks", json=body, timeout=30)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), events


def test_a_test_sends_an_example_of_every_kind(client, receiver):
    assert len(ALL) == 15
    webhook = client.create_webhook("all", receiver.url, ALL, secret="word")
    for event in ALL:
        result = client.test_webhook(webhook.webhook_id, event)
        assert (result.success, result.response_status, result.response_body) == (True, 200, "taken"), event
        headers, body, path, *_ = receiver.next()
        verify("word", headers, body)
        sent = json.loads(body)
        assert (f"{sent['entity']}.{sent['action']}", path) == (event, "/hook")
        assert sent["data"]
    receiver.answers = [(500, {})]
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status) == (False, 500)
    receiver.answers = [(302, {"location": "http://127.0.0.1:1/"})]
    assert client.test_webhook(webhook.webhook_id).success is False
    client.update_webhook(webhook.webhook_id, url="http://127.0.0.1:1/")
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status) == (False, None)
    assert result.error_message


def test_everything_that_happens_is_delivered_once(client, receiver):
    client.create_webhook("all", receiver.url, ALL, secret="word")
    model, prompt = name(), name()
    client.create_registered_model(model, tags={"a": "b"}, description="d")
    client.create_model_version(model, "s3://bucket/key", tags={"c": "d"})
    client.set_model_version_tag(model, "1", "k", "v")
    client.delete_model_version_tag(model, "1", "k")
    client.set_registered_model_alias(model, "champion", "1")
    client.delete_registered_model_alias(model, "champion")
    mlflow.set_experiment(name())
    register_prompt(name=prompt, template="Hello {{who}}", commit_message="c", tags={"t": "u"})
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompt_to_experiment"):
            thread.join()
    set_prompt_tag(prompt, "k", "v")
    delete_prompt_tag(prompt, "k")
    set_prompt_version_tag(prompt, 1, "k", "v")
    delete_prompt_version_tag(prompt, 1, "k")
    set_prompt_alias(prompt, "production", 1)
    delete_prompt_alias(prompt, "production")
    expected = {
        "registered_model.created": {"name": model, "tags": {"a": "b"}, "description": "d"},
        "model_version.created": {
            "name": model, "version": "1", "source": "s3://bucket/key", "run_id": None, "tags": {"c": "d"}, "description": None,
        },
        "model_version_tag.set": {"name": model, "version": "1", "key": "k", "value": "v"},
        "model_version_tag.deleted": {"name": model, "version": "1", "key": "k"},
        "model_version_alias.created": {"name": model, "alias": "champion", "version": "1"},
        "model_version_alias.deleted": {"name": model, "alias": "champion"},
        "prompt.created": {"name": prompt, "tags": {"t": "u"}, "description": "c"},
        "prompt_version.created": {
            "name": prompt, "version": "1", "template": "Hello {{who}}", "tags": {"t": "u"}, "description": "c",
        },
        "prompt_tag.set": {"name": prompt, "key": "k", "value": "v"},
        "prompt_tag.deleted": {"name": prompt, "key": "k"},
        "prompt_version_tag.set": {"name": prompt, "version": "1", "key": "k", "value": "v"},
        "prompt_version_tag.deleted": {"name": prompt, "version": "1", "key": "k"},
        "prompt_alias.created": {"name": prompt, "alias": "production", "version": "1"},
        "prompt_alias.deleted": {"name": prompt, "alias": "production"},
    }
    found, ids = {}, set()
    while len(found) < len(expected):
        headers, body, *_ = receiver.next()
        ids.add(verify("word", headers, body))
        sent = json.loads(body)
        kind = f"{sent['entity']}.{sent['action']}"
        # The link to the experiment is a tag too.
        if kind == "prompt_tag.set" and sent["data"]["key"] == "_mlflow_experiment_ids":
            continue
        assert kind not in found, kind
        found[kind] = sent["data"]
    assert found == expected
    assert receiver.calls.empty() and len(ids) == len(expected) + 1


def test_only_what_was_asked_for_and_only_from_then_on(client, receiver):
    before = name()
    client.create_registered_model(before)
    webhook = client.create_webhook("some", receiver.url, ["registered_model.created"])
    other = name()
    client.create_registered_model(other)
    client.create_model_version(other, "s3://bucket/key")
    headers, body, *_ = receiver.next()
    assert json.loads(body)["data"]["name"] == other
    assert "x-mlflow-signature" not in {key.lower() for key in headers}, "there is no secret"
    client.update_webhook(webhook.webhook_id, status="DISABLED")
    client.create_registered_model(name())
    last = client.create_webhook("last", receiver.url, ["prompt.created"])
    register_prompt(name=name(), template="x")
    # What comes next is the prompt: nothing was sent to the disabled one meanwhile.
    assert json.loads(receiver.next()[1])["entity"] == "prompt"
    client.delete_webhook(last.webhook_id)
    assert receiver.calls.empty()


def test_a_call_that_fails_is_repeated_with_the_same_id(client, receiver):
    client.create_webhook("again", receiver.url, ["registered_model.created"], secret="word")
    receiver.answers = [(503, {}), (429, {"retry-after": "2"})]
    client.create_registered_model(name())
    calls = [receiver.next() for _ in range(3)]
    assert [call[3] for call in calls] == [503, 429, 200]
    assert len({verify("word", call[0], call[1]) for call in calls}) == 1
    assert len({call[1] for call in calls}) == 1
    pauses = [after[4] - before[4] for before, after in zip(calls, calls[1:])]
    assert pauses[0] >= 0.9 and pauses[1] >= 1.9
    # What the receiver will never take is not repeated.
    receiver.answers = [(404, {})]
    client.create_registered_model(name())
    client.create_registered_model(name())
    assert sorted(receiver.next()[3] for _ in range(2)) == [200, 404]
    assert receiver.calls.empty()


def test_a_slow_receiver_delays_nobody_else(client, receiver):
    gate = threading.Event()

    class Slow(BaseHTTPRequestHandler):
        def do_POST(self):
            gate.wait(30)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    slow = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    thread = threading.Thread(target=slow.serve_forever)
    thread.start()
    try:
        client.create_webhook("slow", f"http://127.0.0.1:{slow.server_port}/", ["registered_model.created"])
        client.create_webhook("quick", receiver.url, ["registered_model.created"])
        for _ in range(12):
            client.create_registered_model(name())
        for _ in range(12):
            receiver.next()
        assert not gate.is_set()
    finally:
        gate.set()
        slow.shutdown()
        slow.server_close()
        thread.join()


def test_events_are_what_the_client_knows():
    assert {str(WebhookEvent.from_str(event)) for event in ALL} == set(ALL)
