#!/usr/bin/env python3
"""A model folder (config.json, model.safetensors in F32, tokenizer.json, tokenizer_config.json with
the chat template) from a GGUF file of SmolLM2's kind: architecture llama, byte-level BPE whose
digits stand alone.

Usage: make_folder.py MODEL.gguf FOLDER      FOLDER must not be there; it is whole or absent.
Exit codes: 0, 2 usage, 3 bad input, 77 no numpy (Debian: python3-numpy).
"""
import json
import os
import shutil
import sys
import tempfile

try:
    import numpy
    from gguf import Gguf, GgufError
except ModuleNotFoundError:
    print("skipped: no Python with numpy (Debian: python3-numpy)", file=sys.stderr)
    sys.exit(77)

NAMES = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
NORMAL = 1 # the type of a token that is no special one


def field(file, key, kind):
    """A value of the metadata, of this type."""
    if key not in file.fields:
        raise GgufError(f"there is no key {key!r}")
    value = file.fields[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise GgufError(f"{key} is {str(value)[:40]!r}, not of type {kind.__name__}")
    if kind is float and not 0 < value < float("inf"):
        raise GgufError(f"{key} is {value}, not a finite number above 0")
    return value


def positive(file, key):
    """An integer above 0."""
    value = field(file, key, int)
    if not 0 < value < 2**31:
        raise GgufError(f"{key} is {value}, not above 0 and below 2^31")
    return value


def configuration(file):
    """config.json, from the metadata."""
    architecture = field(file, "general.architecture", str)
    if architecture != "llama":
        raise GgufError(f"general.architecture is {architecture!r}; only 'llama' is read")
    other = [key for key in file.fields if key.startswith("llama.rope.scaling")]
    if other:
        raise GgufError(f"{other[0]}: scaled positions are not read")
    heads, hidden = (positive(file, "llama." + key)
                     for key in ("attention.head_count", "embedding_length"))
    if hidden % heads or hidden // heads % 2:
        raise GgufError(f"llama.embedding_length {hidden} is not {heads} heads of an even size")
    if file.fields.get("llama.rope.dimension_count", hidden // heads) != hidden // heads:
        raise GgufError("llama.rope.dimension_count: only whole heads are rotated")
    layers = positive(file, "llama.block_count")
    if layers > len(file.tensors):
        raise GgufError(f"llama.block_count is {layers}, more than the {len(file.tensors)} tensors")
    eps = field(file, "llama.attention.layer_norm_rms_epsilon", float)
    return {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden,
        "intermediate_size": positive(file, "llama.feed_forward_length"),
        "num_hidden_layers": layers, "num_attention_heads": heads,
        "num_key_value_heads": positive(file, "llama.attention.head_count_kv"),
        "vocab_size": len(field(file, "tokenizer.ggml.tokens", list)),
        "max_position_embeddings": positive(file, "llama.context_length"),
        "rms_norm_eps": float(f"{eps:.7g}"), # binary32 there, decimal in a configuration
        "rope_theta": field(file, "llama.rope.freq_base", float), "hidden_act": "silu",
        "tie_word_embeddings": "output.weight" not in file.tensors, "torch_dtype": "float32",
        "bos_token_id": field(file, "tokenizer.ggml.bos_token_id", int),
        "eos_token_id": field(file, "tokenizer.ggml.eos_token_id", int),
    }


def shapes(config):
    """What a tensor of the file must be called, what it is called in the folder, and its shape."""
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    narrow = hidden // config["num_attention_heads"] * config["num_key_value_heads"]
    sizes = {"attn_norm": (hidden,), "ffn_norm": (hidden,), "attn_q": (hidden, hidden),
             "attn_k": (narrow, hidden), "attn_v": (narrow, hidden),
             "attn_output": (hidden, hidden), "ffn_gate": (wide, hidden),
             "ffn_up": (wide, hidden), "ffn_down": (hidden, wide)}
    yield "token_embd.weight", "model.embed_tokens.weight", (config["vocab_size"], hidden)
    for layer in range(config["num_hidden_layers"]):
        for name, ours in NAMES.items():
            yield (f"blk.{layer}.{name}.weight", f"model.layers.{layer}.{ours}.weight", sizes[name])
    yield "output_norm.weight", "model.norm.weight", (hidden,)
    if not config["tie_word_embeddings"]:
        yield "output.weight", "lm_head.weight", (config["vocab_size"], hidden)


def write_weights(file, config, path):
    """model.safetensors: a header of names, shapes and places, then the numbers. llama.cpp stores
    rows of q and k so that the halves of a rotated pair are neighbours; here they stand half a head
    apart."""
    wanted = list(shapes(config))
    for name, _, shape in wanted:
        if file.tensors.get(name) != shape:
            raise GgufError(f"tensor {name} has shape {file.tensors.get(name)}, wanted {shape}")
    more = set(file.tensors) - {name for name, _, _ in wanted}
    if more:
        raise GgufError(f"tensor {min(more)} is not one of a llama model without biases")
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for _, ours, shape in wanted:
        size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
        header[ours] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "xb") as out:
        out.write(len(text).to_bytes(8, "little") + text)
        for name, _, shape in wanted:
            values = file.tensor(name)
            if ".attn_q." in name or ".attn_k." in name:
                half = config["hidden_size"] // config["num_attention_heads"] // 2
                values = values.reshape(-1, half, 2, shape[1]).swapaxes(1, 2)
            out.write(values.astype("<f4").tobytes())


def tokenizer(file):
    """tokenizer.json."""
    for key, known in (("tokenizer.ggml.model", "gpt2"), ("tokenizer.ggml.pre", "smollm")):
        if field(file, key, str) != known:
            raise GgufError(f"{key} is {file.fields[key]!r}; only {known!r} is read")
    tokens, merges = (field(file, "tokenizer.ggml." + key, list) for key in ("tokens", "merges"))
    kinds = field(file, "tokenizer.ggml.token_type", numpy.ndarray)
    if len(kinds) != len(tokens):
        raise GgufError(f"tokenizer.ggml.token_type has {len(kinds)} parts for {len(tokens)} "
                        "tokens")
    if len(set(tokens)) != len(tokens):
        raise GgufError("tokenizer.ggml.tokens: a token stands twice")
    for i, merge in enumerate(merges):
        if not isinstance(merge, str) or merge.count(" ") != 1:
            raise GgufError(f"tokenizer.ggml.merges[{i}] is {merge!r}, not two parts and a space")
    added = [{"id": i, "content": token, "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True}
             for i, (token, kind) in enumerate(zip(tokens, kinds)) if kind != NORMAL]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                  "use_regex": True}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None,
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": True}, byte_level]},
        "post_processor": None, "decoder": {**byte_level, "add_prefix_space": True},
        "model": {"type": "BPE", "dropout": None, "unk_token": None,
                  "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": False,
                  "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens)},
                  "merges": [merge.split(" ") for merge in merges]},
    }


