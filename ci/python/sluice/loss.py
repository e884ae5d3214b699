"""The gated loss and its gradient by token, on NumPy arrays (spec O1 to O5).

    out = sluice.gated_loss(new, old, advantages, mask, gate="erf", tau_pos=10, tau_neg=12)
    out.loss, out.gradient, out.metrics
"""
import ctypes
import os
from dataclasses import dataclass
from typing import Any, Mapping, Union

import numpy

from . import _arrays, _batch
from ._errors import InvalidInput, mapping_of, number_of, path_of
from ._gate import Gate, Value, _bound, is_path, load, loaded
from ._library import (
    AGGREGATIONS, KL_KINDS, LEVELS, SUMS, Batch, Context, Error, Objective, UpdateRatios, fail, lib,
    shared_context)


@dataclass(frozen=True)
class Denominators:
    """What a loss is divided by, of the whole step, where a call has a part of it (spec O4.1).

    With these, each token's gradient has the same bits for any split into calls.
    """
    sequences: float
    """sequences with unmasked tokens: for sequence-mean and constant"""
    tokens: float
    """unmasked tokens: for token-mean"""


@dataclass(frozen=True)
class Metrics:
    """Of all unmasked tokens of a call (spec O5). Without such a token means are NaN."""
    tokens: int
    sequences: int
    """those with unmasked tokens"""
    objective: float
    """sum of coefficient * A * f; NaN where the gate is a weight alone"""
    centred: float
    """the same of f - f(1): 0 on policy"""
    kl: float
    """the KL value, by coefficients, where beta > 0"""
    entropy: float
    """the entropy, by coefficients, where it was given"""
    ratio_mean: float
    ratio_variance: float
    ratio_max: float
    weight_mean: float
    """mean of f'(r)"""
    below_half: float
    """share of tokens with f'(r) < 1/2"""
    clamped: int
    """tokens with |new - old| > 80, which have no policy gradient"""
    kl_clamped: int
    approximate_kl: float
    """KL of old from new by the k3 estimator, a mean over tokens"""
    effective: "float | None"
    """the effective update ratio (EUR, spec O5.3); None without groups"""
    clip_ratio: "float | None"
    """the share of clipped tokens, a mean over groups; None unless groups and the gate clip"""
    clip_ratio_tokens: "float | None"
    """the same of all tokens, as TRL and verl report it"""


@dataclass(frozen=True)
class GatedLoss:
    """A loss to be descended, its gradients, and metrics."""
    loss: float
    """-J; NaN where the gate is a weight alone, which has a gradient and no value"""
    gradient: "numpy.ndarray[Any, numpy.dtype[numpy.float32]]"
    """dL / d logp_new, shaped as logp_new; +0 on masked tokens"""
    entropy_gradient: "numpy.ndarray[Any, numpy.dtype[numpy.float32]] | None"
    """dL / d entropy, where entropy_bonus > 0"""
    metrics: Metrics
    sums: "numpy.ndarray[Any, Any]"
    """one record a sequence, as sl_loss_sums (spec O5.1, O5.2)"""


def values_of(tau_pos: "Any", tau_neg: "Any",
              values: "Mapping[str, Value] | None") -> "dict[str, Value]":
    """The values of a gate's parameters, from the arguments of the loss. Of basic operations alone,
    so that torch.compile can trace it."""
    given: "dict[str, Value]" = dict(mapping_of("parameters", values, '{"high": 0.28}'))
    if (tau_pos is None) != (tau_neg is None):
        raise InvalidInput("tau_pos and tau_neg go together: pass both")
    if tau_pos is not None:
        if "tau" in given:
            raise InvalidInput("tau is named in parameters and by tau_pos: pass it once")
        given["tau"] = (tau_pos, tau_neg)
    return given


