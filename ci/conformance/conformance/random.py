"""Randomness: numerics.md N5."""
import math

import numpy as np

from . import functions, numerics
from .numerics import F32, F64

MASK32 = 0xFFFFFFFF
INITIAL, ORDER, SAMPLE, TASK, SHUFFLE_REWARDS = 1, 2, 3, 4, 5     # purposes of N5.2


def philox(seed, position, sequence, step, purpose):
    """The four words of Philox4x32-10 (N5.1), as uint64 arrays below 2^32; arguments broadcast."""
    counter = np.broadcast_arrays(*(np.asarray(w, np.uint64) & np.uint64(MASK32)
                                    for w in (position, sequence, step, purpose)))
    c0, c1, c2, c3 = counter
    k0, k1 = seed & MASK32, seed >> 32 & MASK32
    low, half = np.uint64(MASK32), np.uint64(32)
    for _ in range(10):
        p0, p1 = c0 * np.uint64(0xD2511F53), c2 * np.uint64(0xCD9E8D57)
        c0, c1, c2, c3 = ((p1 >> half) ^ c1 ^ np.uint64(k0), p1 & low,
                          (p0 >> half) ^ c3 ^ np.uint64(k1), p0 & low)
        k0, k1 = k0 + 0x9E3779B9 & MASK32, k1 + 0xBB67AE85 & MASK32
    return c0, c1, c2, c3


def draws(seed, position, sequence, step, purpose):
    """64-bit draws (N5.2), an array of uint64."""
    words = philox(seed, position, sequence, step, purpose)
    return words[0] + (words[1] << np.uint64(32))


def high64(a, b):
    """floor(a * b / 2^64) (numerics.md, Notation)."""
    return int(a) * int(b) >> 64


def normals(seed, tensor, n, std):
    """n initial normals of a tensor (N5.3)."""
    blocks = np.arange((n + 1) // 2, dtype=np.uint64)
    x = philox(seed, blocks, tensor, blocks >> np.uint64(32), INITIAL)
    eighth = np.uint64(8)
    u1 = ((x[0] >> eighth) + np.uint64(1)).astype(F32) * F32(2.0 ** -24)
    u2 = (x[1] >> eighth).astype(F32) * F32(2.0 ** -24)
    s = np.sqrt(F32(-2) * functions.log(u1))
    a = F32(float.fromhex("0x1.921fb6p+2")) * u2
    pairs = np.stack([s * functions.cos(a), s * functions.sin(a)], axis=1)
    return (F32(std) * pairs).reshape(-1)[:n]


def shuffled(n, seed, sequence, step, purpose):
    """0 ... n - 1, shuffled (N5.4)."""
    items = list(range(n))
    u = draws(seed, np.arange(n), sequence, step, purpose).tolist()
    for i in range(n - 1, 0, -1):
        j = high64(u[i], i + 1)
        items[i], items[j] = items[j], items[i]
    return items


def weights_of(z):
    """floor(2^40 exp(z - max z)) of the last axis, as exact integers (N5.5, 3)."""
    e = functions.exp(z - numerics.maximum(z)[..., None])
    return np.floor(e.astype(F64) * 2.0 ** 40).astype(np.uint64)


def keep_top(weights, top_k, top_p):
    """Top-k and top-p of one row of integer weights (N5.5, 4 to 6)."""
    n = len(weights)
    if not (0 < top_k < n or top_p < 1):
        return weights
    order = sorted(range(n), key=lambda v: (-weights[v], v))
    if 0 < top_k < n:
        order = order[:top_k]
    if top_p < 1:
        need = math.ceil(top_p * float(sum(weights[v] for v in order)))
        kept, held = [], 0
        for v in order:
            if float(held) >= need:
                break
            kept.append(v)
            held += weights[v]
        order = kept
    kept = set(order)
    return [w if v in kept else 0 for v, w in enumerate(weights)]


def sample(logits, temperature, top_k, top_p, seed, sequence, step, position):
    """One token a row of logits (N5.5)."""
    if temperature == 0:
        return np.argmax(logits, axis=-1)
    z = logits * (F32(1) / F32(temperature))
    rows = weights_of(z).tolist()
    u = draws(seed, position, sequence, step, SAMPLE)
    tokens = []
    for row, draw in zip(rows, np.broadcast_to(u, len(rows))):
        row = keep_top(row, top_k, top_p)
        x, total = high64(draw, sum(row)), 0
        for token, weight in enumerate(row):
            total += weight
            if total > x:
                break
        tokens.append(token)
    return np.array(tokens)
