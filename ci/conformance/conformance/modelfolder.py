"""Reading a model folder: formats.md F1.2, F1.3 and F1.5."""
import json
import math
import os

import numpy as np

from .model import Shape
from .numerics import F32
from .tasks import Tokenizer, without_repeats


class FolderError(ValueError):
    """A model folder that F1 refuses."""


def load_json(path):
    """A JSON object whose keys are distinct."""
    with open(path, encoding="utf-8") as file:
        return json.load(file, object_pairs_hook=without_repeats)


def read_tensors(path):
    """The tensors of a safetensors file (F1.3), by name."""
    with open(path, "rb") as file:
        data = file.read()
    size = int.from_bytes(data[:8], "little")
    if not 2 <= size <= 100_000_000 or data[8:9] != b"{":
        raise FolderError(f"{path}: byte 0: not a safetensors header")
    header = json.loads(data[8:8 + size], object_pairs_hook=without_repeats)
    header.pop("__metadata__", None)
    body, at, tensors = data[8 + size:], 0, {}
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        if entry["dtype"] != "F32" or begin != at or end - begin != 4 * count or end > len(body):
            raise FolderError(f"{path}: byte {8 + size + begin}: tensor {name}")
        tensors[name] = np.frombuffer(body, "<f4", count, begin).reshape(entry["shape"]).copy()
        at = end
    if at != len(body):
        raise FolderError(f"{path}: byte {8 + size + at}: data after the last tensor")
    return tensors


def read_shape(path):
    """The shape that config.json holds (F1.2), and the longest sequence."""
    keys = load_json(path)
    refused = {
        "architectures": keys.get("architectures") != ["Qwen2ForCausalLM"],
        "use_sliding_window": keys.get("use_sliding_window", False) is not False,
        "rope_scaling": keys.get("rope_scaling") is not None,
        "layer_types": any(t != "full_attention" for t in keys.get("layer_types") or []),
        "attention_dropout": keys.get("attention_dropout", 0) != 0,
        "hidden_act": keys.get("hidden_act", "silu") != "silu",
        "model_type": keys.get("model_type", "qwen2") != "qwen2",
    }
    for key, bad in refused.items():
        if bad:
            raise FolderError(f"{path}: {key}: transformer.md does not have this value")
    rope = keys.get("rope_parameters") or {"rope_type": "default"}
    if rope.get("rope_type", "default") != "default":
        raise FolderError(f"{path}: rope_parameters: rope_type is not default")
    hidden, heads = keys["hidden_size"], keys["num_attention_heads"]
    shape = Shape(hidden, keys["num_hidden_layers"], heads, keys["num_key_value_heads"],
                  keys.get("head_dim") or hidden // heads, keys["intermediate_size"],
                  keys["vocab_size"], float(keys.get("rope_theta", rope.get("rope_theta"))),
                  F32(float(keys["rms_norm_eps"])), bool(keys.get("tie_word_embeddings", False)))
    return shape, keys["max_position_embeddings"]


def read_tokenizer(folder):
    """The folder's tokenizer (F1.5), or None."""
    path = os.path.join(folder, "tokenizer.sluice.json")
    if not os.path.exists(path):
        return None
    keys = load_json(path)
    alphabet = keys.pop("alphabet")
    if keys != {"format": "sluice-characters", "version": 1, "pad": 0, "eos": 1} or \
            len(set(alphabet)) != len(alphabet) or "\0" in alphabet:
        raise FolderError(f"{path}: not a character tokenizer of version 1")
    return Tokenizer(alphabet)


def read(folder):
    """Shape, parameters in registry order, longest sequence and tokenizer of a folder."""
    shape, positions = read_shape(os.path.join(folder, "config.json"))
    path = os.path.join(folder, "model.safetensors")
    tensors, registry = read_tensors(path), shape.tensors()
    head = tensors.pop("lm_head.weight", None) if shape.tie else None
    if {name: tensor.shape for name, tensor in tensors.items()} != registry:
        raise FolderError(f"{path}: its tensors are not those of the shape")
    if head is not None and head.tobytes() != tensors["model.embed_tokens.weight"].tobytes():
        raise FolderError(f"{path}: lm_head.weight is not the embedding")
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise FolderError(f"{path}: {name}: element "
                              f"{int(np.argmin(np.isfinite(tensor)))} is not finite")
    return shape, {name: tensors[name] for name in registry}, positions, read_tokenizer(folder)
