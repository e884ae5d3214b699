"""The gated loss and its gradient by token, on NumPy arrays (spec O1 to O5).

    out = sluice.gated_loss(new, old, advantages, mask, gate="erf", tau_pos=10, tau_neg=12)
    out.loss, out.gradient, out.metrics
"""
import os
from dataclasses import dataclass
from typing import Any, Mapping, Union

import numpy

from . import _arrays
from ._compute import Denominators, Metrics, compute, settings_of
from ._errors import InvalidInput, mapping_of, path_of
from ._gate import Gate, Value, _bound, is_path, load, loaded
from ._library import Context, shared_context

__all__ = ["Denominators", "GatedLoss", "Metrics", "gate_of", "gated_loss", "values_of"]


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


def _empty(logp_new: object, shape: "tuple[int, ...]") -> "tuple[numpy.ndarray[Any, Any], int]":
    array = numpy.empty(shape, numpy.float32)
    return array, _arrays.address(array)


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
    none is copied. Tensors of a CUDA device are for `sluice.torch.gated_loss`. Errors: InvalidInput
    (an array that does not fit, a number that is not finite, with its place in the batch),
    Unavailable (this thread flushes subnormal numbers).
    """
    bound = gate_of(gate, tau_pos, tau_neg, parameters)
    settings = settings_of(bound, level, aggregation, constant_length, kl, beta, entropy_bonus)
    out = compute(logp_new, logp_old, advantages, mask, seq, groups, bound, settings, denominators,
                  logp_ref, entropy, context or shared_context(threads), _empty)
    return GatedLoss(out.loss, out.gradient, out.entropy_gradient, out.metrics, out.sums)
