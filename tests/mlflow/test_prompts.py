"""The stock mlflow.genai client against a Trimtab server: prompts are registered models with tags."""

import json
import threading
import uuid

import mlflow
import pytest
import requests
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.genai import (
    delete_prompt_alias, delete_prompt_tag, delete_prompt_version_tag, get_prompt_tags, load_prompt, register_prompt,
    search_prompts, set_prompt_alias, set_prompt_tag, set_prompt_version_tag,
)
from pydantic import BaseModel


@pytest.fixture
def client():
    return MlflowClient()


@pytest.fixture
def name():
    mlflow.set_experiment(f"p-{uuid.uuid4().hex}")
    return f"prompt-{uuid.uuid4().hex}"


def wait_for_links():
    """The client links a prompt to the experiment on a thread of its own, which it does not name to anyone."""
    for thread in threading.enumerate():
        if thread.name.startswith("link_prompt_to_experiment"):
            thread.join()


def test_from_register_to_load(name):
    made = register_prompt(
        name=name, template="Hello {{who}}, said {{ by }}.", commit_message="first", tags={"team": "a"}
    )
    assert (made.version, made.commit_message) == (1, "first")
    again = register_prompt(name=name, template="Good day {{who}}.", tags={"team": "b"})
    assert again.version == 2
    first = load_prompt(name, version=1)
    assert first.template == "Hello {{who}}, said {{ by }}."
    assert first.format(who="Ada", by="Bob") == "Hello Ada, said Bob."
    assert first.tags["team"] == "a"
    assert load_prompt(f"prompts:/{name}/2").template == "Good day {{who}}."
    assert load_prompt(name, cache_ttl_seconds=0).version == 2
    assert load_prompt(f"prompts:/{name}@latest", cache_ttl_seconds=0).version == 2
    assert load_prompt(name + "x", version=1, allow_missing=True) is None
    with pytest.raises(MlflowException):
        load_prompt(name, version=3)
    assert get_prompt_tags(name)["team"] == "b"
    wait_for_links()


def test_chat_response_format_and_model_config(client, name):
    class Answer(BaseModel):
        text: str
        score: float

    messages = [{"role": "system", "content": "You are {{style}}."}, {"role": "user", "content": "{{question}}"}]
    made = register_prompt(
        name=name, template=messages, response_format=Answer,
        model_config={"model_name": "m", "temperature": 0.5, "max_tokens": 10},
    )
    loaded = load_prompt(name, version=made.version, cache_ttl_seconds=0)
    assert loaded.template == messages
    assert loaded.format(style="kind", question="why?")[1]["content"] == "why?"
    assert loaded.response_format["properties"]["score"]["type"] == "number"
    assert (loaded.model_config["model_name"], loaded.model_config["temperature"]) == ("m", 0.5)
    wait_for_links()


def test_a_long_text_that_is_not_ascii(name):
    text = "é" * 100_000
    register_prompt(name=name, template=text)
    assert load_prompt(name, version=1, cache_ttl_seconds=0).template == text
    with pytest.raises(MlflowException) as error:
        register_prompt(name=name, template=text + "é")
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    wait_for_links()


def test_aliases_and_tags(client, name):
    for text in ("one", "two"):
        register_prompt(name=name, template=text)
    set_prompt_alias(name, "production", 1)
    assert load_prompt(f"prompts:/{name}@production", cache_ttl_seconds=0).template == "one"
    set_prompt_alias(name, "production", 2)
    loaded = load_prompt(f"prompts:/{name}@production", cache_ttl_seconds=0)
    assert (loaded.template, loaded.aliases) == ("two", ["production"])
    delete_prompt_alias(name, "production")
    with pytest.raises(MlflowException):
        load_prompt(f"prompts:/{name}@production", cache_ttl_seconds=0)
    set_prompt_tag(name, "k", "v")
    assert get_prompt_tags(name)["k"] == "v"
    delete_prompt_tag(name, "k")
    assert "k" not in get_prompt_tags(name)
    set_prompt_version_tag(name, 1, "k", "v")
    assert load_prompt(name, version=1, cache_ttl_seconds=0).tags["k"] == "v"
    delete_prompt_version_tag(name, 1, "k")
    assert "k" not in load_prompt(name, version=1, cache_ttl_seconds=0).tags
    wait_for_links()


