"""Writes small GGUF files, whole or with something wrong, from the format's description alone."""
import struct

import numpy

STRING, ARRAY, U32, I32, F32, BOOL = 8, 9, 4, 5, 6, 7
TYPES = {"F32": 0, "F16": 1, "Q4_1": 3, "Q8_0": 8}
TOKENS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
TEMPLATE = "{% for m in messages %}{{ m }}{% endfor %}"


def text(value):
    """A string: its length and bytes."""
    data = value if isinstance(value, bytes) else value.encode()
    return struct.pack("<Q", len(data)) + data


def field(key, kind, value):
    """A key, its type and its value."""
    forms = {U32: "<I", I32: "<i", F32: "<f", BOOL: "<?"}
    if kind == STRING:
        data = text(value)
    elif kind == ARRAY:
        part, values = value
        data = struct.pack("<IQ", part, len(values))
        data += b"".join(text(v) if part == STRING else struct.pack(forms[part], v) for v in values)
    else:
        data = struct.pack(forms[kind], value)
    return text(key) + struct.pack("<I", kind) + data


def quantise(kind, values):
    """The bytes of a tensor, and the numbers that they stand for, each worked out by itself."""
    flat = [float(v) for v in values.reshape(-1)]
    if kind in ("F32", "F16"):
        stored = numpy.array(flat, kind == "F32" and "<f4" or "<f2")
        return stored.tobytes(), stored.astype("f4").reshape(values.shape)
    data, meant = b"", []
    for at in range(0, len(flat), 32):
        block = flat[at:at + 32]
        if kind == "Q8_0":
            scale = numpy.float16(max(max(map(abs, block)), 1e-3) / 127)
            quants = [max(-127, min(127, round(v / float(scale)))) for v in block]
            data += scale.tobytes() + struct.pack("<32b", *quants)
            meant += [numpy.float32(q * float(scale)) for q in quants]
            continue
        low = numpy.float16(min(block))
        scale = numpy.float16(max(max(block) - min(block), 1e-3) / 15)
        quants = [max(0, min(15, round((v - float(low)) / float(scale)))) for v in block]
        data += scale.tobytes() + low.tobytes()
        data += bytes(quants[i] | quants[i + 16] << 4 for i in range(16))
        # Exact in binary64, then rounded once.
        meant += [numpy.float32(q * float(scale) + float(low)) for q in quants]
    return data, numpy.array(meant, "f4").reshape(values.shape)


def alphabet():
    """Byte-level BPE's characters of the 256 bytes: those that show stand for themselves."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in shown]
    return sorted(map(chr, shown)) + [chr(256 + i) for i in range(len(others))]


class Tiny:
    """A llama of one layer, hidden 64, 2 heads of 32 and 1 of keys; .fields and .tensors may be
    changed before .write."""

    def __init__(self):
        tokens = TOKENS + alphabet() + ["Ġt"]
        self.fields = {
            "general.architecture": (STRING, "llama"), "llama.block_count": (U32, 1),
            "llama.context_length": (U32, 256), "llama.embedding_length": (U32, 64),
            "llama.feed_forward_length": (U32, 96), "llama.attention.head_count": (U32, 2),
            "llama.attention.head_count_kv": (U32, 1), "llama.rope.freq_base": (F32, 1e5),
            "llama.attention.layer_norm_rms_epsilon": (F32, 1e-5),
            "tokenizer.ggml.model": (STRING, "gpt2"), "tokenizer.ggml.pre": (STRING, "smollm"),
            "tokenizer.ggml.tokens": (ARRAY, (STRING, tokens)),
            "tokenizer.ggml.token_type": (ARRAY, (I32, [3] * 3 + [1] * (len(tokens) - 3))),
            "tokenizer.ggml.merges": (ARRAY, (STRING, ["Ġ t"])),
            "tokenizer.ggml.bos_token_id": (U32, 1), "tokenizer.ggml.eos_token_id": (U32, 2),
            "tokenizer.chat_template": (STRING, TEMPLATE),
        }
        shapes = {"token_embd": (len(tokens), 64), "blk.0.attn_norm": (64,),
                  "blk.0.ffn_down": (64, 96), "blk.0.ffn_gate": (96, 64), "blk.0.ffn_up": (96, 64),
                  "blk.0.ffn_norm": (64,), "blk.0.attn_k": (32, 64), "blk.0.attn_output": (64, 64),
                  "blk.0.attn_q": (64, 64), "blk.0.attn_v": (32, 64), "output_norm": (64,)}
        kinds = {"token_embd": "Q8_0", "blk.0.attn_v": "F16"}
        draw = numpy.random.default_rng(1)
        self.tensors, self.meant = {}, {}
        for name, shape in shapes.items():
            kind = kinds.get(name, "F32" if len(shape) == 1 else "Q4_1")
            data, meant = quantise(kind, draw.normal(size=shape) / 8 + (len(shape) == 1))
            self.tensors[name + ".weight"] = [TYPES[kind], shape, data]
            self.meant[name + ".weight"] = meant

    def write(self, path, version=3, alignment=32):
        """The file, and the bytes of its header."""
        data, entries = b"", b""
        for name, (kind, shape, part) in self.tensors.items():
            data += b"\0" * (-len(data) % alignment)
            entries += text(name) + struct.pack("<I", len(shape))
            entries += struct.pack(f"<{len(shape)}Q", *shape[::-1])
            entries += struct.pack("<IQ", kind, len(data))
            data += part
        head = b"GGUF" + struct.pack("<IQQ", version, len(self.tensors), len(self.fields))
        head += b"".join(field(key, *value) for key, value in self.fields.items()) + entries
        head += b"\0" * (-len(head) % alignment)
        path.write_bytes(head + data)
        return len(head)
