#!/usr/bin/env python3
"""Where Sluice's rotary frequencies differ from transformers', for models people load.

    ci/models/frequencies.py LIBSLUICE.so

Both rules (exact, spec T1.9; stepwise, T1.12) against transformers' float32: how many of the d/2
entries differ, by how many ulps at most, and by how much an angle then differs at the last position
before 2^17. Exit code 1 if stepwise differs in more than a sixteenth of the entries of a model, or
by more than two ulps.
"""
import ctypes
import sys

import numpy
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

POSITIONS = 2**17
LLAMA31 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
           "original_max_position_embeddings": 8192}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}
MODELS = [  # name, theta, d, scaling
    ("Llama 2", 1e4, 128, {}), ("TinyLlama", 1e4, 64, {}),
    ("SmolLM2-135M", 1e5, 64, {}), ("Llama 3", 5e5, 128, {}), ("Llama 3.1", 5e5, 128, LLAMA31),
    ("Llama 3.2 1B", 5e5, 64, {**LLAMA31, "factor": 32.0}),
    ("Qwen2.5-0.5B", 1e6, 64, {}), ("Qwen2.5-7B, Qwen3", 1e6, 128, {}),
    ("Qwen2.5-7B, yarn", 1e6, 128, YARN), ("Qwen3-2507", 5e6, 128, {}),
    ("Qwen3-2507, yarn", 5e6, 128, {**YARN, "original_max_position_embeddings": 262144}),
    ("linear, 4", 1e4, 128, {"rope_type": "linear", "factor": 4.0})]
KINDS = {"default": 0, "linear": 1, "llama3": 2, "yarn": 3}


class Scaling(ctypes.Structure):  # sl_rope_scaling
    _fields_ = [("kind", ctypes.c_int), ("stepwise", ctypes.c_int),
                *((name, ctypes.c_double) for name in ("factor", "original", "low", "high")),
                ("untruncated", ctypes.c_int),
                *((name, ctypes.c_double) for name in ("attention", "mscale", "mscale_all_dim"))]


def ours(library, theta, d, rope, stepwise):
    kind = rope.get("rope_type", "default")
    s = Scaling(KINDS[kind], stepwise, rope.get("factor", 0),
                rope.get("original_max_position_embeddings", 0),
                1 if kind == "yarn" else rope.get("low_freq_factor", 0),
                32 if kind == "yarn" else rope.get("high_freq_factor", 0))
    out = numpy.zeros(d // 2, numpy.float32)
    status = library.sl_rope_scaled_frequencies(
        out.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(d), ctypes.c_double(theta),
        ctypes.byref(s), None)
    assert status == 0, (theta, d, rope)
    return out


def theirs(theta, d, rope):
    config = LlamaConfig(hidden_size=d, num_attention_heads=1, max_position_embeddings=POSITIONS,
                         rope_parameters={"rope_theta": theta, "rope_type": "default", **rope})
    return LlamaRotaryEmbedding(config).inv_freq.numpy()


def main():
    library = ctypes.CDLL(sys.argv[1])
    print("| model | theta | d/2 | exact: differ | most ulps | angle at 131,071 |"
          " stepwise: differ | most ulps | entries |\n|---|---|---|---|---|---|---|---|---|")
    good = True
    for name, theta, d, rope in MODELS:
        want, cells = theirs(theta, d, rope), []
        for stepwise in (0, 1):
            got = ours(library, theta, d, rope, stepwise)
            ulps = numpy.abs(got.view(numpy.int32) - want.view(numpy.int32))
            apart = numpy.abs(got.astype(float) - want.astype(float)) * (POSITIONS - 1)
            cells += [str((ulps > 0).sum()), str(ulps.max())]
            cells.append(", ".join(map(str, ulps.nonzero()[0])) if stepwise
                         else f"{apart.max():.1e}")
        good &= 16 * (ulps > 0).sum() <= d // 2 and ulps.max() <= 2
        print(f"| {name} | {theta:.0f} | {d // 2} | {' | '.join(cells)} |")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
