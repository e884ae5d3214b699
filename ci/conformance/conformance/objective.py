"""Gated policy optimisation: objective.md."""
from dataclasses import dataclass

import numpy as np

from . import functions, functions64, numerics
from .numerics import F32, F64, fma64, rn32

LIMIT = F32(80)
SQRT_HALF_PI = F64(float.fromhex("0x1.40d931ff62706p+0"))       # S and H of O2.3
SQRT_HALF = F64(float.fromhex("0x1.6a09e667f3bcdp-1"))
ABSENT = F64(np.nan)
ONE = F32(1)


# ---- O2 gates

class SmoothGate:
    """A built-in family (O2.1, O2.3): its weight is one function of z = tau (r - 1)."""

    WEIGHTS = {"sigmoid": functions.sech2h, "erf": functions.gaussh,
               "arctan": functions.lorentz, "softsign": functions.rhypot3}

    def __init__(self, family, tau_neg, tau_pos):
        self.family = family
        self.tau = (F32(tau_neg), F32(tau_pos))
        if not all(2.0 ** -20 <= tau <= 2.0 ** 10 for tau in self.tau):
            raise ValueError("tau is outside [2^-20, 2^10]")        # O1.3

    def scaled(self, m):
        """The gate with tau = RN32(m tau) (L3.11)."""
        return SmoothGate(self.family, *(F32(rn32(m * F64(tau))) for tau in self.tau))

    def weight(self, r, positive):
        """w of O2.1."""
        return self.WEIGHTS[self.family](self.tau[positive] * (r - ONE))

    def value(self, r, positive):
        """f and the centred value of O2.3."""
        tau = self.tau[positive]
        y = r - ONE
        z = tau * y
        if self.family == "sigmoid":
            f = F32(rn32(4 / F64(tau))) * functions.sigmoid(z)
            return f, (F32(rn32(2 / F64(tau))) * functions.tanh(F32(0.5) * z)).astype(F64)
        if self.family == "arctan":
            a = functions.atan(z) / tau
            return ONE + a, a.astype(F64)
        c = self.centred64(y.astype(F64), z.astype(F64), F64(tau))
        return rn32(1 + c), rn32(c).astype(F64)

    def centred64(self, y, z, tau):
        """c of O2.3, binary64."""
        if self.family == "softsign":
            return y / np.sqrt(1 + z * z)
        with np.errstate(all="ignore"):
            return (SQRT_HALF_PI / tau) * functions64.erf(z * SQRT_HALF)


class ClipGate:
    """clip (O2.2); identity is a clip whose edges are never passed."""

    def __init__(self, low, high):
        if not all(0 <= x <= 2.0 ** 20 for x in (low, high) if x != np.inf):
            raise ValueError("low or high is outside [0, 2^20]")    # O1.3
        self.edge = (F32(rn32(1 - F64(low))), F32(rn32(1 + F64(high))))

    def inside(self, r, positive):
        """Whether r is on the side of the edge that keeps its gradient."""
        return r <= self.edge[1] if positive else r >= self.edge[0]

    def weight(self, r, positive):
        return np.where(self.inside(r, positive), ONE, F32(0))

    def value(self, r, positive):
        f = np.where(self.inside(r, positive), r, self.edge[positive])
        return f, f.astype(F64) - 1


IDENTITY = ClipGate(np.inf, np.inf)


class ExpressionGate:
    """Expressions (O2.4); `sides` are the programs of G3.1 for A <= 0 and A > 0."""

    def __init__(self, sides):
        self.sides = sides

    def weight(self, r, positive):
        return self.sides[positive].weight(r)

    def value(self, r, positive):
        f = self.sides[positive].value(r)
        if f is None:
            return np.full(r.shape, np.nan, F32), np.full(r.shape, ABSENT)
        return f, f.astype(F64) - F64(self.sides[positive].value(np.ones(1, F32))[0])


class GateBySign:
    """A gate file's gate (L1.7): each sign has its own, a kernel or the file's expression."""

    def __init__(self, negative, positive):
        self.gates = (negative, positive)

    def scaled(self, m):
        """Both signs with tau = RN32(m tau) (L3.11)."""
        return GateBySign(*(gate.scaled(m) for gate in self.gates))

    def weight(self, r, positive):
        return self.gates[positive].weight(r, positive)

    def value(self, r, positive):
        return self.gates[positive].value(r, positive)


# ---- O3 advantages

