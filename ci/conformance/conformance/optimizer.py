"""Norm, clipping, AdamW and learning rates: numerics.md N6."""
import math

import numpy as np

from . import functions, numerics
from .numerics import F32, F64, fma, rn32

PI = F64(float.fromhex("0x1.921fb54442d18p+1"))
SMALL = F32(2.0 ** -100)        # N6.3
LARGE = F32(2.0 ** 60)          # N6.2


def square_sum(g):
    """The sum of squares of one tensor (N6.1)."""
    flat = np.asarray(g, F32).reshape(-1)
    return numerics.sum64_of_products(flat, flat)


def gradient_norm(gradients):
    """N6.1 of a list of tensors in registry order."""
    return math.sqrt(numerics.ascending(float(square_sum(g)) for g in gradients))


def clip_factor(norm, max_norm):
    """k of N6.2."""
    scale = 1.0 if max_norm == 0 or norm <= max_norm else max_norm / norm
    return F32(rn32(scale))


def refuse_large(name, g, k):
    """The refusals of N6.1 and N6.2, before anything is written."""
    for what, bad in (("is not finite", ~np.isfinite(g)), ("is above 2^60", np.abs(g * k) > LARGE)):
        if bad.any():
            index = int(np.nonzero(bad.reshape(-1))[0][0])
            raise ValueError(f"gradient of {name}, element {index}: {what}")


def advance(product, beta):
    """A product of N6.4 at the start of an update, and the correction c that follows from it."""
    product = float(F64(product) * F64(beta))
    return product, F32(rn32(1.0 / (1.0 - product)))


def adamw(p, m, v, g, how):
    """One step of AdamW (N6.3) for a tensor: new p, m and v.

    `how` has k, lr, beta1, beta2, eps, c1 and c2 (binary32) and weight_decay (binary64, 0 for a
    tensor without decay).
    """
    b1, b2 = F32(how.beta1), F32(how.beta2)
    one_b1, one_b2 = F32(rn32(1.0 - F64(b1))), F32(rn32(1.0 - F64(b2)))
    decay = F32(rn32(1.0 - F64(how.lr) * F64(how.weight_decay)))
    g = g * F32(how.k)
    m = fma(b1, m, one_b1 * g)
    v = fma(b2, v, one_b2 * g * g)
    m = np.where(np.abs(m) < SMALL, F32(0), m)
    v = np.where(v < SMALL, F32(0), v)
    u = m * F32(how.c1) / (np.sqrt(v * F32(how.c2)) + F32(how.eps))
    return fma(-F32(how.lr), u, p * decay), m, v


def learning_rate(t, base, warmup, decay, final, total):
    """N6.5 for t = 1 ... total."""
    ramp = F64(t) / F64(warmup) if t < warmup else F64(1)
    return F32(rn32((F64(base) * ramp) * factor(t, decay, F64(final), total)))


def factor(t, decay, final, total):
    """The factor of N6.5."""
    done = F64(t - 1) / F64(total)
    if decay == "constant":
        return F64(1)
    if decay == "linear":
        return 1 - (1 - final) * done
    c = F64(functions.cos(F32(rn32(PI * done))))
    return final + ((1 - final) * (1 + c)) / 2
