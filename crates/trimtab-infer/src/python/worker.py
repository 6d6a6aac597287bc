"""Hosts one MLflow model for Trimtab.

It is started with a socket in the place of standard input and speaks frames on it: four bytes `TTP1`, the length of
the head (4 bytes) and of the body (8 bytes), both little endian, then the head (JSON) and the body (tensors, each at a
multiple of 64). It uses the standard library; what the model needs comes from the model's own environment.
"""

import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time
import traceback

PROTOCOL = 1
MAGIC = b"TTP1"
PREFIX = struct.Struct("<4sIQ")
ALIGNMENT = 64
PIECE = 1 << 20
# How long the interpreter may take to end by itself.
GRACE_SECONDS = 2
# A text of JSON in the place of tensors, as MLflow's scoring protocol has it.
SCORING_REQUEST = "scoring_request"
TYPES = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "BF16": "<u2", "FP32": "<f4", "FP64": "<f8",
}
SPELLINGS = {
    "?": "BOOL", "u1": "UINT8", "u2": "UINT16", "u4": "UINT32", "u8": "UINT64", "i1": "INT8", "i2": "INT16",
    "i4": "INT32", "i8": "INT64", "f2": "FP16", "f4": "FP32", "f8": "FP64",
}


class Channel:
    def __init__(self, sock):
        self.sock = sock

    def read(self, size):
        """Exactly `size` bytes, in memory that grows as they arrive."""
        out = bytearray()
        while len(out) < size:
            piece = self.sock.recv(min(size - len(out), PIECE))
            if not piece:
                raise EOFError
            out += piece
        return out

    def receive(self):
        magic, head, body = PREFIX.unpack(self.read(PREFIX.size))
        if magic != MAGIC:
            raise EOFError
        return json.loads(self.read(head)), self.read(body)

    def send(self, head, parts=()):
        head = json.dumps(head).encode()
        body = sum(len(part) for part in parts)
        self.sock.sendall(PREFIX.pack(MAGIC, len(head), body) + head)
        for part in parts:
            self.sock.sendall(part)


def take_socket():
    """The socket moves away from descriptor 0, so that the model reads nothing from it."""
    kept = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return Channel(socket.socket(fileno=kept))


def confine(network):
    """Gains no privileges and reaches no network. Says why it reaches one all the same."""
    try:
        libc = ctypes.CDLL(None, use_errno=True)
    except OSError as error:
        return str(error)
    libc.prctl(38, 1, 0, 0, 0)
    if network:
        return None
    new_user, new_net = 0x10000000, 0x40000000
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(new_net) != 0:
        if libc.unshare(new_user | new_net) != 0:
            return os.strerror(ctypes.get_errno())
        try:
            for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
                with open(f"/proc/self/{name}", "w") as file:
                    file.write(text)
        except OSError:
            pass
    try:
        # Libraries that talk to themselves over loopback find it up.
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            fcntl.ioctl(probe, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))
    except OSError:
        pass
    return None


def end_with(sock):
    """Ends this process and what it has started when the server is gone, also while the model is busy."""
    poll = select.poll()
    poll.register(sock, 0)
    poll.poll()
    time.sleep(GRACE_SECONDS)
    os.killpg(0, signal.SIGKILL)


