"""The Qwen2 architecture, kernel by kernel: transformer.md.

Kernels take packed arrays as spec/kernels.def has them. Inside, sequences stand side by side in
arrays of (N, longest, ...), so that numpy works on all of them at once.
"""
import gmpy2
import numpy as np

from . import functions, numerics
from .numerics import Chains, F32, F64, fma, wide

ONE = F32(1)


# ---- T1 embedding, norms, elementwise

def embedding_forward(table, ids):
    """T1.1."""
    bad = np.nonzero(np.asarray(ids) >= len(table))[0]
    if bad.size:
        raise ValueError(f"token {bad[0]}: id {ids[bad[0]]} is not in the vocabulary")
    return table[ids]


def embedding_grad(total, dy, ids, packed):
    """T1.2 into total (shards, V, D), in place.

    fma(dy, 1, chain) is a plain sum. Ids that do not occur keep a chain of +0, which changes no
    total.
    """
    dy, padded_ids = packed.pad(dy), packed.pad(np.asarray(ids))
    for shard, sequence in packed.ranks():
        for begin, end in numerics.chunks(int(packed.lengths[sequence].max(initial=0)),
                                          numerics.DOT_CHUNK):
            chain = np.zeros((len(shard),) + total.shape[1:], F32)
            for t in range(begin, end):
                live = np.nonzero(packed.lengths[sequence] > t)[0]
                ids_t = padded_ids[sequence[live], t]
                chain[live, ids_t] = chain[live, ids_t] + dy[sequence[live], t]
            total[shard] = total[shard] + chain


def rmsnorm_forward(x, w, eps):
    """T1.3: y and rstd."""
    ms = numerics.sum_of_products(x, x)
    rstd = functions.rsqrt(ms / F32(x.shape[-1]) + F32(eps))
    return x * rstd[:, None] * w, rstd


def rmsnorm_backward(dy, x, w, rstd, residual=None):
    """T1.4."""
    g, h = dy * w, x * rstd[:, None]
    c = numerics.sum_of_products(g, h) / F32(x.shape[-1])
    r = rstd[:, None] * fma(-h, c[:, None], g)
    return r if residual is None else residual + r


def rmsnorm_weight_grad(total, dy, x, rstd, packed):
    """T1.5 into total (shards, D), in place: one token dot an element."""
    h = x * rstd[:, None]
    careful = not numerics.coarse(dy, h)
    dy, h = packed.pad(wide(dy)), packed.pad(wide(h))
    for shard, sequence in packed.ranks():
        for begin, end in numerics.chunks(int(packed.lengths[sequence].max(initial=0)),
                                          numerics.DOT_CHUNK):
            chains = Chains((len(shard), dy.shape[2]), careful)
            for t in range(begin, end):
                chains.step(dy[sequence, t], h[sequence, t])
            total[shard] = total[shard] + chains.result()


def residual_add(a, b):
    """T1.6."""
    return a + b


def swiglu_forward(gate, up):
    """T1.7."""
    return gate * functions.sigmoid(gate) * up


def swiglu_backward(dy, gate, up):
    """T1.8: dgate and dup."""
    s = functions.sigmoid(gate)
    dup = dy * (gate * s)
    dgate = dy * up * (s * fma(gate, ONE - s, ONE))
    return dgate, dup


