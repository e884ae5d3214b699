"""Sluice's side of the single kernels: libsluice's C functions, by ctypes, on NumPy's arrays. What
they take stands in <sluice/kernels.def>. Usage: our_kernels.py THREADS"""
import ctypes
import sys

import numpy

from kernels import (ADAMW, DOWN, HEAD, HEAD_DIM, HEADS, KV_HEADS, LENGTH, ROW, SEQUENCES, SQUARE,
                     SWIGLU, UP, run)
from sluice import _library
from sluice._library import SUMS, Batch, Context, GateStruct, Objective, lib

THREADS = int(sys.argv[1])
CONTEXT = Context(threads=THREADS)
SIZE, POINTER = ctypes.c_size_t, ctypes.c_void_p
FORWARD_PACK = 0


class Part(ctypes.Structure):
    """sl_linear_part"""
    _fields_ = [("dy", POINTER), ("w", POINTER), ("packed", POINTER), ("n", SIZE)]


class Total(ctypes.Structure):
    """sl_shard_total"""
    _fields_ = [("dw", POINTER), ("end", SIZE)]


class AdamW(ctypes.Structure):
    """sl_adamw"""
    _fields_ = [(name, ctypes.c_float) for name in
                ("grad_scale", "b1", "b2", "one_b1", "one_b2", "c1", "c2", "lr", "eps", "decay")
                ] + [("g_finite", ctypes.c_uint32)]


def numbers(*shape, scale=1.0):
    """Arbitrary ones in [-scale, scale)."""
    made = numpy.random.default_rng(len(shape)).random(shape, numpy.float32)
    made -= 0.5
    made *= 2 * scale
    return made


def call(name, *arguments):
    """A function of the library with these arguments; they live as long as what is returned."""
    function = getattr(lib, name)
    function.restype = ctypes.c_int

    def pass_on(x):
        if isinstance(x, numpy.ndarray):
            return POINTER(x.ctypes.data)
        if isinstance(x, ctypes.Structure):
            return ctypes.byref(x)
        return SIZE(x) if isinstance(x, int) else x

    passed = [pass_on(x) for x in arguments]

    def run_once():
        if function(CONTEXT._handle, *passed):  # pylint: disable=protected-access
            _library.fail(lib.sl_context_error(CONTEXT._handle).contents)
    run_once.arguments = arguments
    return run_once


def both(*calls):
    def run_all():
        for one in calls:
            one()
    return run_all


def linear(shape):
    x, w = numbers(shape.t, shape.k), numbers(shape.n, shape.k)
    y = numpy.empty((shape.t, shape.n), numpy.float32)
    return call("sl_linear_forward", y, x, w, None, None, shape.t, shape.n, shape.k)


def linear_row():
    """As rollouts have it: weights packed once."""
    lib.sl_linear_pack_bytes.restype = SIZE
    pack = numpy.empty(lib.sl_linear_pack_bytes(CONTEXT._handle, SIZE(ROW.n), SIZE(ROW.k),
                                                FORWARD_PACK), numpy.uint8)
    x, w = numbers(1, ROW.k), numbers(ROW.n, ROW.k)
    call("sl_linear_pack", pack, w, ROW.n, ROW.k, ctypes.c_int(FORWARD_PACK))()
    y = numpy.empty((1, ROW.n), numpy.float32)
    return call("sl_linear_forward", y, x, w, pack, None, 1, ROW.n, ROW.k)


def input_gradient():
    dy, w = numbers(DOWN.t, DOWN.n), numbers(DOWN.n, DOWN.k)
    dx = numpy.empty((DOWN.t, DOWN.k), numpy.float32)
    part = Part(dy.ctypes.data, w.ctypes.data, None, DOWN.n)
    part.kept = dy, w
    return call("sl_linear_input_grad", dx, part, 1, DOWN.t, DOWN.k)


def weight_gradient():
    """Of sequences of 256 tokens, added to a total."""
    dy, x = numbers(DOWN.t, DOWN.n), numbers(DOWN.t, DOWN.k)
    seq = numpy.arange(0, DOWN.t + 1, 256, dtype=numpy.uint32)
    return call("sl_linear_weight_grad", numpy.zeros((DOWN.n, DOWN.k), numpy.float32), None, dy, x,
                seq, len(seq) - 1, DOWN.n, DOWN.k)


