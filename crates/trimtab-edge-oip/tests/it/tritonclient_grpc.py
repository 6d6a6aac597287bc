"""Drives a server with the unmodified tritonclient over gRPC: blocking, asynchronous, asyncio and streaming, rightly and wrongly."""

import asyncio
import queue
import sys

import grpc
import ml_dtypes
import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

ADDRESS = sys.argv[1]
client = triton.InferenceServerClient(ADDRESS)

# Health and descriptions.
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("flights") and client.is_model_ready("flights", "2")
assert not client.is_model_ready("empty")
server = client.get_server_metadata()
assert server.name == "trimtab" and "binary_tensor_data" in server.extensions
metadata = client.get_model_metadata("flights", as_json=True)
assert metadata["inputs"][0] == {"name": "carrier", "datatype": "BYTES", "shape": ["-1", "1"]}
assert metadata["versions"] == ["1", "2"] and metadata["platform"] == "onnxruntime_onnx"
config = client.get_model_config("flights", as_json=True)["config"]
assert config["input"][2] == {"name": "distance", "data_type": "TYPE_FP32", "dims": ["-1", "1"]}
assert config["backend"] == "onnxruntime" and config["version_policy"]["specific"]["versions"] == ["1", "2"]

ROWS = {
    "carrier": np.array([["UA"], ["ZZ"]], dtype=object),
    "origin": np.array([[b"EWR"], [b"JFK"]], dtype=object),
    "distance": np.array([[500], [1000]], dtype=np.float32),
    "temp": np.array([[10], [15]], dtype=np.float32),
}


def flights(module=triton):
    inputs = []
    for name, values in ROWS.items():
        tensor = module.InferInput(name, list(values.shape), "BYTES" if values.dtype == object else "FP32")
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    return inputs


# Inference: packed or not, with outputs chosen, ids, our own headers, a version, a deadline.
first = client.infer("flights", flights())
expected = first.as_numpy("probabilities")
assert expected.shape == (2, 2) and expected.dtype == np.float32
assert first.as_numpy("label").tolist() == [1, 0]
for packing in (None, "gzip", "deflate"):
    result = client.infer(
        "flights",
        flights(),
        outputs=[triton.InferRequestedOutput("probabilities")],
        request_id="mine",
        headers={"x-trimtab-key": "unit"},
        parameters={"row_keys": '["a", "b"]'},
        compression_algorithm=packing,
        client_timeout=30,
    )
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
    assert result.as_numpy("label") is None
    assert result.get_response().id == "mine" and result.get_response().model_name == "flights"
second = client.infer("flights", flights(), model_version="2")
assert second.get_response().model_version == "2"
assert not np.array_equal(second.as_numpy("probabilities"), expected)

# Classification.
classes = client.infer("flights", flights(), outputs=[triton.InferRequestedOutput("probabilities", class_count=1)])
ranked = classes.as_numpy("probabilities")
assert ranked.shape == (2, 1), ranked
for row, text in enumerate(ranked.ravel()):
    value, place = text.decode().split(":")
    assert int(place) == expected[row].argmax() and abs(float(value) - expected[row].max()) < 1e-6

# Every type that numpy and the client share, raw.
VALUES = {
    "bool": ("BOOL", np.array([True, False])),
    "uint8": ("UINT8", np.array([0, 255], dtype=np.uint8)),
    "uint16": ("UINT16", np.array([0, 65535], dtype=np.uint16)),
    "uint32": ("UINT32", np.array([0, 2**32 - 1], dtype=np.uint32)),
    "uint64": ("UINT64", np.array([0, 2**64 - 1], dtype=np.uint64)),
    "int8": ("INT8", np.array([-128, 127], dtype=np.int8)),
    "int16": ("INT16", np.array([-32768, 1], dtype=np.int16)),
    "int32": ("INT32", np.array([-(2**31), 1], dtype=np.int32)),
    "int64": ("INT64", np.array([-(2**63), 1], dtype=np.int64)),
    "fp16": ("FP16", np.array([1.5, -2], dtype=np.float16)),
    "bf16": ("BF16", np.array([1.5, -2], dtype=ml_dtypes.bfloat16)),
    "fp32": ("FP32", np.array([1.5, np.nan], dtype=np.float32)),
    "fp64": ("FP64", np.array([1.5, np.inf], dtype=np.float64)),
    "bytes": ("BYTES", np.array(["", "ünï"], dtype=object)),
}


