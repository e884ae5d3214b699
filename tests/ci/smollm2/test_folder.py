"""make_folder.py on small GGUF files: the numbers of each type, the folder that Sluice loads, and
what is refused, with its place."""
import json
import os
import struct
import subprocess

import numpy
import pytest
import tiny_gguf
from gguf import Gguf, GgufError
from make_folder import make

SLUICE = os.environ["SLUICE"]


def weights(folder):
    """The tensors of model.safetensors."""
    data = (folder / "model.safetensors").read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + size])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            found[name] = numpy.frombuffer(data[8 + size + first:8 + size + last], "<f4")
            found[name] = found[name].reshape(entry["shape"])
    return found


@pytest.mark.parametrize("kind", tiny_gguf.TYPES)
def test_numbers(tmp_path, kind):
    """Each type gives what its definition says, bit for bit."""
    tiny = tiny_gguf.Tiny()
    values = numpy.random.default_rng(2).normal(size=(5, 96))
    data, meant = tiny_gguf.quantise(kind, values)
    assert numpy.abs(meant - values).max() < 0.5
    tiny.tensors["more"] = [tiny_gguf.TYPES[kind], (5, 96), data]
    tiny.write(tmp_path / "model.gguf", version=2)
    assert Gguf(tmp_path / "model.gguf").tensor("more").tobytes() == meant.tobytes()


def test_folder(tmp_path):
    """Weights under their names, rows of q and k in halves; Sluice loads it and tokenizes."""
    tiny = tiny_gguf.Tiny()
    tiny.write(tmp_path / "model.gguf")
    make(str(tmp_path / "model.gguf"), str(tmp_path / "model"))
    found = weights(tmp_path / "model")
    layer = "model.layers.0."
    for name, theirs in (("model.embed_tokens", "token_embd"), ("model.norm", "output_norm"),
                         (layer + "mlp.down_proj", "blk.0.ffn_down"),
                         (layer + "self_attn.v_proj", "blk.0.attn_v")):
        assert (found[name + ".weight"] == tiny.meant[theirs + ".weight"]).all()
    q, meant = found[layer + "self_attn.q_proj.weight"], tiny.meant["blk.0.attn_q.weight"]
    for head in range(2):
        for pair in range(16):
            assert (q[32 * head + pair] == meant[32 * head + 2 * pair]).all()
            assert (q[32 * head + 16 + pair] == meant[32 * head + 2 * pair + 1]).all()
    assert len(found) == len(tiny.tensors)
    out = subprocess.run([SLUICE, "tokenize", tmp_path / "model", "--parsed"], text=True,
                         input="a t<|im_end|>", capture_output=True, check=True).stdout
    letters = tiny_gguf.TOKENS + tiny_gguf.alphabet() + ["Ġt"]
    assert json.loads(out) == [letters.index("a"), len(letters) - 1, 2]
    (tmp_path / "ids").write_text('{"tokens": [5, 6, 7, 8]}\n')
    subprocess.run([SLUICE, "eval", tmp_path / "model", "--logprobs", "-", "--tokens",
                    tmp_path / "ids"], capture_output=True, check=True)
    with pytest.raises(OSError): # a folder that is there is not written into
        make(str(tmp_path / "model.gguf"), str(tmp_path / "model"))
    assert sorted(os.listdir(tmp_path)) == ["ids", "model", "model.gguf"]


def change_field(key, *value):
    """A file whose KEY is VALUE, or absent."""
    def change(tiny):
        tiny.fields.pop(key)
        if value:
            tiny.fields[key] = value
    return change


def change_tensor(name, place, value):
    """A file of whose tensor NAME the type (0), shape (1) or data (2) is VALUE."""
    def change(tiny):
        tiny.tensors[name][place] = value
    return change


def one_more(tiny):
    """A bias, which the model does not have."""
    tiny.tensors["blk.0.attn_q.bias"] = [0, (64,), bytes(256)]


def not_finite(tiny):
    """A NaN among the numbers."""
    data = numpy.ones(64, "<f4")
    data[7] = numpy.nan
    tiny.tensors["output_norm.weight"][2] = data.tobytes()


