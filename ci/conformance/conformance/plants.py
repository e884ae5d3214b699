"""Faults put in on purpose, which the comparison must find.

Each plant changes one thing that a reader of the specification could get wrong. `planted(NAME)`
applies it for a while, in every module that holds what it replaces.
"""
import sys
import types
from contextlib import contextmanager

import numpy as np

from . import (functions, functions64, gate_choice, gate_program, gate_trees, gates, model,
               numerics, objective, optimizer, plants_tasks, plants_text, random, training,
               transformer)
from .numerics import F32, F64, fma, rn32, wide


def neighbours(lane):
    """The butterfly in the reverse order of h: neighbours first (N3.6)."""
    while lane.shape[-1] > 1:
        lane = lane[..., 0::2] + lane[..., 1::2]
    return lane[..., 0]


def rounded_product_step(self, a, b):
    """A chain's step with the product rounded (N3.2)."""
    product = (np.asarray(a) * b).astype(F32)
    self.value[...] = product + self.value.astype(F32)


def flushed(self, x, original=functions.Function.__call__):
    """A function whose subnormal results are flushed to zero (N1.1)."""
    y = original(self, x)
    return np.where(np.abs(y) < F32(2.0 ** -126), y * F32(0), y)


def joined_parts(parts):
    """A dot over parts whose chunks straddle the parts (N3.4)."""
    a = wide(np.concatenate([a for a, _ in parts]))
    b = wide(np.concatenate([b for _, b in parts]))
    total = np.zeros(np.broadcast_shapes(a.shape[1:], b.shape[1:]), F32)
    for begin, end in numerics.chunks(len(a), numerics.DOT_CHUNK):
        total = total + numerics.chain(a[begin:end], b[begin:end])
    return total


def chained_tree(totals):
    """The shards' totals one after the other (N4.3)."""
    result = totals[0]
    for total in totals[1:]:
        result = result + total
    return result


