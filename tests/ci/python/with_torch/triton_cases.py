"""Kernels in Triton under pytest: the right ones pass, each of WRONG fails. test_triton.py runs
this file, by Triton's interpreter where there is no GPU."""
import os

import pytest
import torch
import triton
import triton.language as tl

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = "cpu" if INTERPRETED else "cuda"


def result(shape, like):
    """Where a kernel stores. The interpreter of Triton 3.7 cuts float32 to bfloat16 where a GPU
    rounds, so there the result stays float32, and the contract says so."""
    finer = INTERPRETED and like.dtype == torch.bfloat16
    return torch.empty(shape, dtype=torch.float32 if finer else like.dtype, device=like.device)


@triton.jit
def rmsnorm_kernel(x_ptr, w_ptr, y_ptr, eps, columns, BLOCK: tl.constexpr, WRONG: tl.constexpr):
    row, at = tl.program_id(0), tl.arange(0, BLOCK)
    inside = at < columns
    x = tl.load(x_ptr + row * columns + at, mask=inside, other=0.0).to(tl.float32)
    w = tl.load(w_ptr + at, mask=inside, other=0.0).to(tl.float32)
    square = tl.sum(x * x, axis=0)
    if WRONG != "not_divided":
        square = square / columns
    if WRONG == "eps_outside":
        h = x / (tl.sqrt(square) + eps)
    else:
        h = x / tl.sqrt(square + eps)
    if WRONG == "cast_early":
        h = h.to(y_ptr.dtype.element_ty).to(tl.float32)
    tl.store(y_ptr + row * columns + at, (h * w).to(y_ptr.dtype.element_ty), mask=inside)


@triton.jit
def linear_kernel(x_ptr, w_ptr, bias_ptr, y_ptr, n, k, TILE: tl.constexpr, WRONG: tl.constexpr):
    """A tile of 16 columns of a row; k in steps of TILE."""
    row, column = tl.program_id(0), tl.program_id(1) * 16 + tl.arange(0, 16)
    total = tl.zeros([16], dtype=tl.float32)
    last = k - 1 if WRONG == "no_last_term" else k
    for begin in range(0, k, TILE):
        at = begin + tl.arange(0, TILE)
        x = tl.load(x_ptr + row * k + at, mask=at < last, other=0.0).to(tl.float32)
        w = tl.load(w_ptr + column[:, None] * k + at[None, :],
                    mask=(column[:, None] < n) & (at[None, :] < last), other=0.0).to(tl.float32)
        if WRONG == "f16":
            x, w = x.to(tl.float16).to(tl.float32), w.to(tl.float16).to(tl.float32)
        total += tl.sum(w * x[None, :], axis=1)
    bias = tl.load(bias_ptr + column, mask=column < n, other=0.0).to(tl.float32)
    if WRONG == "f16":
        bias = bias.to(tl.float16).to(tl.float32)
    total += bias
    tl.store(y_ptr + row * n + column, total.to(y_ptr.dtype.element_ty), mask=column < n)


@triton.jit
def attention_kernel(q_ptr, k_ptr, v_ptr, length_ptr, o_ptr, queries, keys, heads, kv_heads, scale,
                     D: tl.constexpr, TILE: tl.constexpr, WRONG: tl.constexpr):
    """One query of one head; keys in tiles, with the running maximum and sum."""
    batch, query, head = tl.program_id(0), tl.program_id(1), tl.program_id(2)
    e, kv = tl.arange(0, D), head * kv_heads // heads
    at = ((batch * queries + query) * heads + head) * D + e
    q = tl.load(q_ptr + at).to(tl.float32)
    length = tl.load(length_ptr + batch).to(tl.int32)
    end = length - queries + query + 1
    if WRONG == "one_more":
        end += 1
    m, sum_, o = float("-inf"), 0.0, tl.zeros([D], dtype=tl.float32)
    for begin in range(0, keys, TILE):
        j = begin + tl.arange(0, TILE)
        seen = (j < end) & (j < length)
        rows = ((batch * keys + j) * kv_heads + kv)[:, None] * D + e[None, :]
        k = tl.load(k_ptr + rows, mask=seen[:, None], other=0.0).to(tl.float32)
        v = tl.load(v_ptr + rows, mask=seen[:, None], other=0.0).to(tl.float32)
        s = tl.sum(k * q[None, :], axis=1)
        if WRONG != "no_scale":
            s = s * scale
        s = tl.where(seen, s, float("-inf"))
        m_new = tl.maximum(m, tl.max(s, axis=0))
        safe = tl.where(m_new == float("-inf"), 0.0, m_new)
        p, again = tl.exp(s - safe), tl.exp(m - safe)
        if WRONG == "no_rescaling":
            again = again * 0.0 + 1.0
        sum_ = sum_ * again + tl.sum(p, axis=0)
        o = o * again + tl.sum(p[:, None] * v, axis=0)
        m = m_new
    tl.store(o_ptr + at, (o / tl.where(sum_ == 0.0, 1.0, sum_)).to(o_ptr.dtype.element_ty))


def rmsnorm(wrong):
    def kernel(x, w, eps):
        y = result(x.shape, x)
        rmsnorm_kernel[(x.shape[0],)](x, w, y, eps, x.shape[1], BLOCK=64, WRONG=wrong)
        return y
    return kernel


def linear(wrong):
    def kernel(x, w, bias):
        (t, k), n = x.shape, w.shape[0]
        y = result((t, n), x)
        linear_kernel[(t, triton.cdiv(n, 16))](x, w, bias, y, n, k, TILE=64, WRONG=wrong)
        return y
    return kernel


def attention(wrong):
    def kernel(q, k, v, length):
        (b, i, h, d), (j, g) = q.shape, k.shape[1:3]
        o = result(q.shape, q)
        attention_kernel[(b, i, h)](q, k, v, length, o, i, j, h, g, d**-0.5, D=d, TILE=16,
                                    WRONG=wrong)
        return o
    return kernel


SHAPES = {rmsnorm: "t=5,d=48", linear: "t=4,n=24,k=80", attention: "b=2,i=4,j=24,h=4,g=2,d=32"}


@pytest.mark.parametrize("type", ["f32", "bf16", "f16"])
@pytest.mark.parametrize("make", SHAPES)
def test_right(equiv, make, type):
    contract = "out=f32" if INTERPRETED and type == "bf16" else None
    equiv(make(""), make.__name__, type=type, shape=SHAPES[make], device=DEVICE,
          contract=contract)


@pytest.mark.parametrize("wrong, make, type", [
    ("eps_outside", rmsnorm, "f32"), ("not_divided", rmsnorm, "f32"),
    ("cast_early", rmsnorm, "f16"), ("no_last_term", linear, "f32"), ("f16", linear, "f32"),
    ("one_more", attention, "f32"), ("no_scale", attention, "f32"),
    ("no_rescaling", attention, "f32")])
def test_wrong(equiv, make, wrong, type):
    # Usual sequences may end within a tile, wide ones never do.
    equiv(make(wrong), make.__name__, type=type, shape=SHAPES[make], device=DEVICE,
          kinds=["usual", "exact", "wide"])
