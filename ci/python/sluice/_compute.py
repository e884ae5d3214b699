"""One batch of the gated loss through the library (spec O1 to O5): the settings, the call, and what
its sums come to. Internal: what sluice.loss and sluice.torch share."""
from dataclasses import dataclass, fields
from typing import Any, Callable, NamedTuple, Protocol, Tuple

import numpy

from . import _arrays, _batch
from ._errors import InvalidInput, number_of
from ._gate import Gate
from ._library import (
    AGGREGATIONS, KL_KINDS, LEVELS, SUMS, Batch, Error, LossMetrics, Objective, fail, lib)

LARGEST_FACTOR = 2**20


@dataclass(frozen=True)
class Denominators:
    """What a loss is divided by, of the whole step, where a call has a part of it (spec O4.1).

    sequences: those with unmasked tokens, for sequence-mean and constant.
    tokens: unmasked ones, for token-mean.

    With these, each token's gradient has the same bits for any split into calls, and the losses of
    the calls add up to the step's.
    """
    sequences: float
    tokens: float


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


class Settings(NamedTuple):
    """What a call says beside its arrays, checked, with a gate in it."""
    objective: Objective
    by_sequence: bool
    """whether the ratio is that of a sequence"""
    aggregation: int
    constant_length: float
    beta: float
    entropy_bonus: float


def _choice(name: str, value: Any, known: "tuple[str, ...]") -> int:
    if value not in known:
        raise InvalidInput(f"{name} must be one of {', '.join(known)}, not '{value}'")
    return known.index(value)


def _factor(name: str, value: object) -> float:
    """beta and entropy_bonus."""
    found = number_of(name, value)
    if not 0 <= found <= LARGEST_FACTOR:
        raise InvalidInput(f"{name} must lie in [0, 2^20], and is {found:g}")
    return found


def _settings(gate: Gate, level: object, aggregation: object, constant_length: object, kl: object,
              beta: object, entropy_bonus: object) -> Settings:
    factors = _factor("beta", beta), _factor("entropy_bonus", entropy_bonus)
    length = 0.0 if constant_length is None else number_of("constant_length", constant_length)
    kind = _choice("aggregation", aggregation, AGGREGATIONS)
    if AGGREGATIONS[kind] == "constant" and not 1 <= length < numpy.inf:
        raise InvalidInput("aggregation 'constant' needs constant_length, finite and at least 1, "
                           f"not {constant_length}")
    objective = Objective(
        gate=gate.struct, level=_choice("level", level, LEVELS), aggregation=kind,
        constant_length=length, kl=_choice("kl", kl, KL_KINDS), beta=factors[0], gamma=factors[1])
    return Settings(objective, level == "sequence", kind, length, *factors)


_USUAL = frozenset((str, int, float, type(None)))
_KEPT = 64


def settings_of(gate: Gate, *values: object) -> Settings:
    """Settings of a gate, level, aggregation, constant_length, kl, beta and entropy_bonus: kept
    with the gate, where values of these types that are equal mean the same."""
    if not _USUAL.issuperset(map(type, values)):
        return _settings(gate, *values)
    found: "Settings | None" = gate.objectives.get(values)
    if found is None:
        found = _settings(gate, *values)
        if len(gate.objectives) >= _KEPT:  # a beta that each step changes
            gate.objectives.clear()
        gate.objectives[values] = found
    return found


def step_of(denominators: object) -> "Tuple[Any, Any]":
    """The step's sequences and tokens."""
    if not isinstance(denominators, Denominators):
        raise InvalidInput(f"denominators is a {type(denominators).__name__}: pass "
                           "sluice.Denominators(sequences, tokens)")
    return denominators.sequences, denominators.tokens


def _coefficients(into: int, tokens: int, count: int, settings: Settings, step: object) -> None:
    """The coefficient of a token of each sequence (spec O4.1). into, tokens: addresses."""
    kind, length = settings.aggregation, settings.constant_length
    if step is None:
        if lib.sl_objective_coefficients(into, tokens, count, kind, length, None):
            raise InvalidInput("the batch has no unmasked token: nothing to learn from; pass "
                               "denominators if it is part of a step")
        return
    by_token = AGGREGATIONS[kind] == "token-mean"
    needed = number_of("denominators", step_of(step)[by_token])
    if not 1 <= needed < numpy.inf:
        raise InvalidInput(f"denominators: {needed} {'tokens' if by_token else 'sequences'}, and "
                           "a step has at least 1")
    lib.sl_objective_part_coefficients(into, tokens, count, kind, length, needed, needed, None)


_SUMS = numpy.dtype(SUMS)
WORDS = _SUMS.itemsize // 8
"""of binary64, in the sums of a sequence"""
_NAMES = tuple(field.name for field in fields(Metrics))
NUMBERS = len(_NAMES)
_TOKENS, _OBJECTIVE, _KL, _ENTROPY = map(_NAMES.index, ("tokens", "objective", "kl", "entropy"))
_UPDATE = int(LossMetrics.update.offset)