def late_bounds(self, seq, shards=1, original=numerics.Packed.__init__):
    """Shards whose limits are rounded up (N4.3)."""
    original(self, seq, shards)
    self.bounds = [-(-k * self.n // shards) for k in range(shards + 1)]


def chained_sum64(x):
    """sum64 as one chain (N3.8)."""
    return F64(numerics.ascending(np.asarray(x).astype(F64)))


def embedding_into_total(total, dy, ids, packed):
    """An embedding gradient without a chain a chunk (T1.2)."""
    shard = np.searchsorted(packed.bounds, packed.row, side="right") - 1
    for t in range(len(dy)):
        total[shard[t], ids[t]] = total[shard[t], ids[t]] + dy[t]


def unfused_join(parts, top):
    """Softmax sums joined with products rounded (N3.9)."""
    l_all, u_all = np.zeros(top.shape, F32), np.zeros(top.shape, F32)
    for m, l, u in parts:
        d = m - top
        a = functions.exp(d)
        u_all = (l * d + u) * a + u_all
        l_all = l * a + l_all
    return l_all, u_all


def inclusive_top(weights, top_k, top_p, original=random.keep_top):
    """Top-p that keeps one token more where the share is met exactly, or not (N5.5)."""
    kept = original(weights, top_k, top_p)
    if top_p < 1:
        rest = [v for v, w in enumerate(kept) if w == 0 and weights[v]]
        if rest:
            best = max(rest, key=lambda v: weights[v])
            kept[best] = weights[best]
    return kept


def later_position(*arguments, original=random.sample):
    """A draw keyed by the position after (N5.2)."""
    return original(*arguments[:-1], np.asarray(arguments[-1]) + 1)


def difference_value(self, r, positive, original=objective.SmoothGate.value):
    """Centred values as a difference of two rounded f (O2.3)."""
    f, _ = original(self, r, positive)
    at_one, _ = original(self, np.ones(1, F32), positive)
    return f, f.astype(F64) - at_one.astype(F64)


def square32(z):
    """exp(-z^2 / 2) of a square in binary32 (N2.1)."""
    return np.exp(-(z * z).astype(F32).astype(F64) / 2)


def cube32(z):
    """(1 + z^2)^(-3/2) as the cube of a binary32 root (N2.1)."""
    root = (1 / np.sqrt(1 + z * z)).astype(F32).astype(F64)
    return root * root * root


def narrow_softsign(self, r, positive, original=objective.SmoothGate.value):
    """softsign's values in binary32, whose square overflows (O2.3)."""
    if self.family != "softsign":
        return original(self, r, positive)
    y = r - F32(1)
    z = self.tau[positive] * y
    c = y / np.sqrt(F32(1) + z * z)
    return F32(1) + c, c.astype(F64)


def function_erf(self, y, z, tau, original=objective.SmoothGate.centred64):
    """c of the erf of N2.1 (O2.3)."""
    if self.family != "erf":
        return original(self, y, z, tau)
    return objective.SQRT_HALF_PI / tau * functions.erf(F32(z * objective.SQRT_HALF)).astype(F64)


def value_without_one(self, r, positive, original=objective.SmoothGate.value):
    """Values of erf, arctan and softsign without 1 (O2.3)."""
    f, centred = original(self, r, positive)
    return (f, centred) if self.family == "sigmoid" else (centred.astype(F32), centred)


def unrounded_centre(self, r, positive, original=objective.SmoothGate.value):
    """Centred values of erf and softsign that stay in binary64 (O2.3)."""
    f, centred = original(self, r, positive)
    if self.family in ("erf", "softsign"):
        y = r - F32(1)
        z = self.tau[positive] * y
        centred = self.centred64(y.astype(F64), z.astype(F64), F64(self.tau[positive]))
    return f, centred


def one_kernel(file, side, given, original=gate_choice.side_of):
    """A kernel that counts for both signs (L1.7)."""
    file.kernels = [family or file.kernels[1 - side] for side, family in enumerate(file.kernels)]
    return original(file, side, given)


def expression(file, side, given, original=gate_choice.side_of):
    """A sign's expression in place of its kernel (L1.7)."""
    if file.f[side] is not None:
        file.kernels[side] = None
    return original(file, side, given)


def other_value(self, side, given=None, original=gates.GateFile.kernel_value):
    """A kernel with the default of the other sign (L1.7)."""
    return original(self, 1 - side)


def swapped_sides(self, negative, positive):
    """The gates of the signs exchanged (L1.7)."""
    self.gates = (positive, negative)


def single_kl(batch, kl, original=objective.kl_terms):
    """The value of the KL term in binary32 (O4.3)."""
    value, slope, clamped = original(batch, kl)
    return value.astype(F32).astype(F64), slope, clamped


def square_rule(self, operation, v, a, original=gate_trees.Trees.factor):
    """tanh' = 1 - tanh^2 (G3.2)."""
    if operation != "tanh":
        return original(self, operation, v, a)
    return self.node("-", self.number(1), self.node("*", v, v))


def square_first(p, m, v, g, how, original=optimizer.adamw):
    """v takes one_b2 * (g * g) (N6.3)."""
    new_p, new_m, _ = original(p, m, v, g, how)
    scaled, b2 = g * F32(how.k), F32(how.beta2)
    new_v = fma(b2, v, rn32(1.0 - F64(b2)) * (scaled * scaled))
    return new_p, new_m, new_v


def plain_rope(theta, positions, d):
    """Tables of binary64 angles (T1.9)."""
    inverse = theta ** (-2.0 * np.arange(d // 2) / d)
    angle = np.arange(positions)[:, None] * inverse
    return np.cos(angle).astype(F32), np.sin(angle).astype(F32)


def residual_inside(dy, x, w, rstd, residual=None, original=transformer.rmsnorm_backward):
    """A residual gradient that joins dy (T1.4)."""
    return original(dy if residual is None else dy + residual, x, w, rstd)


def summed_difference(batch, level, original=objective.log_ratios):
    """A sequence's log-ratio over its unmasked slots only, not in place (O1.2)."""
    x, clamped = original(batch, level)
    if level == "sequence":
        for i in range(batch.packed.n):
            slots = np.nonzero(batch.mask & (batch.packed.row == i))[0]
            if slots.size:
                total = numerics.sum64((batch.new - batch.old)[slots])
                x[batch.packed.row == i] = rn32(total / slots.size)
    return x, clamped


def no_moments(self, original=training.Run.reset_moments):
    """Moments that live on from the warm start into RL (L2.6)."""
    if not hasattr(self, "m"):
        original(self)


def counts_first(self, measures, original=training.Run.move_scale):
    """A controller that counts the first update (L3.11)."""
    original(self, [measures[0], *measures])


def bias_first(x, w, bias=None):
    """A bias with which the total starts (N3.3)."""
    y = numerics.matmul(x, w)
    if bias is None:
        return y
    one, first = np.ones((len(x), 1), F32), np.asarray(bias)[:, None]
    return numerics.matmul(np.concatenate([one, x], 1), np.concatenate([first, w], 1))


def power_by_exp(x, q, original=gate_program.power):
    """Powers as exp(q log x), whatever q is (G3.3)."""
    return functions64.exp(q * functions64.log(x)) if q not in (0, 1) else original(x, q)


def token_mean_ratio(found, size):
    """An effective update ratio over tokens instead of prompts (O5.3)."""
    return found["unclamped"].sum() / int(found["tokens"].sum())


def first_numbers(self, prompts, temperature, first=0, original=training.Run.complete):
    """Rounds whose sequences have the numbers of the first round (L3.12, 2)."""
    del first
    return original(self, prompts, temperature)


def kept_groups(self, rollout, part, original=training.Run.join_round):
    """A rollout that is filled up with groups without variance (L3.12, 3)."""
    original(self, rollout, part)
    if rollout.rounds == self.config["rl.dynamic_sampling"]:
        missing = self.config["rl.prompts"] * self.config["rl.group"] - len(rollout.rewards)
        for i in range(missing):
            rollout.sequences.ids.append(part.sequences.ids[i])
            rollout.sequences.prompt.append(part.sequences.prompt[i])
            rollout.ended.append(part.ended[i])
            rollout.old.append(part.old[i])
            rollout.rewards.append(part.rewards[i])


# name: (what is wrong, the file of examples or the run where it is seen,
#        the owner of what is replaced, its name, what takes its place)
PLANTS = {
    "dot-chunk": ("dots in chunks of 128", "linear", numerics, "DOT_CHUNK", 128),
    "sum-chunk": ("sums in chunks of 512", "rmsnorm", numerics, "SUM_CHUNK", 512),
    "key-chunk": ("attention in chunks of 32 keys", "attention", numerics, "KEY_CHUNK", 32),
    "butterfly": ("butterfly in reverse order", "rmsnorm", numerics, "butterfly", neighbours),
    "no-zero": ("no final + 0 of attention", "attention", transformer, "last_step", lambda o: o),
    "product": ("products of chains rounded", "linear", numerics.Chains, "step",
                rounded_product_step),
    "twice": ("sums of chains rounded twice", "linear", numerics, "round_to_odd",
              lambda *a: None),
    "flush": ("subnormal results flushed", "functions", functions.Function, "__call__", flushed),
    "exp": ("exp of a binary32 library", "logprob", functions, "exp",
            lambda x: np.exp(x).astype(F32)),
    "parts": ("chunks that straddle parts", "linear", numerics, "dot_over_parts", joined_parts),
    "bias": ("the bias first", "linear", transformer, "linear_forward", bias_first),
    "sum64": ("sum64 as a chain", "optimizer", numerics, "sum64", chained_sum64),
    "embedding": ("embedding gradients without chains", "embedding", transformer,
                  "embedding_grad", embedding_into_total),
    "softmax": ("chunks of a softmax joined without fma", "logprob", transformer, "join_sums",
                unfused_join),
    "top-p": ("top-p keeps one more", "sample", random, "keep_top", inclusive_top),
    "position": ("draws at the next position", "sample", random, "sample", later_position),
    "centred": ("centred values as differences", "gated_loss", objective.SmoothGate, "value",
                difference_value),
    "gaussh": ("exp(-z^2 / 2) of a binary32 square", "functions", functions.gaussh, "approximate",
               square32),
    "rhypot3": ("the cube of a binary32 root", "functions", functions.rhypot3, "approximate",
                cube32),
    "weights": ("weights of version 1", "gated_loss", objective.SmoothGate, "WEIGHTS",
                {**objective.SmoothGate.WEIGHTS, "erf": lambda z: functions.exp(-z * z),
                 "softsign": lambda z: F32(1) / ((F32(1) + np.abs(z)) * (F32(1) + np.abs(z)))}),
    "softsign32": ("values of softsign in binary32", "gated_loss", objective.SmoothGate, "value",
                   narrow_softsign),
    "erf32": ("values of erf by a function of binary32", "gated_loss", objective.SmoothGate,
              "centred64", function_erf),
    "without-1": ("values without 1", "gated_loss", objective.SmoothGate, "value",
                  value_without_one),
    "centred64": ("centred values not rounded", "gated_loss", objective.SmoothGate, "value",
                  unrounded_centre),
    "one-kernel": ("one kernel for both signs", "mixed", gate_choice, "side_of", one_kernel),
    "expression": ("a sign's expression in place of its kernel", "mixed", gate_choice, "side_of",
                   expression),
    "expressions": ("both signs' expressions in place of their kernels", "signs", gate_choice,
                    "side_of", expression),
    "other-tau": ("kernels with the other sign's tau", "signs", gates.GateFile, "kernel_value",
                  other_value),
    "version": ("a ledger of version 1", "variants", training, "NUMERICS", 1),
    "swapped": ("the gates of the signs exchanged", "signs", objective.GateBySign, "__init__",
                swapped_sides),
    "kl": ("KL values in binary32", "gated_loss", objective, "kl_terms", single_kl),
    "tanh": ("another rule for tanh", "gate", gate_trees.Trees, "factor", square_rule),
    "power": ("powers by exp and log", "gate", gate_program, "power", power_by_exp),
    "exp64": ("exp of a binary64 library", "gate", functions64, "exp", np.exp),
    "square": ("the square first in AdamW", "optimizer", optimizer, "adamw", square_first),
    "rope": ("rope of binary64 angles", "rope", transformer, "rope_tables", plain_rope),
    "residual": ("the residual inside the norm", "rmsnorm", transformer, "rmsnorm_backward",
                 residual_inside),
    "slots": ("a sequence's slots closed up", "gated_loss", objective, "log_ratios",
              summed_difference),
    "tree": ("shards in a chain", "variants", numerics, "tree", chained_tree),
    "shards": ("shards rounded up", "variants", numerics.Packed, "__init__", late_bounds),
    "moments": ("moments live on into RL", "variants", training.Run, "reset_moments", no_moments),
    "passes": ("passes without a shuffle", "variants", training.Run, "order_of_pass",
               lambda self, e, groups: list(range(groups))),
    "decay": ("weight decay everywhere", "variants", model, "decays", lambda name: True),
    "reference": ("a reference that goes on learning", "variants", model.Model, "frozen",
                  lambda self: self),
    "eur": ("an effective update ratio over tokens", "variants", objective, "effective_ratio",
            token_mean_ratio),
    "first-update": ("a controller that counts the first update", "eur", training.Run,
                     "move_scale", counts_first),
    "same-draws": ("every round with the draws of the first", "dynamic", training.Run, "complete",
                   first_numbers),
    "flat-kept": ("groups without variance kept", "dynamic", training.Run, "join_round",
                  kept_groups),
    **plants_tasks.PLANTS,
    **plants_text.PLANTS,
}


@contextmanager
def planted(name):
    """The package with one fault, or as it is where the name is None."""
    if name is None:
        yield
        return
    _, _, owner, attribute, fault = PLANTS[name]
    original = getattr(owner, attribute)
    owners = [owner] if not isinstance(owner, types.ModuleType) else [
        module for key, module in sys.modules.items() if key.startswith(__package__ + ".")
        and vars(module).get(attribute) is original]
    for place in owners:
        setattr(place, attribute, fault)
    try:
        yield
    finally:
        for place in owners:
            setattr(place, attribute, original)
