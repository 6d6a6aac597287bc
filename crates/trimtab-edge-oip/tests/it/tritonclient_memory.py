"""Hands tensors over in system shared memory, with the unmodified tritonclient over HTTP and gRPC."""

import sys
import uuid

import numpy as np
import tritonclient.grpc
import tritonclient.http
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

X = np.array([[1], [2], [4]], dtype=np.float32)
KEY = f"/trimtab-{uuid.uuid4().hex}"
region = shm.create_shared_memory_region("tensors", KEY, 64)
try:
    for module in (tritonclient.http, tritonclient.grpc):
        client = module.InferenceServerClient(sys.argv[1])
        server = client.get_server_metadata()
        extensions = server["extensions"] if module is tritonclient.http else server.extensions
        assert "system_shared_memory" in extensions
        client.register_system_shared_memory("tensors", KEY, 64)
        status = client.get_system_shared_memory_status("tensors", **({"as_json": True} if module is tritonclient.grpc else {}))
        row = status["regions"]["tensors"] if module is tritonclient.grpc else status[0]
        assert (row["key"], int(row["byte_size"])) == (KEY, 64), status
        shm.set_shared_memory_region(region, [X])
        tensor = module.InferInput("x", [3, 1], "FP32")
        tensor.set_shared_memory("tensors", X.nbytes)
        output = module.InferRequestedOutput("y")
        output.set_shared_memory("tensors", X.nbytes, offset=32)
        result = client.infer("logarithm", [tensor], outputs=[output])
        found = shm.get_contents_as_numpy(region, np.float32, [3, 1], offset=32)
        np.testing.assert_allclose(found, np.log(X), rtol=1e-6)
        told = result.get_output("y")
        parameters = told["parameters"] if module is tritonclient.http else told.parameters
        size = parameters["shared_memory_byte_size"]
        assert (size if module is tritonclient.http else size.int64_param) == X.nbytes

        # An input in the region beside inputs in the request, and outputs of both kinds.
        rows = {
            "carrier": np.array([["UA"], ["ZZ"]], dtype=object),
            "origin": np.array([["EWR"], ["JFK"]], dtype=object),
            "distance": np.array([[500], [1000]], dtype=np.float32),
            "temp": np.array([[10], [15]], dtype=np.float32),
        }
        inputs, plain = [], []
        for name, values in rows.items():
            kind = "BYTES" if values.dtype == object else "FP32"
            for target in (inputs, plain):
                tensor = module.InferInput(name, [2, 1], kind)
                tensor.set_data_from_numpy(values)
                target.append(tensor)
        shm.set_shared_memory_region(region, [rows["distance"]], offset=8)
        inputs[2] = module.InferInput("distance", [2, 1], "FP32")
        inputs[2].set_shared_memory("tensors", 8, offset=8)
        label = module.InferRequestedOutput("label")
        label.set_shared_memory("tensors", 16, offset=48)
        outputs = [label, module.InferRequestedOutput("probabilities")]
        result = client.infer("flights", inputs, outputs=outputs)
        expected = client.infer("flights", plain)
        np.testing.assert_array_equal(result.as_numpy("probabilities"), expected.as_numpy("probabilities"))
        found = shm.get_contents_as_numpy(region, np.int64, [2], offset=48)
        np.testing.assert_array_equal(found, expected.as_numpy("label"))

        def refused(expected, call, *arguments, **named):
            try:
                call(*arguments, **named)
            except InferenceServerException as error:
                assert expected in error.message(), error.message()
            else:
                raise AssertionError(f"not refused: {expected}")

        refused("is registered already", client.register_system_shared_memory, "tensors", KEY, 64)
        refused("is no key", client.register_system_shared_memory, "other", "/../etc/passwd", 1)
        refused("are not within the 64 bytes", client.register_system_shared_memory, "other", KEY, 65)
        refused("no shared memory region `other`", client.get_system_shared_memory_status, "other")
        output.set_shared_memory("tensors", 4, offset=32)
        tensor = module.InferInput("x", [3, 1], "FP32")
        tensor.set_shared_memory("tensors", X.nbytes)
        refused("the output has 12 bytes", client.infer, "logarithm", [tensor], outputs=[output])
        tensor.set_shared_memory("tensors", 128)
        refused("the region has 64 bytes", client.infer, "logarithm", [tensor])
        tensor.set_shared_memory("tensors", 11)
        refused("11 bytes are no whole number of FP32", client.infer, "logarithm", [tensor])
        client.unregister_system_shared_memory("tensors")
        refused("no shared memory region `tensors`", client.infer, "logarithm", [tensor])
finally:
    shm.destroy_shared_memory_region(region)
print("ok")
