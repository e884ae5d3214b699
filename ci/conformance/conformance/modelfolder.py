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


def plain_rope(keys, path):
    """rope_theta, which may stand in three places (F1.2); scaled RoPE is refused."""
    thetas = [float(keys["rope_theta"])] if "rope_theta" in keys else []
    plain = {"rope_type": "default", "type": "default", "factor": 1, "partial_rotary_factor": 1}
    for name in ("rope_parameters", "rope_scaling"):
        entries = {k: v for k, v in keys.get(name, {}).items() if v is not None}
        thetas += [float(entries.pop("rope_theta"))] if "rope_theta" in entries else []
        if any(key not in plain or value != plain[key] for key, value in entries.items()):
            raise FolderError(f"{path}: {name}: scaled RoPE")
    if len(set(thetas)) > 1:
        raise FolderError(f"{path}: rope_theta: {thetas}")
    return thetas[0] if thetas else 1e4


def read_shape(path):
    """The shape that config.json holds (F1.2), and the longest sequence."""
    keys = {key: value for key, value in load_json(path).items() if value is not None}
    layers = keys["num_hidden_layers"]
    named = "architectures" not in keys and keys.get("model_type") == "qwen2"
    refused = {
        "architectures": not named and keys.get("architectures") != ["Qwen2ForCausalLM"],
        "use_sliding_window": keys.get("use_sliding_window", False) is not False,
        "layer_types": keys.get("layer_types", ["full_attention"] * layers) !=
                       ["full_attention"] * layers,
        "attention_dropout": keys.get("attention_dropout", 0) != 0,
        "partial_rotary_factor": keys.get("partial_rotary_factor", 1) != 1,
        "hidden_act": keys.get("hidden_act", "silu") != "silu",
        "model_type": keys.get("model_type", "qwen2") != "qwen2",
        "quantization_config": "quantization_config" in keys,
    }
    for key, bad in refused.items():
        if bad:
            raise FolderError(f"{path}: {key}: transformer.md does not have this value")
    hidden, heads = keys["hidden_size"], keys["num_attention_heads"]
    shape = Shape(hidden, layers, heads, keys["num_key_value_heads"],
                  keys.get("head_dim") or hidden // heads, keys["intermediate_size"],
                  keys["vocab_size"], plain_rope(keys, path),
                  F32(float(keys.get("rms_norm_eps", 1e-6))),
                  bool(keys.get("tie_word_embeddings", False)))
    return shape, keys["max_position_embeddings"]


FOREIGN = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "merges.txt",
           "tokenizer_config.json", "added_tokens.json", "special_tokens_map.json")


def read_tokenizer(folder):
    """The folder's tokenizer (F1.5), or None."""
    path = os.path.join(folder, "tokenizer.sluice.json")
    if not os.path.exists(path):
        for name in FOREIGN:
            if os.path.exists(os.path.join(folder, name)):
                raise FolderError(f"{folder}: {name}: a tokenizer of another kind (F1.6)")
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
    tensors = {name: x for name, x in tensors.items() if not name.endswith(".rotary_emb.inv_freq")}
    head, embedding = "lm_head.weight", "model.embed_tokens.weight"
    if shape.tie and embedding not in tensors and head in tensors:
        tensors[embedding] = tensors[head]
    head = tensors.pop(head, None) if shape.tie else None
    if {name: tensor.shape for name, tensor in tensors.items()} != registry:
        raise FolderError(f"{path}: its tensors are not those of the shape")
    if head is not None and head.tobytes() != tensors[embedding].tobytes():
        raise FolderError(f"{path}: lm_head.weight is not the embedding")
    for name, tensor in tensors.items():
        if not np.isfinite(tensor).all():
            raise FolderError(f"{path}: {name}: element "
                              f"{int(np.argmin(np.isfinite(tensor)))} is not finite")
    return shape, {name: tensors[name] for name in registry}, positions, read_tokenizer(folder)
