"""Drives a server with the unmodified tritonclient: in its default binary form, in JSON, packed, and wrongly."""

import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

client = triton.InferenceServerClient(sys.argv[1], concurrency=4)

# Health and descriptions.
assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready("flights") and client.is_model_ready("flights", "2")
assert not client.is_model_ready("empty") and not client.is_model_ready("none")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
assert client.get_model_metadata("flights")["inputs"][0] == {
    "name": "carrier",
    "datatype": "BYTES",
    "shape": [-1, 1],
}
assert client.get_model_config("flights")["input"][2]["data_type"] == "TYPE_FP32"

ROWS = {
    "carrier": np.array([["UA"], ["ZZ"]], dtype=object),
    "origin": np.array([[b"EWR"], [b"JFK"]], dtype=object),
    "distance": np.array([[500], [1000]], dtype=np.float32),
    "temp": np.array([[10], [15]], dtype=np.float32),
}


def flights(binary):
    inputs = []
    for name, values in ROWS.items():
        kind = "BYTES" if values.dtype == object else "FP32"
        tensor = triton.InferInput(name, list(values.shape), kind)
        tensor.set_data_from_numpy(values, binary_data=binary)
        inputs.append(tensor)
    return inputs


# Binary (what the client does by itself) and JSON say the same.
expected = client.infer("flights", flights(True)).as_numpy("probabilities")
assert expected.shape == (2, 2) and expected.dtype == np.float32
for binary_in in (True, False):
    for binary_out in (True, False, None):
        outputs = None
        if binary_out is not None:
            outputs = [
                triton.InferRequestedOutput("probabilities", binary_data=binary_out),
                triton.InferRequestedOutput("label", binary_data=not binary_out),
            ]
        for request_packing, response_packing in ((None, None), ("gzip", "deflate"), ("deflate", "gzip")):
            result = client.infer(
                "flights",
                flights(binary_in),
                outputs=outputs,
                request_id="mine",
                headers={"x-trimtab-key": "unit"},
                parameters={"row_keys": '["a", "b"]'},
                request_compression_algorithm=request_packing,
                response_compression_algorithm=response_packing,
            )
            np.testing.assert_array_equal(result.as_numpy("probabilities"), expected)
            assert result.as_numpy("label").tolist() == [1, 0]
            assert result.get_response()["id"] == "mine"
            assert result.get_response()["model_name"] == "flights"

# A version, and asynchronously.
second = client.infer("flights", flights(True), model_version="2")
assert second.get_response()["model_version"] == "2"
assert not np.array_equal(second.as_numpy("probabilities"), expected)
handles = [client.async_infer("flights", flights(True)) for _ in range(32)]
for handle in handles:
    np.testing.assert_array_equal(handle.get_result().as_numpy("probabilities"), expected)

# Every type that numpy and the client share.
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
inputs = []
for name, (kind, values) in VALUES.items():
    tensor = triton.InferInput(name, [2], kind)
    tensor.set_data_from_numpy(values)
    inputs.append(tensor)
result = client.infer("types", inputs)
for name, (kind, values) in VALUES.items():
    found = result.as_numpy("out_" + name)
    if kind == "BYTES":
        assert [text.decode() for text in found] == values.tolist(), found
    else:
        np.testing.assert_array_equal(found, values, err_msg=name)

# Numbers that JSON has no number for, in JSON.
tensor = triton.InferInput("x", [3, 1], "FP32")
tensor.set_data_from_numpy(np.array([[0], [-1], [1]], dtype=np.float32))
output = triton.InferRequestedOutput("y", binary_data=False)
found = client.infer("logarithm", [tensor], outputs=[output]).as_numpy("y").ravel()
assert np.isneginf(found[0]) and np.isnan(found[1]) and found[2] == 0, found


