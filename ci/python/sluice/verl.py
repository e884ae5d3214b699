"""The gated loss as policy losses of verl (https://github.com/volcengine/verl; docs/from-trl.md).

    import sluice.verl      # in the worker: VERL_USE_EXTERNAL_MODULES=sluice.verl

and in the configuration `actor.policy_loss.loss_mode: sluice_erf`, or another of these:

    sluice_vanilla, sluice_gspo, sluice_sapo, sluice_cispo    verl's losses of those names
    sluice_GATE             a built-in gate of GATES: sluice_erf, sluice_arctan, ...

Gates take their parameters from the configuration: tau from tau_pos and tau_neg, low and high from
clip_ratio_low and clip_ratio_high, c from clip_ratio_c; others are those of the gate's file.
`register` adds a gate of one's own. The loss is computed where the log-probs are, if that is a CUDA
device and this installation has CUDA, else on the CPU.
"""
import importlib
import math
import os
from typing import Any, Callable, Mapping, Optional, Union

import torch
from torch import Tensor

from ._applied import applied, shortest
from ._certified import demand
from ._compute import Computed, Denominators
from ._errors import InvalidInput, Unavailable, mapping_of, number_of, path_of
from ._gate import Gate, Value, load
from ._library import LEVELS
from .loss import gate_of

OLDEST = (0, 7)

try:
    _core: Any = importlib.import_module("verl.trainer.ppo.core_algos")
    _version: str = importlib.import_module("verl").__version__
except ImportError as missing:
    raise Unavailable(f"sluice.verl needs verl 0.7 or newer: {missing}") from missing

if tuple(int(part) for part in _version.split(".")[:2]) < OLDEST:
    raise Unavailable(f"verl {_version} is older than 0.7: its policy losses take other arguments")

__all__ = ["GATES", "MODES", "PRESETS", "denominators", "register"]

PRESETS: "dict[str, tuple[str, str, Optional[str]]]" = {
    "vanilla": ("dual_clip", "token", None), "gspo": ("clip", "sequence", None),
    "sapo": ("sigmoid", "token", "seq-mean-token-mean"), "cispo": ("cispo", "token", None)}
"""Of verl's losses: gate, level, and the aggregation where it is fixed there."""

GATES = ("arctan", "clip", "cispo_cap", "dual_clip", "erf", "identity", "sigmoid", "softsign",
         "student")
"""Built-in gates with a policy loss of their name; `register` adds others."""

MODES = ("token-mean", "seq-mean-token-sum", "seq-mean-token-mean", "seq-mean-token-sum-norm",
         "token-sum")

_BATCH = frozenset({"dp_size", "batch_num_tokens", "global_batch_size", "loss_scale_factor"})
_OWN = {"tau": ("tau_pos", "tau_neg"), "low": ("clip_ratio_low",), "high": ("clip_ratio_high",),
        "c": ("clip_ratio_c",)}


def _norm_divides_by_sequences() -> bool:
    """Whether this verl's seq-mean-token-sum-norm is a mean over sequences: 0.7's is a sum."""
    ones = torch.ones(2, 1)
    return bool(_core.agg_loss(ones, ones, "seq-mean-token-sum-norm", loss_scale_factor=1) == 1)


def _count(batch: "Mapping[str, Any]", name: str, least: float) -> "Optional[float]":
    """A number of global_batch_info; None where it has none."""
    value = batch.get(name)
    if value is None:
        return None
    found = number_of(name, value)
    if isinstance(value, bool) or not least <= found < math.inf:
        raise InvalidInput(f"global_batch_info: {name} is {value!r}, and must be a number of at "
                           f"least {least:g}")
    return found