def head():
    t, vocab, d = HEAD.t, HEAD.n, HEAD.k
    h, w, dlogp = numbers(t, d), numbers(vocab, d, scale=0.05), numbers(t)
    logp, entropy, row_max, row_sum = (numpy.empty(t, numpy.float32) for _ in range(4))
    target = (numpy.arange(t) * 7919 % vocab).astype(numpy.uint32)
    mask, seq = numpy.ones(t, numpy.uint8), numpy.array([0, t], numpy.uint32)
    dh, dw = numpy.empty((t, d), numpy.float32), numpy.zeros((vocab, d), numpy.float32)
    one, total = ctypes.c_float(1), Total(dw.ctypes.data, t)
    total.kept = dw
    return both(call("sl_logprob_forward", logp, entropy, row_max, row_sum, h, w, None, target,
                     mask, one, t, d, vocab),
                call("sl_logprob_backward", dh, total, 1, dlogp, None, entropy, row_max, row_sum,
                     h, w, None, target, mask, one, seq, 1, d, vocab))


def attention(n):
    q, d_o = numbers(n, HEADS, HEAD_DIM), numbers(n, HEADS, HEAD_DIM)
    k, v = numbers(n, KV_HEADS, HEAD_DIM), numbers(n, KV_HEADS, HEAD_DIM)
    o, dq, dk, dv = (numpy.empty_like(x) for x in (q, q, k, v))
    row_max, row_scale = (numpy.empty((n, HEADS), numpy.float32) for _ in range(2))
    seq = numpy.array([0, n], numpy.uint32)
    sizes = seq, 1, HEADS, KV_HEADS, HEAD_DIM
    return both(call("sl_attention_forward", o, row_max, row_scale, q, k, v, *sizes),
                call("sl_attention_backward", dq, dk, dv, d_o, o, q, k, v, row_max, row_scale,
                     *sizes))


def swiglu():
    gate, up = numbers(SWIGLU), numbers(SWIGLU)
    return call("sl_swiglu_forward", numpy.empty_like(gate), gate, up, SWIGLU)


def adamw():
    p, g = numbers(ADAMW), numbers(ADAMW, scale=1e-3)
    m, v = numpy.zeros_like(p), numpy.zeros_like(p)
    step = AdamW(1, 0.9, 0.95, 0.1, 0.05, 1, 1, 1e-6, 1e-8, 1, 1)
    return call("sl_adamw_step", p, m, v, g, step, ADAMW)


def loss():
    """SAPO's, of 64 completions of 1024 tokens."""
    t = SEQUENCES * LENGTH
    old = numbers(t)
    new, advantage = old + numbers(t, scale=0.1), numbers(SEQUENCES)
    arrays = [new, old, numpy.ones(t, numpy.uint8),
              numpy.arange(0, t + 1, LENGTH, dtype=numpy.uint32), advantage,
              numpy.full(SEQUENCES, 1 / t)]
    logp_new, logp_old, mask, seq, a, coefficient = (x.ctypes.data for x in arrays)
    batch = Batch(logp_new, logp_old, None, None, mask, seq, a, coefficient, SEQUENCES, None)
    batch.kept = arrays
    gate = GateStruct((ctypes.c_int * 2)(0, 0), (ctypes.c_float * 2)(1.05, 1.0))
    return call("sl_gated_loss", numpy.empty(t, numpy.float32), None,
                numpy.empty(SEQUENCES, SUMS), Objective(gate), batch)


if __name__ == "__main__":
    run({"product-square": lambda: linear(SQUARE), "product-up": lambda: linear(UP),
         "product-down": lambda: linear(DOWN), "product-down-input": input_gradient,
         "product-down-weight": weight_gradient, "head": head,
         "attention-2048": lambda: attention(2048), "attention-4096": lambda: attention(4096),
         "linear-row": linear_row, "swiglu": swiglu, "adamw": adamw, "loss": loss})