def advantages(rewards, groups, kind, eps):
    """O3 for groups of offsets: advantages (binary32) and the number of zero-variance groups."""
    result, zero_variance = np.zeros(len(rewards), F32), 0
    for begin, end in zip(groups[:-1], groups[1:]):
        group = [float(r) for r in rewards[begin:end]]
        if not group:
            continue
        if len(group) == 1 and kind == "leave-one-out":
            raise ValueError(f"sequence {begin}: leave-one-out in a group of one")
        if all(r == group[0] for r in group):
            zero_variance += 1
            continue
        values = rn32(leave_one_out(group) if kind == "leave-one-out"
                      else standardised(group, kind, eps))
        if not np.isfinite(values).all():
            raise ValueError(f"sequences {begin} to {end}: an advantage is not finite")
        result[begin:end] = values
    return result, zero_variance


def standardised(group, kind, eps):
    """O3.1 of one group."""
    mean = numerics.ascending(group) / len(group)
    centred = [r - mean for r in group]
    if kind == "none":
        return centred
    square = 0.0
    for c in centred:
        square = fma64(c, c, square)
    std = np.sqrt(F64(square) / (len(group) - (kind == "sample")))
    return [F64(c) / (std + F64(eps)) for c in centred]


def leave_one_out(group):
    """O3.2 of one group."""
    others = [numerics.ascending(r for j, r in enumerate(group) if j != i)
              for i in range(len(group))]
    return [r - o / (len(group) - 1) for r, o in zip(group, others)]


# ---- O4 aggregation

def coefficients(tokens, aggregation, constant_length):
    """c_i of O4.1 from the unmasked tokens n_i of each sequence."""
    tokens = np.asarray(tokens).astype(F64)
    total, sequences = tokens.sum(), F64(np.count_nonzero(tokens))
    if total == 0:
        raise ValueError("an update without unmasked tokens")
    with np.errstate(divide="ignore"):
        if aggregation == "sequence-mean":
            c = 1 / (sequences * tokens)
        elif aggregation == "token-mean":
            c = np.full(tokens.shape, 1 / total)
        else:
            c = np.full(tokens.shape, 1 / (sequences * F64(constant_length)))
    return np.where(tokens > 0, c, 0.0)


@dataclass
class Batch:
    """What the loss of an update takes; arrays are packed, or one value a sequence."""
    packed: numerics.Packed
    mask: np.ndarray
    new: np.ndarray
    old: np.ndarray
    advantage: np.ndarray | None    # or token_advantage, one a token (O4.7)
    coefficient: np.ndarray
    ref: np.ndarray | None = None
    entropy: np.ndarray | None = None
    token_advantage: np.ndarray | None = None

    def advantages(self):
        """A of each token, +0 for masked ones."""
        if self.token_advantage is None:
            return self.advantage[self.packed.row]
        return np.where(self.mask, self.token_advantage, F32(0))


@dataclass
class Objective:
    """How the loss is made."""
    gate: object
    level: str = "token"
    kl: str = "k3"
    beta: float = 0.0
    gamma: float = 0.0


def clamp(x):
    """x of O1.1, and whether it was clamped."""
    return np.clip(x, -LIMIT, LIMIT) + F32(0), np.abs(x) > LIMIT


def log_ratios(batch, level):
    """x and clamped of O1.1 or O1.2, one a slot; nothing a masked slot holds counts."""
    difference = np.where(batch.mask, batch.new - batch.old, F32(0))
    if level == "token":
        return clamp(difference)
    packed, x = batch.packed, np.zeros(batch.packed.n, F32)
    for i in range(packed.n):
        slots = slice(packed.seq[i], packed.seq[i + 1])
        count = int(np.count_nonzero(batch.mask[slots]))
        if count:
            x[i] = rn32(numerics.sum64(difference[slots]) / count)
    x, clamped = clamp(x)
    return x[packed.row], clamped[packed.row] & batch.mask


def by_sign(gate_function, r, positive):
    """A gate's function of r where its parameters depend on the sign of the advantage (O2.1)."""
    parts = [gate_function(r, 0), gate_function(r, 1)]
    if isinstance(parts[0], tuple):
        return tuple(np.where(positive, p, n) for n, p in zip(*parts))
    return np.where(positive, parts[1], parts[0])


def kl_terms(batch, kl):
    """O4.3: value (binary64), slope (binary32) and whether y was clamped, one a slot."""
    y, clamped = clamp(np.where(batch.mask, batch.new - batch.ref, F32(0)))
    if kl == "k1":
        value, slope = y.astype(F64), np.ones(y.shape, F32)
    elif kl == "k2":
        value, slope = y.astype(F64) * y.astype(F64) / 2, y
    else:
        e = functions.expm1(-y)
        value, slope = e.astype(F64) + y.astype(F64), -e
    return value, np.where(clamped, F32(0), slope), clamped