def differing(folder):
    """The model's pinned requirements that this environment does not meet."""
    import importlib.metadata
    import re

    try:
        with open(os.path.join(folder, "requirements.txt")) as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        pinned = re.match(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*==\s*([^\s;,#]+)", line)
        if not pinned:
            continue
        name, wanted = pinned.groups()
        try:
            here = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            here = "none"
        if here != wanted:
            found.append(f"{name}=={wanted} (here: {here})")
    return found


def last_lines(error):
    lines = "".join(traceback.format_exception(type(error), error, error.__traceback__)).strip().splitlines()
    return [line[:400] for line in lines[-8:]]


def told(error):
    message = str(error).strip()
    return {
        "type": type(error).__name__,
        "message": message[:4000],
        "trace": last_lines(error),
    }


class Model:
    def __init__(self, folder):
        import mlflow.pyfunc

        self.model = mlflow.pyfunc.load_model(folder)
        self.metadata = self.model.metadata
        self.schema = self.metadata.get_input_schema()
        try:
            example = self.metadata.load_input_example(folder)
            if example is not None:
                self.model.predict(example)
        except Exception as error:
            print(f"the model did not take its own example: {error}", file=sys.stderr)

    def signature(self):
        signature = self.metadata.signature
        return signature.to_dict() if signature is not None else None

    def answer(self, head, body):
        inputs = [(spec["name"], tensor(spec, body)) for spec in head["inputs"]]
        if len(inputs) == 1 and inputs[0][0] == SCORING_REQUEST:
            return self.scoring(inputs[0][1].ravel()[0].decode())
        return self.model.predict(self.data(dict(inputs)))

    def data(self, inputs):
        import pandas

        schema = self.schema
        is_frame = schema is not None and not schema.is_tensor_spec()
        if schema is None and len(inputs) > 1:
            is_frame = all(value.ndim == 1 or value.shape[1:] == (1,) for value in inputs.values())
        if is_frame:
            frame = pandas.DataFrame({name: column(value) for name, value in inputs.items()})
            if schema is not None and not schema.has_input_names():
                frame.columns = range(len(frame.columns))
            return frame
        inputs = {name: texts(value) for name, value in inputs.items()}
        if len(inputs) == 1 and (schema is None or not schema.has_input_names()):
            return next(iter(inputs.values()))
        return inputs

    def scoring(self, text):
        """A document of MLflow's scoring protocol, read as MLflow's own server reads it."""
        import inspect
        from io import StringIO

        from mlflow.pyfunc import scoring_server

        if not text.lstrip().startswith("{"):
            return self.model.predict(scoring_server.parse_csv_input(csv_input=StringIO(text), schema=self.schema))
        parsed = scoring_server._parse_json_data(text, self.metadata, self.schema)
        if "params" in inspect.signature(self.model.predict).parameters:
            return self.model.predict(parsed.data, params=parsed.params)
        return self.model.predict(parsed.data)


def tensor(spec, body):
    import numpy

    shape, at, size = spec["shape"], spec["at"], spec["size"]
    if spec["datatype"] == "BYTES":
        values, end = [], at + size
        while at < end:
            (length,) = struct.unpack_from("<I", body, at)
            values.append(bytes(body[at + 4 : at + 4 + length]))
            at += 4 + length
        out = numpy.empty(len(values), dtype=object)
        out[:] = values
        return out.reshape(shape)
    dtype = numpy.dtype(TYPES[spec["datatype"]])
    out = numpy.frombuffer(body, dtype=dtype, count=size // dtype.itemsize, offset=at)
    if spec["datatype"] == "BF16":
        out = (out.astype("<u4") << 16).view("<f4")
    return out.reshape(shape)


def texts(value):
    """Bytes are texts where they can be."""
    if value.dtype != object:
        return value
    out = value.copy()
    flat = out.reshape(-1)
    for at, item in enumerate(flat):
        try:
            flat[at] = item.decode()
        except UnicodeDecodeError:
            pass
    return out


def column(value):
    value = texts(value)
    if value.ndim <= 1 or value.shape[1:] == (1,):
        return value.reshape(-1)
    return list(value)


def as_tensor(name, value):
    """(name, spelling, shape, bytes) of an array, or None where V2 has no type for it."""
    import numpy

    value = numpy.asarray(value)
    if value.dtype.kind == "U" or (value.dtype == object and all(isinstance(item, str) for item in value.ravel())):
        parts = bytearray()
        for item in value.ravel():
            text = str(item).encode()
            parts += struct.pack("<I", len(text)) + text
        return name, "BYTES", value.shape, bytes(parts)
    spelling = SPELLINGS.get(value.dtype.str.lstrip("<>|=").replace("b1", "?"))
    if spelling is None:
        return None
    value = numpy.ascontiguousarray(value, dtype=value.dtype.newbyteorder("<")).reshape(value.shape)
    return name, spelling, value.shape, memoryview(value.reshape(-1).view("u1"))


def tensors(value, names):
    """The form and the tensors of a prediction; a text of JSON where it is no array, frame or dictionary of arrays."""
    import numpy
    import pandas

    name = names[0] if len(names) == 1 else "output"
    made, form = None, "json"
    if type(value).__module__.split(".")[0] == "torch" and hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if isinstance(value, pandas.Series):
        value = pandas.DataFrame(value)
    if isinstance(value, numpy.ndarray):
        made, form = [as_tensor(name, value)], "array"
    elif isinstance(value, pandas.DataFrame):
        if len(value.columns) and value.columns.is_unique:
            made, form = [as_tensor(str(at), value[at].to_numpy()) for at in value.columns], "frame"
    elif isinstance(value, dict):
        if value and all(isinstance(part, numpy.ndarray) for part in value.values()):
            made, form = [as_tensor(str(at), part) for at, part in value.items()], "dictionary"
    elif isinstance(value, (list, tuple)) and value:
        kinds = {type(item) for item in value}
        if len(kinds) == 1 and kinds.pop() in (bool, int, float, str):
            made, form = [as_tensor(name, numpy.asarray(value))], "array"
        elif isinstance(value[0], list):
            try:
                array = numpy.asarray(value)
            except ValueError:
                array = None
            if array is not None and array.dtype.kind in "biuf" and array.tolist() == value:
                made, form = [as_tensor(name, array)], "array"
    elif isinstance(value, (bool, int, float, str, numpy.generic)):
        made, form = [as_tensor(name, value)], "array"
    if made is None or any(part is None for part in made):
        text = json.dumps(plain(value), allow_nan=False).encode()
        made, form = [(name, "BYTES", (1,), struct.pack("<I", len(text)) + text)], "json"
    return form, made


def plain(value):
    """What JSON has a form for, as MLflow's server writes it; NaN and the infinities are null."""
    import base64
    import datetime
    import math

    import numpy
    import pandas

    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(part) for part in value]
    if isinstance(value, (numpy.datetime64, pandas.Timestamp)):
        return None if pandas.isna(value) else numpy.datetime_as_string(numpy.datetime64(value))
    if isinstance(value, numpy.ndarray):
        if value.dtype.kind == "M":
            return [plain(part) for part in value]
        return plain(value.tolist())
    if isinstance(value, pandas.Series):
        value = pandas.DataFrame(value)
    if isinstance(value, pandas.DataFrame):
        return plain(value.to_dict(orient="records"))
    if isinstance(value, numpy.generic):
        return plain(value.item())
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.encodebytes(value).decode("ascii")
    if value is pandas.NA or value is pandas.NaT:
        return None
    if hasattr(value, "model_dump"):
        return plain(value.model_dump())
    if hasattr(value, "toarray"):
        return plain(value.toarray())
    raise TypeError(f"a prediction of type {type(value).__name__} has no form in JSON")


def output_names(signature):
    outputs = json.loads((signature or {}).get("outputs") or "[]")
    return [spec["name"] for spec in outputs if isinstance(spec, dict) and spec.get("name")]


def reply(number, form, made):
    outputs, parts, at = [], [], 0
    for name, spelling, shape, data in made:
        gap = -at % ALIGNMENT
        parts += [bytes(gap), data]
        at += gap
        outputs.append({"name": name, "datatype": spelling, "shape": list(shape), "at": at, "size": len(data)})
        at += len(data)
    return {"id": number, "form": form, "outputs": outputs}, parts


def main():
    channel = take_socket()
    head, _ = channel.receive()
    if head.get("protocol") != PROTOCOL:
        channel.send({"failed": {"type": "Protocol", "message": f"this worker speaks {PROTOCOL}", "trace": []}})
        return
    connected = confine(head["network"])
    threading.Thread(target=end_with, args=(channel.sock,), daemon=True).start()
    started = time.monotonic()
    try:
        model = Model(head["model"])
        signature = model.signature()
    except BaseException as error:
        channel.send({"failed": told(error)})
        return
    ready = {
        "protocol": PROTOCOL,
        "python": sys.version.split()[0],
        "signature": signature,
        "load_ms": round(1000 * (time.monotonic() - started)),
        "network": connected,
        "differs": differing(head["model"]),
    }
    channel.send({"ready": ready})
    names = output_names(signature)
    while True:
        head, body = channel.receive()
        try:
            form, made = tensors(model.answer(head, body), names)
            answer, parts = reply(head["id"], form, made)
        except KeyboardInterrupt:
            return
        except BaseException as error:
            answer, parts = {"id": head["id"], "error": told(error)}, []
        channel.send(answer, parts)


if __name__ == "__main__":
    try:
        main()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        pass