def gate_of(gate: "Union[str, os.PathLike[str], Gate]", tau_pos: object, tau_neg: object,
            values: "Mapping[str, Value] | None") -> Gate:
    """A gate with its parameters bound, from the arguments of the loss. tau_pos is for A > 0."""
    given = values_of(tau_pos, tau_neg, values)
    if isinstance(gate, Gate):
        if given:
            raise InvalidInput("a loaded gate has its parameters: pass them to gates.load")
        return gate
    name = path_of("the gate", gate)
    if is_path(name):
        return load(name, **given)
    return loaded(name, tuple(sorted(_bound(given))))


def _choice(name: str, value: str, known: "tuple[str, ...]") -> int:
    if value not in known:
        raise InvalidInput(f"{name} must be one of {', '.join(known)}, not '{value}'")
    return known.index(value)


def coefficients(tokens: "numpy.ndarray[Any, Any]", aggregation: str,
                 constant_length: "float | None", denominators: "Denominators | None") \
        -> "numpy.ndarray[Any, numpy.dtype[numpy.float64]]":
    """The coefficient of a token of each sequence (spec O4.1), in binary64.

    tokens: unmasked tokens of each sequence. Denominators of the step count these if None.
    """
    kind = _choice("aggregation", aggregation, AGGREGATIONS)
    if denominators is None:
        step = (float(numpy.count_nonzero(tokens)),
                float(numpy.add.reduce(tokens, dtype=numpy.int64)))
        if step[1] == 0:
            raise InvalidInput("the batch has no unmasked token: nothing to learn from; pass "
                               "denominators if it is part of a step")
    else:
        step = step_of(denominators)
    if kind == 2 and not (constant_length is not None and 1 <= constant_length < numpy.inf):
        raise InvalidInput("aggregation 'constant' needs constant_length, finite and at least 1, "
                           f"not {constant_length}")
    needed = number_of("denominators", step[kind == 1])
    if not 1 <= needed < numpy.inf:
        raise InvalidInput(f"denominators: {needed} {'tokens' if kind == 1 else 'sequences'}, and "
                           "a step has at least 1")
    found = numpy.zeros(tokens.size)
    by = needed * tokens.astype(numpy.float64) if kind == 0 else \
        needed * float(constant_length or 0) if kind == 2 else needed
    numpy.divide(1.0, by, out=found, where=tokens > 0)
    return found


def step_of(denominators: object) -> "tuple[Any, Any]":
    """The step's sequences and tokens."""
    if not isinstance(denominators, Denominators):
        raise InvalidInput(f"denominators is a {type(denominators).__name__}: pass "
                           "sluice.Denominators(sequences, tokens)")
    return denominators.sequences, denominators.tokens


def _factor(name: str, value: object) -> float:
    """beta and entropy_bonus."""
    found = number_of(name, value)
    if not 0 <= found <= LARGEST_FACTOR:
        raise InvalidInput(f"{name} must lie in [0, 2^20], and is {found:g}")
    return found


LARGEST_FACTOR = 2**20


def _measure(objective: Objective, batch: Batch, sums: "numpy.ndarray[Any, Any]",
             groups: "numpy.ndarray[Any, Any]") -> UpdateRatios:
    found, error = UpdateRatios(), Error()
    if lib.sl_update_measure(ctypes.byref(found), ctypes.byref(objective), ctypes.byref(batch),
                             _arrays.address(sums), _arrays.address(groups), groups.size - 1,
                             ctypes.byref(error)):
        fail(error)
    return found


_SUMS = numpy.dtype(SUMS)
_DOUBLES = _SUMS.itemsize // 8
_NAMES = ("objective", "centred", "kl", "entropy", "y_sum", "y_square_sum", "weight_sum",
          "effective_sum")
_COUNTS = ("tokens", "below_half", "clamped", "kl_clamped")


def _column(name: str, size: int) -> int:
    """A field of sl_loss_sums as a column of numbers of that many bytes."""
    assert _SUMS.fields is not None
    return int(_SUMS.fields[name][1]) // size


_FIRST_COUNT = _column(_COUNTS[0], 4)
_AFTER_COUNTS = _column(_COUNTS[-1], 4) + 1
_COUNT_AT = tuple(_column(name, 4) - _FIRST_COUNT for name in _COUNTS)
_LOG_RATIO = _column("log_ratio_sum", 8)