def types():
    inputs = []
    for name, (kind, values) in VALUES.items():
        tensor = triton.InferInput(name, [2], kind)
        tensor.set_data_from_numpy(values)
        inputs.append(tensor)
    return inputs


def same(found, kind, values, name):
    if kind == "BYTES":
        assert [text.decode() for text in found] == values.tolist(), found
    else:
        np.testing.assert_array_equal(found, values, err_msg=name)


result = client.infer("types", types())
for name, (kind, values) in VALUES.items():
    same(result.as_numpy("out_" + name), kind, values, name)

# Typed contents, as clients made from the protocol file send them; those of FP16 and BF16 do not exist.
FIELDS = {"BOOL": "bool", "UINT64": "uint64", "INT64": "int64", "FP32": "fp32", "FP64": "fp64", "BYTES": "bytes"}
FIELDS |= dict.fromkeys(["UINT8", "UINT16", "UINT32"], "uint") | dict.fromkeys(["INT8", "INT16", "INT32"], "int")
stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(ADDRESS))


def typed(model, tensors):
    request = service_pb2.ModelInferRequest(model_name=model)
    for name, kind, values in tensors:
        tensor = request.inputs.add(name=name, datatype=kind, shape=[len(values), 1])
        getattr(tensor.contents, FIELDS[kind] + "_contents").extend(values)
    return request


tensors = [(name, "BYTES" if values.dtype == object else "FP32", values.ravel().tolist()) for name, values in ROWS.items()]
tensors = [(name, kind, [v.encode() if isinstance(v, str) else v for v in values]) for name, kind, values in tensors]
answer = stub.ModelInfer(typed("flights", tensors))
np.testing.assert_array_equal(np.frombuffer(answer.raw_output_contents[1], np.float32).reshape(2, 2), expected)
for name, (kind, values) in VALUES.items():
    if kind in FIELDS:
        request = service_pb2.ModelInferRequest(model_name="types")
        for other, (other_kind, other_values) in VALUES.items():
            tensor = request.inputs.add(name=other, datatype=other_kind, shape=[2])
            if other == name:
                texts = [text.encode() for text in values.tolist()] if kind == "BYTES" else values.tolist()
                getattr(tensor.contents, FIELDS[kind] + "_contents").extend(texts)
        # One typed input among inputs without any: the first of those is refused, and not the typed one.
        try:
            stub.ModelInfer(request)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.INVALID_ARGUMENT and f"`{name}`" not in error.details(), error
        else:
            raise AssertionError(name)

# Asynchronously, with callbacks.
answers = queue.Queue()
calls = [client.async_infer("flights", flights(), lambda result, error: answers.put((result, error))) for _ in range(32)]
for _ in calls:
    result, error = answers.get(timeout=30)
    assert error is None, error
    np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)

# A stream: answers in the order of requests; a refusal is told and the stream goes on.
client.start_stream(lambda result, error: answers.put((result, error)))
for at in range(8):
    model = "none" if at == 3 else "flights"
    client.async_stream_infer(model, flights(), request_id=str(at), enable_empty_final_response=True)
for at in range(8):
    result, error = answers.get(timeout=30)
    if at == 3:
        assert "endpoint `none` does not exist" in error.message(), error
    else:
        assert error is None and result.get_response().id == str(at), (at, error, result)
        assert result.get_response().parameters["triton_final_response"].bool_param
        np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
client.stop_stream()

# Where the caller asks for it, the first refusal ends the stream with its status.
client.start_stream(lambda result, error: answers.put((result, error)), headers={"triton_grpc_error": "true"})
client.async_stream_infer("none", flights())
result, error = answers.get(timeout=30)
assert error.status() == "StatusCode.NOT_FOUND", error
client.stop_stream()


async def with_asyncio():
    async with aio.InferenceServerClient(ADDRESS) as client:
        assert await client.is_server_live() and await client.is_model_ready("flights")
        results = await asyncio.gather(*(client.infer("flights", flights(aio)) for _ in range(16)))
        for result in results:
            np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)

        async def requests():
            for at in range(4):
                yield {"model_name": "none" if at == 2 else "flights", "inputs": flights(aio), "request_id": str(at)}

        found = []
        async for result, error in client.stream_infer(requests()):
            found.append(error.message() if error else result.get_response().id)
        assert found[:2] == ["0", "1"] and "does not exist" in found[2] and found[3] == "3", found
        try:
            await client.infer("flights", flights(aio), model_version="9")
        except InferenceServerException as error:
            assert error.status() == "StatusCode.NOT_FOUND", error
        else:
            raise AssertionError("version 9 answered")