WRONG = [
    (change_field("general.architecture", 8, "gemma"), "general.architecture is 'gemma'"),
    (change_field("general.architecture", 4, 1), "general.architecture is '1', not of type str"),
    (change_field("llama.block_count"), "there is no key 'llama.block_count'"),
    (change_field("llama.block_count", 4, 0), "llama.block_count is 0, not above 0"),
    (change_field("llama.block_count", 4, 2), "tensor blk.1.attn_norm.weight has shape None"),
    (change_field("llama.block_count", 4, 2**31 - 1), "2147483647, more than the 11 tensors"),
    (change_field("llama.rope.freq_base", 6, float("nan")), "freq_base is nan, not a finite"),
    (change_field("tokenizer.ggml.token_type", 4, 5), "token_type is '5', not of type ndarray"),
    (change_field("tokenizer.ggml.bos_token_id", 5, -1), "bos_token_id is -1 of 260 tokens"),
    (change_field("llama.attention.head_count", 4, 3), "64 is not 3 heads of an even size"),
    (change_field("llama.attention.head_count_kv", 4, 2), "tensor blk.0.attn_k.weight has shape"),
    (change_field("tokenizer.ggml.pre", 8, "qwen2"), "tokenizer.ggml.pre is 'qwen2'"),
    (change_field("tokenizer.ggml.model", 8, "llama"), "tokenizer.ggml.model is 'llama'"),
    (change_field("tokenizer.ggml.token_type", 9, (5, [1, 1])), "has 2 parts for 260 tokens"),
    (change_field("tokenizer.ggml.merges", 9, (8, ["Ġ t", "Ġ t h"])), "merges[1] is 'Ġ t h'"),
    (change_field("tokenizer.ggml.eos_token_id", 4, 260), "eos_token_id is 260 of 260 tokens"),
    (change_field("tokenizer.chat_template"), "there is no key 'tokenizer.chat_template'"),
    (change_field("tokenizer.chat_template", 8, b"\xff"), "is not UTF-8"),
    (change_tensor("output_norm.weight", 0, 2), "tensor 'output_norm.weight' has type 2; read are"),
    (change_tensor("output_norm.weight", 1, ()), "has 0 dimensions"),
    (change_tensor("output_norm.weight", 1, (0, 64)), "has shape [0, 64]"),
    (change_tensor("blk.0.attn_q.weight", 1, (64, 60)), "whole blocks of 32"),
    (change_tensor("blk.0.attn_q.weight", 1, (2**61, 2**62)), "ends beyond the file"),
    (one_more, "tensor blk.0.attn_q.bias is not one of a llama model"),
    (not_finite, "output_norm.weight[7] is not finite"),
]


@pytest.mark.parametrize("change,message", WRONG, ids=[message for _, message in WRONG])
def test_refused(tmp_path, change, message):
    """Each gets its message, and no folder is left."""
    tiny = tiny_gguf.Tiny()
    change(tiny)
    tiny.write(tmp_path / "model.gguf")
    with pytest.raises(GgufError) as error:
        make(str(tmp_path / "model.gguf"), str(tmp_path / "model"))
    assert message in str(error.value)
    assert os.listdir(tmp_path) == ["model.gguf"]


def test_hostile_headers(tmp_path):
    """Counts and lengths beyond the file, other versions, no GGUF at all."""
    path = tmp_path / "model.gguf"
    tiny_gguf.Tiny().write(path)
    whole = path.read_bytes()
    key = whole.index(b"tokenizer.ggml.tokens") + 21
    for at, form, value, message in (
            (0, "<4s", b"GGML", "byte 0: not a GGUF file"),
            (4, "<I", 1, "byte 4: version 1 of GGUF"),
            (4, "<I", 0x03000000, "byte 4: version 50331648"),
            (8, "<Q", 2**63, "byte 8: 9223372036854775808 is more tensors than the file can hold"),
            (16, "<Q", 2**40, "byte 16: 1099511627776 is more keys than the file can hold"),
            (24, "<Q", 2**64 - 1, "is more bytes of a key than the file can hold"),
            (key, "<I", 99, "has type 99, which GGUF does not have"),
            (key + 4, "<I", 9, "is an array of type 9, which is not read"),
            (key + 8, "<Q", 2**50, "is more parts of the value of 'tokenizer.ggml.tokens'")):
        data = bytearray(whole)
        struct.pack_into(form, data, at, value)
        path.write_bytes(data)
        with pytest.raises(GgufError) as error:
            Gguf(path)
        assert message in str(error.value)
    path.write_bytes(b"")
    with pytest.raises(GgufError, match="the file is empty"):
        Gguf(path)


def test_cut_and_changed(tmp_path):
    """A file cut anywhere is refused; one with a changed byte is refused or read, and no more."""
    path = tmp_path / "model.gguf"
    head = tiny_gguf.Tiny().write(path)
    whole = path.read_bytes()
    for size in [*range(0, head, 7), *range(head, len(whole), 997), len(whole) - 1]:
        path.write_bytes(whole[:size])
        with pytest.raises(GgufError):
            Gguf(path)
    draw = numpy.random.default_rng(3)
    for i in range(400):
        data = bytearray(whole)
        data[draw.integers(head)] = draw.integers(256)
        path.write_bytes(data)
        try:
            make(str(path), str(tmp_path / f"model-{i}"))
        except GgufError:
            assert not (tmp_path / f"model-{i}").exists()


def test_twice(tmp_path):
    """A key or a tensor that stands twice is refused."""
    path = tmp_path / "model.gguf"
    tiny_gguf.Tiny().write(path)
    whole = path.read_bytes()
    for old, new in ((b"bos_token_id", b"eos_token_id"), (b"blk.0.attn_k.", b"blk.0.attn_q.")):
        path.write_bytes(whole.replace(old, new))
        with pytest.raises(GgufError, match="stands twice"):
            Gguf(path)
