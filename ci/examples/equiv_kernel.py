#!/usr/bin/env python3
"""Kernels in NumPy that answer `sluice equiv --gen`: put your own in their place.

    equiv_kernel.py INPUTS OUTPUTS

Both are safetensors of float32. The texts of INPUTS say which op it is and how it is set; OUTPUTS
repeats them, so that `sluice equiv --judge OUTPUTS` can make the inputs again.
"""
import json
import struct
import sys

import numpy

TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "BOOL": "?"}


def read(path):
    """Tensors by name, and the texts."""
    with open(path, "rb") as file:
        raw = file.read()
    size = 8 + struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:size])
    texts = head.pop("__metadata__", {})
    tensors = {}
    for name, entry in head.items():
        begin, end = entry["data_offsets"]
        values = numpy.frombuffer(raw[size + begin:size + end], TYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, texts


def write(path, tensors, texts):
    """Tensors of float32, with the texts."""
    head, data = {"__metadata__": texts}, b""
    for name, values in tensors.items():
        words = numpy.asarray(values, "<f4").tobytes()
        head[name] = {"dtype": "F32", "shape": list(numpy.shape(values)),
                      "data_offsets": [len(data), len(data) + len(words)]}
        data += words
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def linear(t, _setting):
    return {"y": t["x"] @ t["w"].T + t["bias"]}


def rmsnorm(t, setting):
    eps = numpy.float32(setting("eps", 1e-6))
    rstd = 1 / numpy.sqrt(numpy.mean(t["x"] * t["x"], axis=1) + eps)
    return {"y": t["x"] * rstd[:, None] * t["w"], "rstd": rstd}


def logprob(t, setting):
    z = t["logits"] / numpy.float32(setting("temperature", 1))
    z = z - z.max(axis=1, keepdims=True)
    log_sum = numpy.log(numpy.exp(z).sum(axis=1))
    return {"logp": z[numpy.arange(len(z)), t["target"]] - log_sum}


KERNELS = {"linear": linear, "rmsnorm": rmsnorm, "logprob": logprob}


def main(inputs, outputs):
    tensors, texts = read(inputs)
    answer = KERNELS[texts["sluice.op"]](
        tensors, lambda name, default: float(texts.get("sluice." + name, default)))
    write(outputs, answer, texts)


if __name__ == "__main__":
    main(*sys.argv[1:])