def denominators(mode: str, mask: Tensor, batch: "Mapping[str, Any]") \
        -> "tuple[str, Optional[float], Denominators, float]":
    """verl's agg_loss as aggregation, constant_length and denominators, and a factor of the loss.

    mode: one of MODES; batch: the configuration's global_batch_info. Errors: InvalidInput, for
    another mode, an entry that is not known or no such number, or dp_size > 1 without the count
    that it needs.
    """
    batch = mapping_of("global_batch_info", batch, '{"dp_size": 2, "global_batch_size": 64}')
    unknown = sorted(map(str, set(batch) - _BATCH))
    if unknown:
        raise InvalidInput(f"global_batch_info has {', '.join(unknown)}: it would have no effect")
    if mode not in MODES:
        raise InvalidInput(f"loss_agg_mode must be one of {', '.join(MODES)}, not '{mode}'")
    ranks = _count(batch, "dp_size", 1)
    ranks = 1.0 if ranks is None else ranks
    if not ranks.is_integer():
        raise InvalidInput(f"global_batch_info: dp_size is {ranks}, and must be whole")
    if mode == "token-sum":
        return "constant", 1.0, Denominators(1.0, 1.0), ranks
    needed = "batch_num_tokens" if mode == "token-mean" else "global_batch_size"
    count = _count(batch, needed, 0)
    if count is None and ranks > 1:
        raise InvalidInput(f"loss_agg_mode '{mode}' with dp_size {ranks:g} needs {needed}")
    if mode == "token-mean":
        tokens = float(mask.sum() if count is None else count)
        return "token-mean", None, Denominators(1.0, max(tokens, 1.0)), ranks
    sequences = float(mask.any(1).sum() if count is None else count)
    step = Denominators(max(sequences, 1.0), 1.0)
    if mode == "seq-mean-token-mean":
        return "sequence-mean", None, step, ranks
    length = 1.0
    if mode == "seq-mean-token-sum-norm":
        factor = _count(batch, "loss_scale_factor", 1)
        length = float(mask.shape[-1] if factor is None else factor)
        if not _norm_divides_by_sequences():
            step, ranks = Denominators(1.0, 1.0), 1.0
    return "constant", length, step, ranks


def _check(named: "Mapping[str, Any]") -> None:
    """Tensors of a batch (B, T): old_log_prob and response_mask of the shape of log_prob, the
    others what broadcasts to it. A gradient by them would be lost."""
    shape: Any = None
    for name, value in named.items():
        if value is None and name == "rollout_is_weights":
            continue
        if not isinstance(value, Tensor):
            raise InvalidInput(f"{name} is a {type(value).__name__}, not a tensor: pass "
                               f"torch.as_tensor({name})")
        if value.device.type == "meta":
            raise InvalidInput(f"{name} is on the device meta: it has no values")
        if name == "log_prob":
            shape = value.shape
            if len(shape) != 2 or not value.dtype.is_floating_point:
                raise InvalidInput(f"log_prob is {value.dtype} of shape {tuple(shape)}, and must "
                                   "be log-probs (B, T)")
            continue
        if value.requires_grad:
            raise InvalidInput(f"{name} requires a gradient, and the loss has none by it: pass "
                               f"{name}.detach()")
        fits = value.shape == shape
        if name in ("advantages", "rollout_is_weights"):
            fits = value.dim() <= 2 and all(a in (1, b) for a, b in zip(
                reversed(value.shape), reversed(shape)))
            fits = fits or name == "advantages" and value.shape == shape[:1]
        if not fits:
            raise InvalidInput(f"{name} has shape {tuple(value.shape)}, and log_prob has "
                               f"{tuple(shape)}")


def _configured(gate: Gate, config: Any) -> "dict[str, Value]":
    """The gate's parameters that verl's configuration has."""
    found: "dict[str, Value]" = {}
    for name, keys in _OWN.items():
        if name not in gate.parameters:
            continue
        values = [config.get(key) for key in keys]
        if name in ("low", "high"):
            values = [config.get("clip_ratio") if value is None else value for value in values]
        found[name] = tuple(values) if len(values) == 2 else values[0]
    return {name: value for name, value in found.items() if value is not None}