def _ascending(values: "numpy.ndarray[Any, Any]") -> "list[float]":
    """Column by column the sum in the order of the rows, sequences (spec O5.1), which numpy.sum
    does not promise."""
    if not len(values):
        return [0.0] * values.shape[1]
    found: "list[float]" = numpy.add.accumulate(values, axis=0)[-1].tolist()
    return found


def _totals(sums: "numpy.ndarray[Any, Any]") -> "dict[str, float]":
    """The fields of sl_loss_sums added over the sequences. By columns of the whole array: a call of
    NumPy for each field would cost as much as the loss of 10,000 tokens."""
    wide = sums.view(numpy.float64).reshape(-1, _DOUBLES)
    narrow = sums.view(numpy.uint32).reshape(-1, 2 * _DOUBLES)
    # All from the first count to the last: what lies between them is added and not used.
    counts = numpy.add.reduce(narrow[:, _FIRST_COUNT:_AFTER_COUNTS], axis=0,
                              dtype=numpy.int64).tolist()
    found = dict(zip(_NAMES, _ascending(wide[:, :len(_NAMES)])))
    found["log_ratio_sum"], = _ascending(wide[:, _LOG_RATIO:_LOG_RATIO + 1])
    found.update((name, counts[at]) for name, at in zip(_COUNTS, _COUNT_AT))
    return found


def _metrics(sums: "numpy.ndarray[Any, Any]", ratios: "UpdateRatios | None") -> Metrics:
    total = _totals(sums)
    tokens = int(total["tokens"])
    n = float(tokens) if tokens else numpy.nan
    y, x = total["y_sum"] / n, total["log_ratio_sum"] / n
    variance = total["y_square_sum"] / n - y * y
    clip = ratios is not None and ratios.clipped == ratios.clipped
    return Metrics(
        tokens=tokens, sequences=int(numpy.count_nonzero(sums["tokens"])),
        objective=total["objective"], centred=total["centred"], kl=total["kl"],
        entropy=total["entropy"],
        ratio_mean=1.0 + y, ratio_variance=max(0.0, variance) if tokens else variance,
        ratio_max=float(numpy.maximum.reduce(sums["ratio_max"], initial=0.0)),
        weight_mean=total["weight_sum"] / n,
        below_half=total["below_half"] / n,
        clamped=int(total["clamped"]),
        kl_clamped=int(total["kl_clamped"]), approximate_kl=y - x,
        effective=None if ratios is None else ratios.effective,
        clip_ratio=ratios.clipped if ratios is not None and clip else None,
        clip_ratio_tokens=ratios.clipped_tokens if ratios is not None and clip else None)