def rope_tables(theta, positions, d):
    """T1.9: the cosine and sine tables of (positions, d/2)."""
    inverse = []
    for i in range(d // 2):
        with gmpy2.context(precision=200):
            power = gmpy2.mpfr(theta) ** (gmpy2.mpfr(-2 * i) / d)
        inverse.append(float(gmpy2.ieee(32).plus(power)))
    angle = np.arange(positions, dtype=F32)[:, None] * np.array(inverse, F32)
    return functions.cos(angle), functions.sin(angle)


def rope_forward(x, position, cos, sin):
    """T1.10 of x (T, heads, d)."""
    half = x.shape[-1] // 2
    a, b = x[..., :half], x[..., half:]
    c, s = cos[position][:, None, :], sin[position][:, None, :]
    return np.concatenate([fma(-b, s, a * c), fma(a, s, b * c)], axis=-1)


def rope_backward(dx, position, cos, sin):
    """T1.11."""
    half = dx.shape[-1] // 2
    a, b = dx[..., :half], dx[..., half:]
    c, s = cos[position][:, None, :], sin[position][:, None, :]
    return np.concatenate([fma(b, s, a * c), fma(-a, s, b * c)], axis=-1)


# ---- T2 linear layers

def linear_forward(x, w, bias=None):
    """T2.1."""
    y = numerics.matmul(x, w)
    return y if bias is None else y + bias


def linear_input_grad(parts):
    """T2.2: parts are pairs of dy (T, n) and w (n, k)."""
    return numerics.dot_over_parts([(np.asarray(dy).T[:, :, None], np.asarray(w)[:, None, :])
                                    for dy, w in parts])


def linear_weight_grad(dw, db, dy, x, packed):
    """T2.3 into the totals dw (shards, n, k) and db (shards, n) or None, in place."""
    numerics.token_dot(dw, dy, x, packed)
    if db is not None:
        numerics.token_dot(db[:, :, None], dy, np.ones((len(dy), 1), F32), packed)


# ---- T3 attention

class Heads:
    """Rows of attention side by side: queries (N, KV, group, Lq, d), keys (N, KV, Lk, d)."""

    def __init__(self, kv_heads):
        self.kv = kv_heads

    def queries(self, x):
        """(N, L, H, ...) to (N, KV, group, L, ...)."""
        x = x.reshape(x.shape[:2] + (self.kv, -1) + x.shape[3:])
        return np.moveaxis(x, 1, 3)

    def back(self, x):
        """The inverse of queries."""
        x = np.moveaxis(x, 3, 1)
        return x.reshape(x.shape[:2] + (-1,) + x.shape[4:])


def scale_of(d):
    """The scale of T3.1."""
    return numerics.rn32(1.0 / np.sqrt(F64(d)))


def last_axis_dot(a, b):
    """dot (N3.2) along the last axis, the others broadcast."""
    return numerics.dot(np.moveaxis(a, -1, 0), np.moveaxis(b, -1, 0))


def scores(q, k):
    """s[i][j] of T3.1 for all queries and keys: (N, KV, group, Lq, Lk)."""
    return last_axis_dot(q[..., :, None, :], k[:, :, None, None, :, :]) * scale_of(q.shape[-1])


def weighted_values(p, v):
    """w[e] of T3.1: a chain over the keys of one chunk.

    A masked key adds +0 * v. It could make +0 of a chain that is -0, which the final + 0 of T3.1
    forgives.
    """
    p, v = wide(p), wide(v)
    careful = not numerics.coarse(p, v)
    chains = Chains(p.shape[:-1] + v.shape[-1:], careful)
    for j in range(p.shape[-1]):
        chains.step(p[..., j, None], v[:, :, None, None, j, :])
    return chains.result()


def attend(q, k, v, visible):
    """T3.1 for queries (N, KV, group, Lq, d); visible (N, Lq, Lk) says which keys a query has.

    Returns o, M and R. A chunk in which a query has no key leaves its state as it is.
    """
    visible = visible[:, None, None]
    s = np.where(visible, scores(q, k), F32(-np.inf))
    row_max = np.full(s.shape[:-1], -np.inf, F32)
    weight, out = np.zeros(s.shape[:-1], F32), np.zeros(q.shape, F32)
    for begin, end in numerics.chunks(s.shape[-1], numerics.KEY_CHUNK):
        seen = visible[..., begin:end]
        active = np.broadcast_to(seen.any(axis=-1), row_max.shape)
        m = numerics.maximum(s[..., begin:end])
        base = np.where(active, m, F32(0))
        p = np.where(seen, functions.exp(s[..., begin:end] - base[..., None]), F32(0))
        l, w = numerics.lane_sum(p), weighted_values(p, v[:, :, begin:end])
        larger = np.where(active, np.maximum(row_max, m), F32(0))
        a, b = functions.exp(row_max - larger), functions.exp(m - larger)
        weight = np.where(active, fma(l, b, weight * a), weight)
        out = np.where(active[..., None], fma(w, b[..., None], out * a[..., None]), out)
        row_max = np.where(active, larger, row_max)
    row_scale = ONE / weight
    return last_step(row_scale[..., None] * out), row_max, row_scale


def last_step(o):
    """The final + 0 of T3.1."""
    return o + F32(0)


def causal(packed):
    """visible (N, L, L): key j <= query i, both within the sequence."""
    i = np.arange(packed.longest)
    return (i[:, None] >= i[None, :]) & (i < packed.lengths[:, None])[:, :, None]


def attention_forward(q, k, v, packed):
    """T3.1 of packed q (T, H, d), k and v (T, KV, d): o, row_max and row_scale."""
    heads = Heads(k.shape[1])
    with np.errstate(all="ignore"):     # queries beyond a sequence's end have no key
        results = attend(heads.queries(packed.pad(q)), np.moveaxis(packed.pad(k), 1, 2),
                         np.moveaxis(packed.pad(v), 1, 2), causal(packed))
    return tuple(packed.unpad(heads.back(x)) for x in results)


def attention_decode(q, k_cache, v_cache, slot, position):
    """T3.2: q (b, H, d); caches (slots, KV, d, P) and (slots, KV, P, d)."""
    heads = Heads(k_cache.shape[1])
    visible = (np.arange(v_cache.shape[2]) <= np.asarray(position)[:, None])[:, None, :]
    k, v = np.swapaxes(k_cache[slot], 2, 3), v_cache[slot]
    stored = visible[:, :, :, None]     # what lies beyond is never read (N1.7)
    o, _, _ = attend(heads.queries(q[:, None]), np.where(stored, k, F32(0)),
                     np.where(stored, v, F32(0)), visible)
    return heads.back(o)[:, 0]


def kv_store(k_cache, v_cache, k, v, slot, position):
    """T3.3, in place."""
    for t, (s, p) in enumerate(zip(slot, position)):
        k_cache[s, :, :, p] = k[t]
        v_cache[s, :, p, :] = v[t]


def kv_fork(k_cache, v_cache, to, source, length):
    """T3.3, in place."""
    for t, s, n in zip(to, source, length):
        k_cache[t, :, :, :n] = k_cache[s, :, :, :n]
        v_cache[t, :, :n] = v_cache[s, :, :n]


def attention_backward(d_o, o, q, k, v, row_max, row_scale, packed):
    """T3.4: dq, dk and dv, packed."""
    heads, seen = Heads(k.shape[1]), causal(packed)[:, None, None]
    d_o, o, q, row_max, row_scale = (heads.queries(packed.pad(x))
                                     for x in (d_o, o, q, row_max, row_scale))
    k, v = (np.moveaxis(packed.pad(x), 1, 2) for x in (k, v))
    scale = scale_of(q.shape[-1])
    delta = last_axis_dot(d_o, o)
    p = functions.exp(scores(q, k) - row_max[..., None]) * row_scale[..., None]
    p = np.where(seen, p, F32(0))
    dp = last_axis_dot(d_o[..., :, None, :], v[:, :, None, None, :, :])
    ds = np.where(seen, p * (dp - delta[..., None]), F32(0))
    dq = scale * numerics.dot(np.moveaxis(ds, -1, 0)[..., None],
                              np.moveaxis(k, 2, 0)[:, :, :, None, None, :])
    dk = scale * over_queries(ds, q)
    dv = over_queries(p, d_o)
    return (packed.unpad(heads.back(dq)), *(packed.unpad(np.moveaxis(x, 2, 1))
                                            for x in (dk, dv)))


def over_queries(weight, x):
    """Y and Z of T3.4: dot over parts, one a query head of the group, over the queries i.

    Queries before the key have weight +0, which changes nothing in a chain that starts at +0:
    its total is never -0. So the anchored chunks may begin at multiples of the chunk size.
    """
    return numerics.dot_over_parts([
        (np.moveaxis(weight[:, :, g], 2, 0)[..., None],
         np.moveaxis(x[:, :, g], 2, 0)[:, :, :, None, :])
        for g in range(weight.shape[2])])


# ---- T4 head

def softmax_sums(z):
    """N3.9 of rows z (T, V): M, l and u."""
    parts = []
    for begin, end in numerics.chunks(z.shape[-1], numerics.SUM_CHUNK):
        m = numerics.maximum(z[:, begin:end])
        y = z[:, begin:end] - m[:, None]
        e = functions.exp(y)
        parts.append((m, numerics.lane_sum(e), numerics.lane_sum_of_products(e, y)))
    top = numerics.maximum(np.stack([m for m, _, _ in parts]), axis=0)
    return top, *join_sums(parts, top)


def join_sums(parts, top):
    """The chunks of N3.9 joined: l and u."""
    l_all, u_all = np.zeros(top.shape, F32), np.zeros(top.shape, F32)
    for m, l, u in parts:
        d = m - top
        a = functions.exp(d)
        u_all = fma(fma(l, d, u), a, u_all)
        l_all = fma(l, a, l_all)
    return l_all, u_all


def logprob_of(z, target):
    """T4.2 from tempered logits: logp, entropy, M and l of each row."""
    top, l, u = softmax_sums(z)
    bad = np.nonzero(~(np.isfinite(top) & np.isfinite(l) & np.isfinite(u)))[0]
    if bad.size:
        raise ValueError(f"row {bad[0]}: softmax sums are not finite")
    g = functions.log(l)
    logp = z[np.arange(len(z)), target] - top - g
    return logp, g - u / l, top, l


def logprob_forward(h, w, target, mask, inv_temperature):
    """T4.2: logp, entropy, row_max and row_sum; +0 on masked rows."""
    rows = np.nonzero(mask)[0]
    outputs = [np.zeros(len(h), F32) for _ in range(4)]
    z = numerics.matmul(h[rows], w) * F32(inv_temperature)
    for output, values in zip(outputs, logprob_of(z, np.asarray(target)[rows])):
        output[rows] = values
    return tuple(outputs)


def logit_gradients(z, target, dlogp, dentropy, entropy, top, l, inv_temperature):
    """dlogit_v of T4.3 for rows that are not masked."""
    inverse, g = ONE / l, functions.log(l)
    y = z - top[:, None]
    p = functions.exp(y) * inverse[:, None]
    t = -p
    rows = np.arange(len(z))
    t[rows, target] = ONE - p[rows, target]
    q = dlogp[:, None] * t
    if dentropy is not None:
        bonus = fma(-(dentropy[:, None] * p), (y - g[:, None]) + entropy[:, None], q)
        q = np.where((dentropy != 0)[:, None], bonus, q)
    return q * F32(inv_temperature)


def logprob_backward(dw, dlogp, dentropy, entropy, row_max, row_sum, h, w, target, mask,
                     inv_temperature, packed):
    """T4.3: dh; dw (shards, V, D) takes the token dot, in place."""
    rows = np.nonzero(mask)[0]
    z = numerics.matmul(h[rows], w) * F32(inv_temperature)
    dentropy = None if dentropy is None else dentropy[rows]
    part = logit_gradients(z, np.asarray(target)[rows], dlogp[rows], dentropy, entropy[rows],
                           row_max[rows], row_sum[rows], inv_temperature)
    dh = np.zeros(h.shape, F32)
    dh[rows] = linear_input_grad([(part, w)])
    dlogit = np.zeros((len(h), len(w)), F32)
    dlogit[rows] = part
    numerics.token_dot(dw, dlogit, h, packed)
    return dh


def sampled_logprobs(logits, token, temperature):
    """T4.4 (N5.5): log-prob and entropy of drawn tokens; greedy ones have those of T = 1."""
    inverse = ONE / F32(temperature) if temperature > 0 else ONE
    logp, entropy, _, _ = logprob_of(logits * inverse, token)
    return logp, entropy
