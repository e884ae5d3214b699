"""TRL's GRPOTrainer with a gated loss (https://huggingface.co/docs/trl; docs/from-trl.md).

    trainer = sluice.trl.GatedGRPOTrainer(
        model=..., reward_funcs=..., args=GRPOConfig(loss_type="sapo", ...), train_dataset=...,
        gate="erf", tau_pos=10, tau_neg=12, certificate="erf.cert")
    trainer.train()

Without a gate it is that of args.loss_type. Every argument of GRPOConfig is honoured, or refused by
its name. The loss is computed where the log-probs are, if that is a CUDA device and this
installation has CUDA, else on the CPU.
"""
import importlib
import os
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional, Union

import numpy
import torch
from torch import Tensor

from . import _trl_arguments as _arguments
from ._applied import applied, shortest
from ._certified import demand
from ._compute import Computed, Denominators, measured
from ._errors import InvalidInput, Unavailable
from ._gate import Gate, Value
from ._library import SUMS
from .loss import gate_of

try:
    _trl: Any = importlib.import_module("trl")
except ImportError as missing:
    raise Unavailable(
        f"sluice.trl needs TRL: pip install 'trl=={_arguments.SUPPORTED[-1]}.*'") from missing

__all__ = ["GatedGRPOTrainer", "Preset", "preset"]

_OWN = "sluice_prompt"
"""The key by which a completion's prompt travels to the micro-batches."""


@dataclass(frozen=True)
class Preset:
    """One of TRL's losses as arguments of `sluice.gated_loss`."""
    gate: str
    parameters: "dict[str, Value]"
    level: str
    aggregation: str
    constant_length: "Optional[float]"
    per: str
    """what a micro-batch's loss is divided by there: "rows", its own "tokens", or the tokens of the
    step, "items" """

    def denominators(self, rows: int, tokens: int, items: float, parts: float,
                     of_step: float) -> Denominators:
        """TRL's normalisation of one micro-batch.

        rows: all of its sequences; tokens: unmasked ones; items: those of the generation batch, by
        process (num_items_in_batch); parts: micro-batches of a step; of_step: the share of a
        generation batch that a step takes.
        """
        if self.per == "items":
            # Below 1 only where less than a token a micro-batch counts: there TRL's loss has
            # tokens without bound, and the library refuses the coefficient unless none is here.
            of_items = max(items, 1.0) * of_step
            return Denominators(1.0, of_items if tokens else max(of_items, 1.0))
        if self.per == "tokens":
            return Denominators(1.0, max(tokens, 1) * parts)
        return Denominators(rows * parts, 1.0)


def preset(args: Any) -> Preset:
    """What a GRPOConfig's loss_type, epsilon, epsilon_high, delta, sapo_temperature_pos and _neg,
    importance_sampling_level and max_completion_length come to. Errors: InvalidInput, by name."""
    _arguments.refused(args)
    kind = args.loss_type
    high = args.epsilon if args.epsilon_high is None else args.epsilon_high
    gate, parameters = "clip", {"low": args.epsilon, "high": high}
    if kind == "sapo":
        gate = "sigmoid"
        parameters = {"tau": (args.sapo_temperature_pos, args.sapo_temperature_neg)}
    elif kind == "cispo":
        gate, parameters = "cispo_cap", {"cap": high}
    elif args.delta is not None:
        gate, parameters = "dual_clip", {**parameters, "c": args.delta}
    aggregation, length, per = {
        "grpo": ("sequence-mean", None, "rows"), "sapo": ("sequence-mean", None, "rows"),
        "dr_grpo": ("constant", args.max_completion_length, "rows"),
        "luspo": ("constant", 1.0, "rows"), "bnpo": ("token-mean", None, "tokens"),
        "dapo": ("token-mean", None, "items"), "cispo": ("token-mean", None, "items")}[kind]
    return Preset(gate, parameters, args.importance_sampling_level, aggregation, length, per)


@dataclass
class _Update:
    """What the tokens of one optimiser step did, sequence by sequence (spec O5)."""
    prompts: "list[Any]" = field(default_factory=list)
    sums: "list[Any]" = field(default_factory=list)
    weights: "list[Any]" = field(default_factory=list)
    """sums of w over tokens that are not clamped (O5.3)"""

    def add(self, prompts: Any, sums: Any, weights: Any) -> None:
        """The sequences of a micro-batch."""
        self.prompts.append(prompts)
        self.sums.append(sums)
        self.weights.append(weights)

    def measures(self) -> "dict[str, float]":
        """EUR and statistics of the ratios, over the step; no names where no token counted."""
        prompts, weights = numpy.concatenate(self.prompts), numpy.concatenate(self.weights)
        sums = numpy.concatenate(self.sums).astype(SUMS)
        by_prompt: "dict[int, list[float]]" = {}
        for prompt, weight, tokens in zip(prompts.tolist(), weights.tolist(),
                                          sums["tokens"].tolist()):
            found = by_prompt.setdefault(prompt, [0.0, 0.0])
            found[0] += weight
            found[1] += tokens
        means = [weight / tokens for weight, tokens in by_prompt.values() if tokens]
        if not means:
            return {}
        of_all = measured(sums)
        return {"sluice/eur": sum(means) / len(means), "sluice/ratio_mean": of_all.ratio_mean,
                "sluice/ratio_variance": of_all.ratio_variance,
                "sluice/ratio_max": of_all.ratio_max, "sluice/weight_mean": of_all.weight_mean,
                "sluice/clamped": float(of_all.clamped),
                "sluice/approximate_kl": of_all.approximate_kl}