asyncio.run(with_asyncio())


# Refusals: each with its status.
def refused(status, expected, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except InferenceServerException as error:
        found = error.status(), error.message()
    except grpc.RpcError as error:
        found = str(error.code()), error.details()
    else:
        raise AssertionError(f"not refused: {expected}")
    assert found[0] == "StatusCode." + status and expected in found[1], found


refused("INVALID_ARGUMENT", "input `temp` is missing", client.infer, "flights", flights()[:3])
refused("NOT_FOUND", "endpoint `none` does not exist", client.infer, "none", flights())
refused("NOT_FOUND", "does not exist", client.infer, "a b", flights())
refused("NOT_FOUND", "serves no version 9", client.infer, "flights", flights(), model_version="9")
refused("NOT_FOUND", "does not exist", client.get_model_metadata, "none")
refused("NOT_FOUND", "does not exist", client.is_model_ready, "none")
refused("UNAVAILABLE", "has no champion yet", client.infer, "empty", flights())
output = [triton.InferRequestedOutput("q")]
refused("INVALID_ARGUMENT", "no output `q`", client.infer, "flights", flights(), outputs=output)
request = typed("flights", tensors)
request.raw_input_contents.append(b"1234")
refused("INVALID_ARGUMENT", "one form for all inputs", stub.ModelInfer, request)
request = typed("logarithm", [("x", "FP32", [1.0])])
request.inputs[0].ClearField("contents")
request.raw_input_contents.extend([b"1234", b"1234"])
refused("INVALID_ARGUMENT", "1 inputs and 2 raw_input_contents", stub.ModelInfer, request)
del request.raw_input_contents[:]
request.raw_input_contents.append(b"123")
refused("INVALID_ARGUMENT", "3 bytes are no whole number of FP32", stub.ModelInfer, request)
for shape, expected_text in [
    ([2**40, 28], "elements, 1 were given"),
    ([2**62, 2**62], "too many elements"),
    ([-1, 1], "-1 is no size of a dimension"),
    ([1] * 100, "100 dimensions"),
    ([1], "has shape [1]"),
]:
    request = typed("logarithm", [("x", "FP32", [1.0])])
    del request.inputs[0].shape[:]
    request.inputs[0].shape.extend(shape)
    refused("INVALID_ARGUMENT", expected_text, stub.ModelInfer, request)
refused("INVALID_ARGUMENT", "no rows", stub.ModelInfer, typed("logarithm", [("x", "FP32", [])]))
request = typed("logarithm", [("x", "FP32", [1.0])])
request.inputs[0].datatype = "FP99"
refused("INVALID_ARGUMENT", "`FP99` is not a datatype", stub.ModelInfer, request)
request.inputs[0].datatype = "FP64"
refused("INVALID_ARGUMENT", "belong into fp64_contents alone", stub.ModelInfer, request)
request.inputs[0].datatype = "BF16"
refused("INVALID_ARGUMENT", "no typed contents of BF16", stub.ModelInfer, request)
request = service_pb2.ModelInferRequest(model_name="types")
request.inputs.add(name="uint8", datatype="UINT8", shape=[1]).contents.uint_contents.append(256)
refused("INVALID_ARGUMENT", "256 is no UINT8", stub.ModelInfer, request)

# The registry is the model repository.
states = {row.name: row.state for row in client.get_model_repository_index().models}
assert states["flights"] == "READY" and states["empty"] == states["other"] == "UNAVAILABLE", states
refused("FAILED_PRECONDITION", "neither alias `champion` nor `production`", client.load_model, "spare")
refused("UNIMPLEMENTED", "parameter `config`", client.load_model, "other", config="{}")
client.load_model("other")
assert client.is_model_ready("other")
np.testing.assert_array_equal(client.infer("other", flights()).as_numpy("probabilities"), expected)
refused("FAILED_PRECONDITION", "declared by project", client.unload_model, "flights")
client.unload_model("other")
refused("NOT_FOUND", "does not exist", client.unload_model, "other")
named = service_pb2.RepositoryIndexRequest(repository_name="s3")
refused("INVALID_ARGUMENT", "no repository `s3`", stub.RepositoryIndex, named)

# Statistics count rows, executions and time.
tensor = triton.InferInput("x", [5, 1], "FP32")
tensor.set_data_from_numpy(np.ones([5, 1], dtype=np.float32))
client.infer("logarithm", [tensor])
stats = client.get_inference_statistics("logarithm").model_stats[0]
assert (stats.inference_count, stats.execution_count) == (5, 1), stats
assert stats.inference_stats.compute_infer.ns > 0 and stats.inference_stats.fail.count > 0
assert stats.batch_stats[0].batch_size == 5 and stats.last_inference > 1_700_000_000_000
assert len(client.get_inference_statistics().model_stats) == 6

# Trace settings: of all, of one model, cleared again.
def values(answer):
    return {key: list(setting.value) for key, setting in answer.settings.items()}


assert values(client.get_trace_settings())["trace_level"] == ["OFF"]
found = values(client.update_trace_settings("flights", {"trace_level": ["TIMESTAMPS"], "trace_rate": "1", "trace_count": "2"}))
assert (found["trace_level"], found["trace_rate"], found["trace_count"]) == (["TIMESTAMPS"], ["1"], ["2"]), found
client.infer("flights", flights())
assert values(client.get_trace_settings("flights"))["trace_count"] == ["1"]
found = values(client.update_trace_settings("flights", {"trace_level": None, "trace_rate": None}))
assert (found["trace_level"], found["trace_rate"]) == (["OFF"], ["1000"]), found
refused("UNIMPLEMENTED", "trace_file", client.update_trace_settings, settings={"trace_file": "/tmp/x"})
refused("NOT_FOUND", "does not exist", client.get_trace_settings, "none")

# Log settings: levels nest.
logs = client.get_log_settings(as_json=True)["settings"]
assert logs["log_warning"] == {"bool_param": True} and logs["log_info"] == {"bool_param": False}, logs
assert client.update_log_settings({"log_verbose_level": 1}).settings["log_info"].bool_param
assert client.update_log_settings({"log_info": False}, as_json=True)["settings"] == logs
refused("UNIMPLEMENTED", "goes to stderr", client.update_log_settings, {"log_file": "/tmp/x"})
refused("INVALID_ARGUMENT", "no log setting", client.update_log_settings, {"colour": 1})

# Shared memory is off, and of GPUs there is none.
assert not client.get_system_shared_memory_status().regions
refused("UNIMPLEMENTED", "switched off", client.register_system_shared_memory, "r", "/key", 4)
client.unregister_system_shared_memory()
cuda = "CUDA shared memory is not supported"
refused("UNIMPLEMENTED", cuda, client.get_cuda_shared_memory_status)
refused("UNIMPLEMENTED", cuda, client.register_cuda_shared_memory, "r", b"aGFuZGxl", 0, 4)
refused("UNIMPLEMENTED", cuda, client.unregister_cuda_shared_memory)
tensor = triton.InferInput("x", [1, 1], "FP32")
tensor.set_shared_memory("r", 4)
refused("UNIMPLEMENTED", "switched off", client.infer, "logarithm", [tensor])

# Bytes that are no message, a method that is none, a deadline that passes, health.
channel = grpc.insecure_channel(ADDRESS)
raw = channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
refused("INVALID_ARGUMENT", "no ModelInferRequest", raw, b"\xff\xff\xff")
refused("INVALID_ARGUMENT", "no ModelInferRequest", raw, b"\x0a\x02\xff\xfe")
refused("UNIMPLEMENTED", "no method", channel.unary_unary("/inference.GRPCInferenceService/Nothing"), b"")
refused("UNIMPLEMENTED", "no method", channel.unary_unary("/other.Service/Nothing"), b"")
check = channel.unary_unary("/grpc.health.v1.Health/Check")
assert check(b"") == b"\x08\x01" and check(b"\x0a\x1einference.GRPCInferenceService") == b"\x08\x01"
refused("NOT_FOUND", "no service", check, b"\x0a\x01x")
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
assert next(watch) == b"\x08\x01"
print("watching", flush=True)
# The server is told to stop now: who watches hears of it, and the stream ends.
assert next(watch) == b"\x08\x02"
assert list(watch) == []
print("ok")