def refused(expected, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except InferenceServerException as error:
        assert expected in error.message(), error.message()
    else:
        raise AssertionError(f"not refused: {expected}")


refused("input `temp` is missing", client.infer, "flights", flights(True)[:3])
refused("endpoint `none` does not exist", client.infer, "none", flights(True))
refused("no output `q`", client.infer, "flights", flights(True), outputs=[triton.InferRequestedOutput("q")])
refused("serves no version 9", client.infer, "flights", flights(True), model_version="9")
refused("does not exist", client.get_model_metadata, "none")

# The registry is the model repository.
states = {row["name"]: row["state"] for row in client.get_model_repository_index()}
assert states["flights"] == "READY" and states["empty"] == states["other"] == "UNAVAILABLE", states
refused("neither alias `champion` nor `production`", client.load_model, "spare")
refused("parameter `config`", client.load_model, "other", config="{}")
client.load_model("other")
assert client.is_model_ready("other")
np.testing.assert_array_equal(client.infer("other", flights(True)).as_numpy("probabilities"), expected)
refused("declared by project", client.unload_model, "flights")
client.unload_model("other")
assert not client.is_model_ready("other")
refused("does not exist", client.unload_model, "other")

# Statistics count rows, executions and time.
stats = client.get_inference_statistics("logarithm")["model_stats"][0]
assert (stats["inference_count"], stats["execution_count"]) == (3, 1), stats
assert stats["inference_stats"]["compute_infer"]["ns"] > 0
assert stats["batch_stats"][0]["batch_size"] == 3
assert len(client.get_inference_statistics()["model_stats"]) == 6

# Trace settings: of all, of one model, cleared again.
assert client.get_trace_settings()["trace_level"] == ["OFF"]
found = client.update_trace_settings("flights", {"trace_level": ["TIMESTAMPS"], "trace_rate": "1", "trace_count": 2})
assert (found["trace_level"], found["trace_rate"], found["trace_count"]) == (["TIMESTAMPS"], "1", "2"), found
client.infer("flights", flights(True))
assert client.get_trace_settings("flights")["trace_count"] == "1"
assert client.get_trace_settings("logarithm")["trace_level"] == ["OFF"]
assert client.update_trace_settings("flights", {"trace_level": None, "trace_rate": None})["trace_level"] == ["OFF"]
refused("trace_file", client.update_trace_settings, settings={"trace_file": "/tmp/x"})
refused("TENSORS is not known", client.update_trace_settings, settings={"trace_level": "TENSORS"})
refused("does not exist", client.get_trace_settings, "none")

# Log settings: levels nest.
logs = client.get_log_settings()
assert (logs["log_warning"], logs["log_info"], logs["log_verbose_level"]) == (True, False, 0), logs
assert client.update_log_settings({"log_verbose_level": 1})["log_info"]
assert client.update_log_settings({"log_info": False}) == logs
refused("goes to stderr", client.update_log_settings, {"log_file": "/tmp/x"})
refused("unknown field `colour`", client.update_log_settings, {"colour": 1})

# Shared memory is off, and of GPUs there is none.
assert client.get_system_shared_memory_status() == []
refused("switched off", client.register_system_shared_memory, "r", "/key", 4)
client.unregister_system_shared_memory()
refused("CUDA shared memory is not supported", client.get_cuda_shared_memory_status)
refused("CUDA shared memory is not supported", client.register_cuda_shared_memory, "r", b"aGFuZGxl", 0, 4)
refused("CUDA shared memory is not supported", client.unregister_cuda_shared_memory)
tensor = triton.InferInput("x", [1, 1], "FP32")
tensor.set_shared_memory("r", 4)
refused("switched off", client.infer, "logarithm", [tensor])

# Classes in place of a tensor, in both forms.
for binary in (True, False):
    output = triton.InferRequestedOutput("probabilities", binary_data=binary, class_count=2)
    ranked = client.infer("flights", flights(True), outputs=[output]).as_numpy("probabilities")
    texts = [text.decode() if isinstance(text, bytes) else text for text in ranked[0]]
    assert ranked.shape == (2, 2) and texts[0].endswith(f":{expected[0].argmax()}"), ranked
print("ok")