def write_json(folder, name, value):
    """One file of the folder."""
    with open(os.path.join(folder, name), "x", encoding="utf-8") as out:
        json.dump(value, out, indent=None if name == "tokenizer.json" else 1, ensure_ascii=False)
        out.write("\n")


def make(path, folder):
    """Writes beside the folder first, so that it is whole or absent."""
    file = Gguf(path)
    config = configuration(file)
    tokens = file.fields["tokenizer.ggml.tokens"]
    for key in ("bos_token_id", "eos_token_id"):
        if not 0 <= config[key] < len(tokens):
            raise GgufError(f"tokenizer.ggml.{key} is {config[key]} of {len(tokens)} tokens")
    template = field(file, "tokenizer.chat_template", str)
    parent = os.path.dirname(os.path.abspath(folder))
    os.makedirs(parent, exist_ok=True)
    new = tempfile.mkdtemp(prefix=os.path.basename(folder) + ".", dir=parent)
    try:
        write_json(new, "tokenizer.json", tokenizer(file))
        write_json(new, "tokenizer_config.json", {
            "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template,
            "bos_token": tokens[config["bos_token_id"]],
            "eos_token": tokens[config["eos_token_id"]]})
        write_json(new, "config.json", config)
        write_weights(file, config, os.path.join(new, "model.safetensors"))
        os.chmod(new, 0o755)
        os.rename(new, folder)
    except BaseException:
        shutil.rmtree(new)
        raise


def main():
    """The command."""
    if len(sys.argv) != 3:
        print("usage: make_folder.py MODEL.gguf FOLDER", file=sys.stderr)
        return 2
    if os.path.lexists(sys.argv[2]):
        print(f"{sys.argv[2]} is there already", file=sys.stderr)
        return 2
    try:
        make(sys.argv[1], sys.argv[2])
    except (GgufError, OSError) as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