def gated_loss(
        logp_new: object, logp_old: object, advantages: object, mask: object, *,
        seq: object = None, gate: "Union[str, os.PathLike[str], Gate]" = "erf",
        tau_pos: "float | None" = None, tau_neg: "float | None" = None,
        parameters: "Mapping[str, Value] | None" = None, groups: object = None,
        level: str = "token", aggregation: str = "sequence-mean",
        constant_length: "float | None" = None, denominators: "Denominators | None" = None,
        kl: str = "k3", beta: float = 0.0, logp_ref: object = None, entropy: object = None,
        entropy_bonus: float = 0.0, threads: int = 0,
        context: "Context | None" = None) -> GatedLoss:
    """The loss -J of a batch, its gradient by token, and metrics.

    logp_new, logp_old, logp_ref, entropy: float32, (B, T) padded, or (T,) packed with `seq`, the
        offsets of the sequences (B + 1 integers).
    mask: bool or uint8 of the same shape; what masked tokens hold is never read.
    advantages: float32 (B,), one a sequence, or of the shape of the log-probs, one a token, whose
        sign chooses the token's gate (spec O4.7); what masked tokens have is never read.
    gate: a built-in's name, a path, or a loaded gate. tau_pos (A > 0) and tau_neg; other values by
        `parameters`, as {"high": 0.28} or {"tau": (1.0, 1.05)}; else those of the gate's file.
    groups: offsets of prompts into the sequences, for the effective update ratio.
    level: "token" or "sequence", whose ratio is the geometric mean (GSPO).
    aggregation: "sequence-mean" (GRPO, SAPO), "token-mean" (DAPO) or "constant" (Dr. GRPO), by
        constant_length; with Denominators of the whole step where this is a part of it.
    kl, beta, logp_ref: "k1", "k2" or "k3" to the reference, times beta.
    entropy, entropy_bonus: J gains entropy_bonus * coefficient * entropy.
    threads: 0 for all that the system offers; they cannot affect a result. context: one of your
        own; else this process has one for each number of threads, shared under a lock.

    Arrays are NumPy's, CPU tensors of PyTorch, or anything with DLPack in CPU memory, contiguous;
    none is copied. Errors: InvalidInput (an array that does not fit, a number that is not finite,
    with its token and sequence), Unavailable (this thread flushes subnormal numbers).
    """
    new = _arrays.floats("logp_new", logp_new)
    old = _arrays.floats("logp_old", logp_old, new.shape)
    live = _arrays.flags("mask", mask, new.shape)
    offsets = _batch.offsets_of(new.shape, seq)
    given = _batch.advantages_of(advantages, new.shape, offsets)
    beta, entropy_bonus = _factor("beta", beta), _factor("entropy_bonus", entropy_bonus)
    if constant_length is not None:
        constant_length = number_of("constant_length", constant_length)
    bound = gate_of(gate, tau_pos, tau_neg, parameters)  # it owns what its structure points to
    objective = Objective(
        gate=bound.struct,
        level=_choice("level", level, LEVELS), aggregation=_choice(
            "aggregation", aggregation, AGGREGATIONS), constant_length=constant_length or 0.0,
        kl=_choice("kl", kl, KL_KINDS), beta=beta, gamma=entropy_bonus)
    if beta > 0 and logp_ref is None:
        raise InvalidInput("beta > 0 needs logp_ref, the log-probs of the reference")
    if entropy_bonus > 0 and entropy is None:
        raise InvalidInput("entropy_bonus > 0 needs entropy, that of each token")
    ref = None if logp_ref is None else _arrays.floats("logp_ref", logp_ref, new.shape)
    bits = None if entropy is None else _arrays.floats("entropy", entropy, new.shape)

    rows = _batch.layout(live, offsets, from_first=level == "sequence")
    weight = coefficients(rows.tokens, aggregation, constant_length, denominators)
    weight = _batch.spread(weight, rows.rows)
    advantage = None if given.by_sequence is None else _batch.spread(given.by_sequence, rows.rows)
    d = numpy.empty(new.shape, numpy.float32)
    e = numpy.empty(new.shape, numpy.float32) if entropy_bonus > 0 else None
    sums = numpy.zeros(rows.seq.size - 1, _SUMS)
    address = _arrays.address
    batch = Batch(
        address(new), address(old), address(ref), address(bits), address(live), address(rows.seq),
        address(advantage), address(weight), rows.seq.size - 1, address(given.by_token))
    used = context or shared_context(threads)
    try:
        used.gated_loss(address(d), address(e), address(sums), objective, batch)
    except InvalidInput as error:
        raise InvalidInput(_batch.in_callers_words(str(error), rows.rows)) from None
    ratios = None
    if groups is not None:
        ends = _arrays.offsets("groups", groups, offsets.size - 1)
        ratios = UpdateRatios(*[numpy.nan] * 3) if not rows.tokens.any() else _measure(
            objective, batch, sums, ends if rows.rows is None else 2 * ends)
    mine = sums if rows.rows is None else numpy.ascontiguousarray(sums[rows.rows])
    metrics = _metrics(mine, ratios)
    loss = -(metrics.objective - beta * metrics.kl + entropy_bonus * metrics.entropy)
    return GatedLoss(loss, d, e, metrics, mine)