def _measures(out: Computed) -> "dict[str, float]":
    """verl's metrics, and ours; those of a batch without tokens are left out."""
    found = out.metrics
    if not found.tokens:
        return {}
    return {"actor/ppo_kl": float(-out.sums["log_ratio_sum"].sum() / found.tokens),
            "sluice/weight_mean": found.weight_mean, "sluice/ratio_mean": found.ratio_mean,
            "sluice/ratio_variance": found.ratio_variance, "sluice/ratio_max": found.ratio_max,
            "sluice/below_half": found.below_half, "sluice/clamped": float(found.clamped)}


def register(name: str, gate: "Union[str, os.PathLike[str], Gate]", *, level: str = "token",
             parameters: "Optional[Mapping[str, Value]]" = None,
             aggregation: "Optional[str]" = None,
             certificate: "Union[str, os.PathLike[str], None]" = None) -> "Callable[..., Any]":
    """Adds a policy loss to verl's registry, and returns it.

    name: for actor.policy_loss.loss_mode. gate, level: as in `sluice.gated_loss`. parameters: of
    the gate; None takes from verl's configuration those that it has. aggregation: one of MODES,
    whatever loss_agg_mode says. certificate: a file that must prove P1 to P4 of the gate with the
    values it gets, before the first loss.

    Advantages and rollout weights may differ by token. Errors of the loss: InvalidInput, for a
    global_batch_info that it does not know.
    """
    bound: "dict[tuple[Any, ...], Gate]" = {}
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"the name of a policy loss is {name!r}, and must be a text")
    if parameters is not None:
        parameters = {key: tuple(value) if isinstance(value, list) else value for key, value in
                      mapping_of("parameters", parameters, '{"high": 0.28}').items()}
    if certificate is not None:
        path_of("the certificate", certificate)
    if isinstance(gate, Gate) and parameters is not None:
        raise InvalidInput("a loaded gate has its parameters: pass them to gates.load")
    if level not in LEVELS:
        raise InvalidInput(f"level must be one of {', '.join(LEVELS)}, not '{level}'")
    if aggregation is not None and aggregation not in MODES:
        raise InvalidInput(f"aggregation must be one of {', '.join(MODES)}, not '{aggregation}'")
    template = gate if isinstance(gate, Gate) else load(gate)

    def bind(config: Any) -> Gate:
        if isinstance(gate, Gate):
            values: "Mapping[str, Value]" = {}
        else:
            values = parameters if parameters is not None else _configured(template, config)
        key = tuple(sorted(values.items()))
        if key not in bound:
            made = gate_of(gate, None, None, values)
            if certificate is not None:
                demand(made, certificate)
            bound[key] = made
        return bound[key]

    def loss(old_log_prob: Tensor, log_prob: Tensor, advantages: Tensor, response_mask: Tensor,
             loss_agg_mode: str = "token-mean", config: Any = None,
             rollout_is_weights: "Optional[Tensor]" = None) -> "tuple[Tensor, dict[str, Any]]":
        if not hasattr(config, "get"):
            raise InvalidInput(f"config is a {type(config).__name__}, and the loss needs verl's "
                               "actor configuration: pass config")
        _check({"log_prob": log_prob, "old_log_prob": old_log_prob, "response_mask": response_mask,
                "advantages": advantages, "rollout_is_weights": rollout_is_weights})
        mask = response_mask != 0
        if rollout_is_weights is not None:
            advantages = advantages * rollout_is_weights
        kind, length, step, factor = denominators(aggregation or loss_agg_mode, mask,
                                                  config.get("global_batch_info") or {})
        value, out = applied(log_prob, old_log_prob, shortest(advantages, mask), mask, scale=factor,
                             gate=bind(config), level=level, aggregation=kind,
                             constant_length=length, denominators=step)
        return value, _measures(out)

    loss.__name__ = name
    _core.register_policy_loss(name)(loss)
    return loss


for _name, (_gate, _level, _aggregation) in PRESETS.items():
    register(f"sluice_{_name}", _gate, level=_level, aggregation=_aggregation)
for _name in GATES:
    register(f"sluice_{_name}", _name)