def gated_loss(objective, batch):
    """d and e of O4.2 to O4.6, and the sums of O5."""
    refuse(objective, batch)
    row, mask = batch.packed.row, batch.mask
    x, clamped = log_ratios(batch, objective.level)
    r = functions.exp(x)
    advantage = batch.advantages()
    positive = advantage > 0
    w = by_sign(objective.gate.weight, r, positive)
    c = batch.coefficient[row]
    ac = advantage.astype(F64) * c
    a = rn32(-ac)
    d = np.where(clamped | (a == 0), F32(0), w * r * a)
    terms = {"ac": ac, "c": c, "x": x, "r": r, "w": w, "clamped": clamped}
    if objective.beta > 0:
        value, slope, kl_clamped = kl_terms(batch, objective.kl)
        d = d + rn32(objective.beta * c) * slope
        terms["kl"], terms["kl_clamped"] = value, kl_clamped
    d = np.where(mask, d, F32(0))
    bad = np.nonzero(~np.isfinite(d))[0]
    if bad.size:
        raise ValueError(f"token {bad[0]}: its gradient is not finite")
    e = np.zeros(d.shape, F32)
    if objective.gamma > 0:
        e = np.where(mask, rn32(-(objective.gamma * c)), F32(0))
    terms["value"] = by_sign(objective.gate.value, r, positive)
    return d, e, sums(objective, batch, terms)


def refuse(objective, batch):
    """O1.3: what must be finite on unmasked tokens, what has a range, and what must be there."""
    for name in ("beta", "gamma"):
        if not 0 <= getattr(objective, name) <= 2.0 ** 20:
            raise ValueError(f"{name} is outside [0, 2^20]")
    named = {"new": batch.new, "old": batch.old, "new - old": batch.new - batch.old}
    if batch.entropy is not None:
        named["entropy"] = batch.entropy
    if objective.beta > 0:
        if batch.ref is None:
            raise ValueError("beta > 0 needs the reference's log-probs")
        named["ref"], named["new - ref"] = batch.ref, batch.new - batch.ref
    c = batch.coefficient
    if batch.token_advantage is not None:
        named["advantage"] = batch.token_advantage
    for name, values in named.items():
        bad = np.nonzero(batch.mask & ~np.isfinite(values))[0]
        if bad.size:
            raise ValueError(f"token {bad[0]}: {name} is not finite")
    given = np.zeros(c.shape) if batch.advantage is None else batch.advantage
    for what, bad in (("its advantage is not finite", ~np.isfinite(given)),
                      ("its coefficient is outside [0, 1]", ~((c >= 0) & (c <= 1)))):
        if bad.any():
            raise ValueError(f"sequence {np.nonzero(bad)[0][0]}: {what}")
    if objective.gamma > 0 and batch.entropy is None:
        raise ValueError("gamma > 0 needs the entropy")


# ---- O5 reported values

def sequence_chains(packed, mask, term):
    """A binary64 chain of additions a sequence over its unmasked tokens, ascending, from +0."""
    padded = packed.pad(np.where(mask, term, 0.0).astype(F64))
    total = np.zeros(packed.n)
    for t in range(packed.longest):
        total = total + padded[:, t]
    return total


def sums(objective, batch, terms):
    """O5.1 and O5.2, one value a sequence.

    y^2 is exact in binary64, so that the chain fma(y, y, .) is one of additions.
    """
    packed, mask = batch.packed, batch.mask
    f, centred = terms["value"]
    r, w, zero = terms["r"], terms["w"], np.zeros(len(mask))
    y = (r - ONE).astype(F64)
    entropy = zero if batch.entropy is None else terms["c"] * batch.entropy.astype(F64)
    chains = {
        "objective": terms["ac"] * f.astype(F64), "centred": terms["ac"] * centred,
        "kl": terms["c"] * terms["kl"] if "kl" in terms else zero, "entropy": entropy,
        "log_ratio_sum": terms["x"], "y_sum": y, "y_square_sum": y * y,
        "weight_sum": w, "effective_sum": w * r,
    }
    result = {name: sequence_chains(packed, mask, term) for name, term in chains.items()}
    result["unclamped"] = sequence_chains(packed, mask & ~terms["clamped"], w)
    counts = {"tokens": mask, "below_half": w < F32(0.5), "clamped": terms["clamped"],
              "kl_clamped": terms.get("kl_clamped", np.zeros(len(mask), bool))}
    for name, flag in counts.items():
        result[name] = sequence_chains(packed, mask, flag).astype(np.uint64)
    result["ratio_max"] = np.max(packed.pad(np.where(mask, r, F32(0))), axis=1, initial=F32(0))
    return result


def effective_ratio(found, size):
    """EUR (O5.3) of an update of groups of `size` sequences, from the sums of its loss."""
    ratios = []
    for first in range(0, len(found["tokens"]), size):
        tokens = int(found["tokens"][first:first + size].sum())
        if tokens:
            ratios.append(numerics.ascending(found["unclamped"][first:first + size]) / tokens)
    return numerics.ascending(ratios) / len(ratios)