class Runs(Protocol):
    """A context, on the host or on a device."""

    def gated_loss(self, d: "int | None", e: "int | None", sums: "int | None", objective: Objective,
                   batch: Batch) -> None:
        """sl_gated_loss: d, e and sums are addresses, that of the sums on the host."""


class Computed(NamedTuple):
    """What the library made of a batch."""
    loss: float
    gradient: Any
    """what `empty` gave for it"""
    entropy_gradient: Any
    """the same; None without a bonus"""
    grouped: bool
    block: "numpy.ndarray[Any, numpy.dtype[numpy.float64]]"
    """NUMBERS metrics in their order, NaN for what is absent; then sums, and what is of no use"""
    rows: _batch.Rows

    @property
    def metrics(self) -> Metrics:
        """Of all its tokens."""
        return metrics_of(self.block[:NUMBERS], self.grouped)

    @property
    def sums(self) -> "numpy.ndarray[Any, Any]":
        """sl_loss_sums of each of the caller's sequences."""
        all_of_them = self.block[NUMBERS:NUMBERS + WORDS * self.rows.size].view(_SUMS)
        return all_of_them if self.rows.own is None else all_of_them[self.rows.own]


def compute(logp_new: object, logp_old: object, advantages: object, mask: object, seq: object,
            groups: object, gate: Gate, settings: Settings, denominators: object, logp_ref: object,
            entropy: object, context: "Runs",
            empty: "Callable[[Any, Tuple[int, ...]], Tuple[Any, int]]",
            taken: "Callable[..., _batch.Taken]" = _batch.taken) -> Computed:
    """Arguments are those of `sluice.gated_loss`. gate: owns what the settings point to. empty: an
    array of float32 like the log-probs, of their shape, and its address. taken: makes a batch of
    the arrays, whose mask is the host's, and after context.gated_loss all that groups need."""
    objective, bonus = settings.objective, settings.entropy_bonus
    if settings.beta > 0 and logp_ref is None:
        raise InvalidInput("beta > 0 needs logp_ref, the log-probs of the reference")
    if bonus > 0 and entropy is None:
        raise InvalidInput("entropy_bonus > 0 needs entropy, that of each token")
    batch, shape, rows, given, _owners = taken(
        logp_new, logp_old, advantages, mask, seq, logp_ref, entropy, settings.by_sequence)

    # Metrics, sums, coefficients and counts of unmasked tokens, one after the other.
    block = numpy.empty(NUMBERS + (WORDS + 2) * rows.size)
    numbers = _arrays.address(block)
    sums = numbers + 8 * NUMBERS
    coefficients = sums + 8 * WORDS * rows.size
    tokens = coefficients + 8 * rows.size
    lib.sl_objective_tokens(tokens, batch.mask, rows.begin, rows.size)
    _coefficients(coefficients, tokens, rows.size, settings, denominators)
    batch.coefficient = coefficients
    d, d_at = empty(logp_new, shape)
    e, e_at = empty(logp_new, shape) if bonus > 0 else (None, None)
    try:
        context.gated_loss(d_at, e_at, sums, objective, batch)
    except InvalidInput as error:
        raise InvalidInput(_batch.in_callers_words(str(error), rows, shape)) from None
    lib.sl_loss_measure(numbers, sums, rows.size)
    if groups is not None:
        ends = _arrays.offsets("groups", groups, given)
        _measure(numbers + _UPDATE, objective, batch, sums, ends if rows.own is None else 2 * ends,
                 tokens=block.item(_TOKENS))
    loss = -(block.item(_OBJECTIVE) - settings.beta * block.item(_KL)
             + bonus * block.item(_ENTROPY))
    return Computed(loss, d, e, groups is not None, block, rows)


def _measure(into: int, objective: Objective, batch: Batch, sums: int,
             ends: "numpy.ndarray[Any, Any]", tokens: float) -> None:
    """What the gate let through of groups of sequences (spec O5.3, O5.4); nothing is written for a
    batch without tokens. into, sums: addresses."""
    error = Error()
    if tokens and lib.sl_update_measure(into, objective, batch, sums, _arrays.address(ends),
                                        ends.size - 1, error):
        fail(error)


def measured(sums: "numpy.ndarray[Any, Any]") -> Metrics:
    """Of records of sl_loss_sums, in their order (spec O5.1)."""
    kept, numbers = numpy.ascontiguousarray(sums, _SUMS), numpy.empty(NUMBERS)
    lib.sl_loss_measure(_arrays.address(numbers), _arrays.address(kept), kept.size)
    return metrics_of(numbers, False)


def metrics_of(numbers: "numpy.ndarray[Any, Any]", grouped: bool) -> Metrics:
    """The metrics from the library's numbers; those of groups are None where there are none."""
    found: "dict[str, Any]" = dict(zip(_NAMES, numbers.tolist()))
    for name in ("tokens", "sequences", "clamped", "kl_clamped"):
        found[name] = int(found[name])
    for name in ("clip_ratio", "clip_ratio_tokens"):
        if numpy.isnan(found[name]):
            found[name] = None
    if not grouped:
        found["effective"] = None
    return Metrics(**found)