class GatedGRPOTrainer(_trl.GRPOTrainer):  # type: ignore[misc]
    """trl.GRPOTrainer with the loss of `sluice.gated_loss`.

    Arguments are GRPOTrainer's, and by name:
    gate: a built-in's name, a path, or a loaded gate, in the place of the one of args.loss_type,
        whose aggregation and denominators stay. tau_pos (A > 0), tau_neg, parameters: as in
        `sluice.gated_loss`.
    certificate: a file that must prove P1 to P4 of this gate, or there is no training.

    It logs, of each optimiser step, sluice/eur (the effective update ratio, over prompts),
    ratio_mean, ratio_variance, ratio_max, weight_mean, clamped and approximate_kl.
    Errors: Unavailable (another TRL), InvalidInput (an argument that would not be honoured; a
    certificate that does not prove it).
    """

    def __init__(self, *args: Any, gate: "Union[str, os.PathLike[str], Gate, None]" = None,
                 tau_pos: "Optional[float]" = None, tau_neg: "Optional[float]" = None,
                 parameters: "Optional[Mapping[str, Value]]" = None,
                 certificate: "Union[str, os.PathLike[str], None]" = None, **kwargs: Any) -> None:
        _arguments.check_version(_trl.__version__, _trl.GRPOTrainer, _trl.GRPOConfig)
        own = (gate, tau_pos, tau_neg, parameters, certificate)
        config = kwargs.get("args", args[2] if len(args) > 2 else None)
        if config is not None:  # refused before a model is loaded
            self._prepare(config, *own)
        super().__init__(*args, **kwargs)
        if config is None:
            self._prepare(self.args, *own)
        self._generations = 0
        self._update = _Update()

    def _prepare(self, config: Any, gate: "Union[str, os.PathLike[str], Gate, None]",
                 tau_pos: "Optional[float]", tau_neg: "Optional[float]",
                 parameters: "Optional[Mapping[str, Value]]",
                 certificate: "Union[str, os.PathLike[str], None]") -> None:
        """The loss of a GRPOConfig, and the gate that is asked for."""
        self._preset = preset(config)
        if gate is not None:
            _arguments.check_gate_alone(config)
            self._gate = gate_of(gate, tau_pos, tau_neg, parameters)
        elif tau_pos is not None or tau_neg is not None or parameters:
            raise InvalidInput("tau_pos, tau_neg and parameters are those of `gate`: pass it too; "
                               "without it they are those of the GRPOConfig")
        else:
            self._gate = gate_of(self._preset.gate, None, None, self._preset.parameters)
        if certificate is not None:
            demand(self._gate, certificate)

    def _generate_and_score_completions(self, inputs: Any) -> "dict[str, Any]":
        """TRL's, with each completion's prompt, which shuffles and splits carry along."""
        output: "dict[str, Any]" = super()._generate_and_score_completions(inputs)
        group = self.num_generations if self.model.training else self.num_generations_eval
        size, device = len(output["advantages"]), output["advantages"].device
        row = torch.arange(size, device=device) + self.accelerator.process_index * size
        output[_OWN] = (self._generations << 32) + torch.div(row, group, rounding_mode="floor")
        self._generations += 1
        return output

    def _advantages(self, inputs: "dict[str, Any]", logps: Tensor, old: Tensor, mask: Tensor,
                    chosen: "Optional[Tensor]") -> Tensor:
        """Advantages, one a sequence or one a token, with the factors that TRL multiplies its loss
        with; `chosen`: the tokens of top_entropy_quantile."""
        found = inputs["advantages"]
        found = found[:, None] if found.dim() == 1 else found
        if self.off_policy_mask_threshold is not None:
            found = found * self.get_off_policy_mask(
                advantages=found, per_token_logps=logps,
                sampling_per_token_logps=inputs.get("sampling_per_token_logps", old), mask=mask,
                off_policy_threshold=self.off_policy_mask_threshold)
        if chosen is not None:
            found = found * chosen
        if self.use_vllm and self.vllm_importance_sampling_correction:
            found = found * inputs["importance_sampling_ratio"]
        found = shortest(found, mask)
        if found.dim() == 2 and self._preset.level == "sequence":
            raise InvalidInput("the advantages of a sequence differ by token, and with "
                               "importance_sampling_level='sequence' TRL's loss has their mean in "
                               "each token's gradient: pass one a sequence")
        return found

    def _loss_of(self, inputs: "dict[str, Any]", logps: Tensor, mask: Tensor, old: Tensor,
                 advantages: Tensor, parts: float) -> "tuple[Tensor, Computed]":
        """The gated loss of a micro-batch, and what is known of it."""
        training, ready = self.model.training, self._preset
        of_step = parts / self.args.steps_per_generation if training else 1.0
        items = max(float(inputs["num_items_in_batch"]), 1.0) / self.accelerator.num_processes
        step = ready.denominators(len(mask), int((mask != 0).sum()), items, parts, of_step)
        return applied(
            logps, old, advantages, mask, gate=self._gate, level=ready.level,
            aggregation=ready.aggregation,
            constant_length=ready.constant_length, denominators=step, beta=self.beta, kl="k3",
            logp_ref=inputs["ref_per_token_logps"] if self.beta else None)

    def _compute_loss(self, model: Any, inputs: "dict[str, Any]") -> Tensor:
        _arguments.check_inputs(inputs, _OWN)
        mask = inputs["completion_mask"]
        if "tool_mask" in inputs:
            mask = mask * inputs["tool_mask"]
        joined = [torch.cat([inputs[f"prompt_{name}"], inputs[f"completion_{name}"]], dim=1)
                  for name in ("ids", "mask")]
        logps, entropies, router = self._get_per_token_logps_and_entropies(
            model, *joined, mask.size(1), compute_entropy=True,
            compute_aux_loss=self.aux_loss_enabled,
            **{name: inputs.get(name) for name in _arguments.FORWARD})
        old = inputs.get("old_per_token_logps")
        old = logps.detach() if old is None else old
        mode = "train" if self.model.training else "eval"
        parts = float(self.current_gradient_accumulation_steps) if mode == "train" else 1.0
        chosen = None
        if self.top_entropy_quantile < 1.0:
            chosen = self.get_high_entropy_mask(entropies, mask, 1 - self.top_entropy_quantile)
        advantages = self._advantages(inputs, logps, old, mask, chosen)
        loss, out = self._loss_of(inputs, logps, mask, old, advantages, parts)
        if self._entropy_bonus_enabled:  # TRL's, for any loss_type
            counted = mask if chosen is None else mask * chosen
            mean = (entropies * counted).sum() / counted.sum().clamp(min=1.0)
            loss = loss - self.entropy_coef * (mean / parts)
        if self.aux_loss_enabled:
            loss = loss + self.router_aux_loss_coef * router / parts
            self._log(mode, "aux_loss", router, torch.ones_like(router))
        self._log(mode, "entropy", entropies, mask)
        if self.beta:
            away = inputs["ref_per_token_logps"] - logps.detach()
            self._log(mode, "kl", torch.exp(away) - away - 1, mask)
        self._measure(mode, inputs, out, self._weights(out, advantages, logps, old, mask))
        return loss

    def _log(self, mode: str, name: str, values: Tensor, mask: Tensor) -> None:
        """The mean of values over the mask, of all processes."""
        values = torch.where(mask != 0, values.detach().float(), 0.0)
        sums = torch.stack([values.sum(), (mask != 0).sum().float()])
        total, count = self.accelerator.reduce(sums, reduction="sum").tolist()
        self._metrics[mode][name].append(total / max(count, 1.0))

    def _measure(self, mode: str, inputs: "dict[str, Any]", out: Computed, weights: Any) -> None:
        """Adds a micro-batch to the step's measures; with its last one they are logged."""
        prompts = inputs[_OWN].cpu().numpy() if _OWN in inputs else numpy.arange(len(weights))
        self._update.add(prompts, out.sums, weights)
        if mode == "train" and not self.accelerator.sync_gradients:
            return
        update, self._update = self._update, _Update()
        if self.accelerator.num_processes > 1:
            gather = importlib.import_module("accelerate.utils").gather_object
            parts, update = gather([update]), _Update()
            for part in parts:
                for rows in zip(part.prompts, part.sums, part.weights):
                    update.add(*rows)
        for name, value in update.measures().items():
            self._metrics[mode][name].append(value)

    def _weights(self, out: Computed, advantages: Tensor, logps: Tensor, old: Tensor,
                 mask: Tensor) -> Any:
        """Of each sequence the sum of w over tokens that are not clamped (spec O5.3)."""
        sums, level = out.sums, self._preset.level
        if level == "sequence" or not out.metrics.clamped:
            return numpy.where(sums["clamped"] > 0, 0.0, sums["weight_sum"])
        free = (mask != 0) & ((logps.detach().float() - old.float()).abs() <= 80)
        return applied(logps, old, advantages, free, gate=self._gate, level=level,
                       denominators=Denominators(1.0, 1.0))[1].sums["weight_sum"]