def test_search_and_the_link_to_the_experiment(client, name):
    experiment = mlflow.set_experiment(f"p-{uuid.uuid4().hex}").experiment_id
    for i in range(3):
        register_prompt(name=f"{name}-{i}", template=f"text {i}", tags={"odd": str(i % 2)})
    wait_for_links()
    found = search_prompts(filter_string=f"name LIKE '{name}%'")
    assert sorted(prompt.name for prompt in found) == [f"{name}-{i}" for i in range(3)]
    found = search_prompts(filter_string=f"name LIKE '{name}%' AND tags.odd = '1'")
    assert [prompt.name for prompt in found] == [f"{name}-1"]
    found = search_prompts(filter_string=f"name LIKE '{name}%'", order_by=["name DESC"], max_results=2)
    assert [prompt.name for prompt in found] == [f"{name}-2", f"{name}-1"]
    assert get_prompt_tags(f"{name}-0")["_mlflow_experiment_ids"] == f",{experiment},"
    found = search_prompts(filter_string=f"tags.`_mlflow_experiment_ids` LIKE '%,{experiment},%'")
    assert len(found) == 3
    versions = client.search_prompt_versions(f"{name}-0")
    assert [version.version for version in versions] == [1]
    # What asks for models sees no prompts, and the other way round.
    client.create_registered_model(f"{name}-model")
    models = client.search_registered_models(f"name LIKE '{name}%'")
    assert [model.name for model in models] == [f"{name}-model"]
    assert client.search_model_versions(f"name LIKE '{name}%'") == []


def test_links_to_runs_and_models(client, name):
    prompt = register_prompt(name=name, template="text")
    with mlflow.start_run() as run:
        loaded = load_prompt(name, version=1, cache_ttl_seconds=0)
        client.link_prompt_version_to_run(run.info.run_id, loaded)
        model = mlflow.initialize_logged_model(name="m")
        client.link_prompt_version_to_model(name, "1", model.model_id)
    linked = json.loads(client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"])
    assert linked == [{"name": name, "version": "1"}]
    linked = json.loads(client.get_logged_model(model.model_id).tags["mlflow.linkedPrompts"])
    assert linked == [{"name": name, "version": "1"}]
    assert prompt.uri == f"prompts:/{name}/1"
    wait_for_links()


def test_deletion_and_the_name_afterwards(client, name):
    register_prompt(name=name, template="one")
    register_prompt(name=name, template="two")
    wait_for_links()
    client.delete_prompt_version(name, "1")
    assert [version.version for version in client.search_prompt_versions(name)] == [2]
    client.delete_prompt_version(name, "2")
    client.delete_prompt(name)
    assert load_prompt(name, version=2, allow_missing=True, cache_ttl_seconds=0) is None
    # Numbers go on: lineage names versions as NAME/VERSION.
    assert register_prompt(name=name, template="three").version == 3
    wait_for_links()


def test_a_name_is_a_models_or_a_prompts(client, name):
    client.create_registered_model(name)
    with pytest.raises(MlflowException) as error:
        register_prompt(name=name, template="text")
    assert error.value.error_code == "INVALID_PARAMETER_VALUE"
    prompt = name + "-p"
    register_prompt(name=prompt, template="text")
    with pytest.raises(MlflowException) as error:
        client.create_registered_model(prompt)
    assert error.value.error_code == "RESOURCE_ALREADY_EXISTS"
    wait_for_links()


def create_version(name, source, tags):
    """Straight to the server: the stock client refuses these itself."""
    body = {"name": name, "source": source, "tags": [{"key": key, "value": value} for key, value in tags.items()]}
    return requests.post(f"{mlflow.get_tracking_uri()}/api/2.0/mlflow/model-versions/create", json=body, timeout=30)


@pytest.mark.parametrize("source", ["/etc/passwd", "file:///etc", "prompt-template/../../x", "s3://bucket/key"])
def test_a_prompts_source_cannot_be_anything_else(client, name, source):
    tags = {"mlflow.prompt.is_prompt": "true", "mlflow.prompt.text": "x"}
    register_prompt(name=name, template="text")
    refused = create_version(name, source, tags)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    # Nor does the placeholder serve a model, nor a version that only says that it is a prompt's.
    client.create_registered_model(name + "-m")
    for these in ({}, tags):
        refused = create_version(name + "-m", "prompt-template", these)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    wait_for_links()
