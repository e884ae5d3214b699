"""The gated loss as a differentiable operator of PyTorch (spec O1 to O5).

    loss, metrics = sluice.torch.gated_loss(new, old, advantages, mask, gate="erf", tau_pos=10,
                                            tau_neg=12)
    loss.backward()

It works under torch.compile and autocast, which computes it in float32. Where nothing traces or
transforms the call, it goes past the operator, whose layers in PyTorch cost more than the loss of
10,000 tokens: the bits are the same.

Tensors of a CUDA device are computed there, on PyTorch's current stream, with the bits of the CPU
(spec N1.10). The call waits for the stream, and is refused while it is captured. On the CPU threads
are PyTorch's own, torch.get_num_threads() of them, for batches of 16,384 tokens and more, and
cannot affect a bit.

The gradient by token is that of `sluice.gated_loss`, times the gradient of the loss; a second
derivative is refused, and so are those of forward mode (jvp, jacfwd) and of torch.func.
"""
import dataclasses
import functools
import os
from typing import Any, Callable, Mapping, NoReturn, Optional, Sequence, Tuple, Union

import numpy
import torch
from torch import Tensor
from torch.utils import _pytree

from . import loss as _loss
from ._applied import NO_SECOND, Applied, refuse_transforms, scalar
from ._compute import NUMBERS, Denominators, Metrics, settings_of, step_of
from ._device import computed
from ._errors import InvalidInput, number_of, path_of
from ._gate import Gate, Value, by_key, is_path
from ._late import Late

__all__ = ["Denominators", "gated_loss"]

_METRICS = tuple(field.name for field in dataclasses.fields(Metrics))
_KEYS = dict.fromkeys(_METRICS)


@functools.lru_cache(maxsize=64)
def _settings_of(text: str) -> "Tuple[Any, ...]":
    """What gated_loss wrote as one text: the gate, its parameters, level, aggregation,
    constant_length and kl."""
    parts = text.split("\0")
    if len(parts) != 6:
        raise InvalidInput("gate, level, aggregation and kl hold no zero byte")
    gate, values, level, aggregation, constant_length, kl = parts
    pairs = [row.split("=") for row in values.split(";") if row]
    parameters = {name: tuple(map(float, pair.split(":"))) for name, pair in pairs}
    return gate, parameters, level, aggregation, float(constant_length) or None, kl


def _forward(
        logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor,
        seq: Optional[Tensor], groups: Optional[Tensor], denominators: Optional[Tensor],
        logp_ref: Optional[Tensor], entropy: Optional[Tensor], settings: str, beta: float,
        entropy_bonus: float) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    """Loss, gradients by logp_new and entropy (empty without a bonus), metrics (float64, on the CPU
    for each device; -inf for NaN, which a check of operators takes for a difference). settings: one
    text,
    because what PyTorch's autograd takes for a call grows with the square of its arguments."""
    step = None if denominators is None else Denominators(*denominators.tolist())
    gate, parameters, *rest = _settings_of(settings)
    ready = _loss.gate_of(by_key(gate), None, None, parameters)
    out = computed(
        logp_new, logp_old, advantages, mask, seq, groups, ready,
        settings_of(ready, *rest, beta, entropy_bonus), step, logp_ref, entropy)
    e, numbers = out.entropy_gradient, out.block[:NUMBERS]
    loss = scalar(out.loss, logp_new.device)
    return (loss, out.gradient, logp_new.new_empty(0) if e is None else e,
            torch.from_numpy(numpy.where(numpy.isnan(numbers), -numpy.inf, numbers)))


def _fake_forward(
        logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor,
        seq: Optional[Tensor], groups: Optional[Tensor], denominators: Optional[Tensor],
        logp_ref: Optional[Tensor], entropy: Optional[Tensor], settings: str, beta: float,
        entropy_bonus: float) -> Tuple[Tensor, Tensor, Tensor, Tensor]:
    def fake(shape: Sequence[int], dtype: torch.dtype = torch.float32) -> Tensor:
        return logp_new.new_empty(shape, dtype=dtype)
    return (fake(()), fake(logp_new.shape), fake(logp_new.shape if entropy_bonus > 0 else (0,)),
            torch.empty(len(_METRICS), dtype=torch.float64, device="cpu"))


def _backward(grad: Tensor, d: Tensor, e: Tensor, logp_new: Tensor) -> Tuple[Tensor, Tensor]:
    """The gradients times that of the loss. logp_new is here so that autograd knows that they
    depend on it, and a second derivative comes to `_refuse`."""
    return grad * d, grad * e


def _fake_backward(grad: Tensor, d: Tensor, e: Tensor, logp_new: Tensor) -> Tuple[Tensor, Tensor]:
    return torch.empty_like(d), torch.empty_like(e)


def _refuse(ctx: Any, *grads: Any) -> NoReturn:
    raise RuntimeError(NO_SECOND)


def _save(ctx: Any, inputs: "Tuple[Any, ...]", output: "Tuple[Tensor, ...]") -> None:
    _, d, e, metrics = output
    ctx.mark_non_differentiable(d, e, metrics)
    ctx.save_for_backward(d, e, inputs[0])
    ctx.count, ctx.entropy = len(inputs), inputs[8] is not None


def _gradients(ctx: Any, grad: Tensor, *unused: Any) -> "Tuple[Optional[Tensor], ...]":
    d, e, logp_new = ctx.saved_tensors
    by_new, by_entropy = _backward_op(grad, d, e, logp_new)
    grads = [None] * ctx.count
    grads[0] = by_new
    if ctx.entropy and e.numel():
        grads[8] = by_entropy
    return tuple(grads)


def _operator(name: str, function: "Callable[..., Any]", fake: "Callable[..., Any]") -> Any:
    """Registers what computes it, and what says its shapes. Not by `custom_op`, which looks at each
    call for outputs that share memory with inputs: here none does. The tag cudagraph_unsafe, where
    this PyTorch has it, keeps torch.compile from putting it into a CUDA graph."""
    torch.library.define(
        name, torch.library.infer_schema(function, mutates_args=()),
        tags=(torch.Tag.pt2_compliant_tag, *(
            (torch.Tag.cudagraph_unsafe,) if hasattr(torch.Tag, "cudagraph_unsafe") else ())))
    for key in ("CPU", "CUDA"):
        torch.library.impl(name, key, function)
    torch.library.register_fake(name, fake)
    return getattr(torch.ops.sluice, name.partition("::")[2]).default


_forward_op = _operator("sluice::gated_loss", _forward, _fake_forward)
_backward_op = _operator("sluice::gated_loss_backward", _backward, _fake_backward)
torch.library.register_autograd("sluice::gated_loss", _gradients, setup_context=_save)
torch.library.register_autograd("sluice::gated_loss_backward", _refuse)
for _type in ("cpu", "cuda"):
    torch.library.register_autocast("sluice::gated_loss", _type, torch.float32)


def _value(name: str, value: Any) -> float:
    try:
        return float(value) if isinstance(value, str) else number_of(name, value)
    except ValueError:
        raise InvalidInput(f"{name} is {value!r}, and must be a number") from None


def _pairs(tau_pos: "Optional[float]", tau_neg: "Optional[float]",
           values: "Optional[Mapping[str, Value]]") -> "dict[str, Tuple[float, float]]":
    """Values of parameters, for A > 0 and for A <= 0. Of basic operations alone, so that
    torch.compile can trace it."""
    given = _loss.values_of(tau_pos, tau_neg, values)
    found = {}
    for name in sorted(given):
        value = given[name]
        pair = value if isinstance(value, (tuple, list)) else (value, value)
        if len(pair) != 2:
            raise InvalidInput(f"{name}: pass one value, or two: for A > 0 and for A <= 0")
        if isinstance(pair[0], bool) or isinstance(pair[1], bool):
            raise InvalidInput(f"{name}: {pair} is no number")
        found[name] = (_value(name, pair[0]), _value(name, pair[1]))
    return found


def _check(named: "Mapping[str, Optional[Tensor]]") -> None:
    """What the operator could not say: a device without a kernel, another device than that of
    logp_new, a gradient that is not given."""
    home = named["logp_new"]
    for name, tensor in named.items():
        if tensor is None and name in ("logp_ref", "entropy"):
            continue
        if not isinstance(tensor, Tensor):
            raise InvalidInput(f"{name} is a {type(tensor).__name__}, not a tensor: pass "
                               f"torch.as_tensor({name}), or call sluice.gated_loss for arrays")
        if tensor.device.type not in ("cpu", "cuda"):
            raise InvalidInput(f"{name} is on {tensor.device}, and this computes on the CPU and on "
                               f"CUDA: pass {name}.cpu()")
        if home is not None and tensor.device != home.device:
            raise InvalidInput(f"{name} is on {tensor.device}, and logp_new on {home.device}: pass "
                               f"{name}.to(logp_new.device)")
        if name not in ("logp_new", "entropy") and tensor.requires_grad:
            raise InvalidInput(f"{name} requires a gradient, and the loss has none by it: pass "
                               f"{name}.detach()")


def _integers(name: str, value: "Union[Tensor, Sequence[int], None]") -> "Optional[Tensor]":
    if value is None or isinstance(value, Tensor):
        return value
    if not isinstance(value, (list, tuple, numpy.ndarray)) or not all(
            isinstance(one, (int, numpy.integer)) and one is not True and one is not False
            for one in value):
        raise InvalidInput(f"{name} must be offsets, integers such as [0, 3, 7]")
    return torch.tensor(value, dtype=torch.int64)


_c: Any = torch._C
_KNOWN = all(hasattr(_c, name) for name in (
    "_len_torch_dispatch_stack", "_is_torch_function_mode_enabled", "_get_tracing_state"))


_PLAIN = frozenset((Tensor, torch.nn.Parameter))


def _nothing_looks(needed: "Tuple[Tensor, ...]", others: "Tuple[Optional[Tensor], ...]",
                   learned: "Tuple[Optional[Tensor], ...]") -> bool:
    """Whether nobody but autograd would see the operator: no tracer, no mode, no autocast, no
    subclass of tensors; and `_check` would find nothing but devices, at which `computed` looks.
    False where this PyTorch does not say so. learned: those that may require a gradient."""
    if torch.compiler.is_compiling() or not _KNOWN:
        return False
    if (_c._len_torch_dispatch_stack() or _c._is_torch_function_mode_enabled()
            or _c._get_tracing_state() is not None or torch.is_autocast_enabled("cpu")):
        return False
    for tensor in needed:  # `is` first: it takes half as long as the set
        if type(tensor) is not Tensor and type(tensor) not in _PLAIN or tensor.requires_grad:
            return False
    for optional in others:
        if optional is not None and (type(optional) not in _PLAIN or optional.requires_grad):
            return False
    for optional in learned:
        if (optional is not None and type(optional) is not Tensor
                and type(optional) not in _PLAIN):
            return False
    first = learned[0]
    return first is not None and (first.is_cpu or not torch.is_autocast_enabled("cuda"))


@functools.lru_cache(maxsize=64)
def _named(gate: str, tau_pos: "Optional[float]", tau_neg: "Optional[float]",
           values: "Tuple[Tuple[str, float], ...]") -> Gate:
    """A built-in with its values, as often as it is needed."""
    return _loss.gate_of(gate, tau_pos, tau_neg, dict(values))


def _ready(gate: Any, tau_pos: Any, tau_neg: Any, parameters: Any) -> "Optional[Gate]":
    """The gate of a call before, if this one names a built-in and gives values that are floats, or
    none: True and 1 would be keys like 1.0."""
    if type(gate) is not str or is_path(gate):
        return None
    values: "Tuple[Tuple[str, Any], ...]" = ()
    if parameters is not None:
        if type(parameters) is not dict:
            return None
        values = tuple(parameters.items())
        for name, value in values:
            if type(name) is not str or type(value) is not float:
                return None
    if type(tau_pos) is type(tau_neg) is float or (tau_pos is None and tau_neg is None):
        return _named(gate, tau_pos, tau_neg, values)
    return None


def _directly(logp_new: Tensor, entropy: "Optional[Tensor]", logp_old: Tensor, advantages: Tensor,
              mask: Tensor, seq: "Optional[Tensor]", groups: "Optional[Tensor]", gate: Gate,
              denominators: "Optional[Denominators]", logp_ref: "Optional[Tensor]",
              *settings: Any) -> "Tuple[Tensor, dict[str, Tensor]]":
    """What the operator computes, without it. settings: as of `settings_of`."""
    out = computed(
        logp_new, logp_old, advantages, mask, seq, groups, gate, settings_of(gate, *settings),
        denominators, logp_ref, entropy)
    loss: Tensor = Applied.apply(  # type: ignore[no-untyped-call]
        logp_new, entropy, out.gradient, out.entropy_gradient, out.loss)
    return loss, Late.of(_KEYS, functools.partial(_made, out.block))


_pytree.register_pytree_node(Late, lambda late: (list(late.values()), list(late)),
                             lambda values, keys: dict(zip(keys, values)))  # as dict is


def _made(block: "numpy.ndarray[Any, Any]") -> "dict[str, Tensor]":
    return _by_name(torch.from_numpy(block[:NUMBERS]))


def _by_name(numbers: Tensor) -> "dict[str, Tensor]":
    return dict(zip(_METRICS, numbers.unbind()))


def gated_loss(
        logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor, *,
        seq: "Union[Tensor, Sequence[int], None]" = None,
        gate: "Union[str, os.PathLike[str], Gate]" = "erf", tau_pos: "Optional[float]" = None,
        tau_neg: "Optional[float]" = None, parameters: "Optional[Mapping[str, Value]]" = None,
        groups: "Union[Tensor, Sequence[int], None]" = None, level: str = "token",
        aggregation: str = "sequence-mean", constant_length: "Optional[float]" = None,
        denominators: "Optional[Denominators]" = None, kl: str = "k3", beta: float = 0.0,
        logp_ref: "Optional[Tensor]" = None, entropy: "Optional[Tensor]" = None,
        entropy_bonus: float = 0.0) -> "Tuple[Tensor, dict[str, Tensor]]":
    """The loss -J, which loss.backward() descends, and metrics, which have no gradient.

    Arguments are those of `sluice.gated_loss`: tensors of float32 (under autocast of any type),
    contiguous, (B, T) padded or (T,) packed with `seq`; advantages (B,) or one a token; mask bool
    or uint8; all on the CPU, or on one CUDA device. seq and groups may lie on the CPU too. loss:
    float32, of no dimension, on that device. metrics: by the names of `sluice.Metrics`, float64 of
    no dimension, on the CPU, NaN for what is absent.

    The gradient goes to logp_new, and to entropy where entropy_bonus > 0. With the step's
    Denominators it has the same bits for any split of a step, any padding and any thread count.
    Errors: InvalidInput, Unavailable as in `sluice.gated_loss`; Unavailable for a CUDA device where
    the installation has no CUDA, or the machine no driver for it; InvalidInput for a stream that is
    being captured into a CUDA graph.
    """
    refuse_transforms(logp_new, logp_old, advantages, logp_ref, entropy)
    starts, ends = _integers("seq", seq), _integers("groups", groups)
    alone = _nothing_looks((logp_old, advantages, mask), (logp_ref, starts, ends),
                           (logp_new, entropy))
    if not alone:
        _check({"logp_new": logp_new, "logp_old": logp_old, "advantages": advantages,
                "mask": mask, "logp_ref": logp_ref, "entropy": entropy})
    beta, entropy_bonus = number_of("beta", beta), number_of("entropy_bonus", entropy_bonus)
    if entropy is not None and entropy.requires_grad and not entropy_bonus > 0:
        entropy = entropy.detach()
    ready = _ready(gate, tau_pos, tau_neg, parameters) if alone else None
    values = {} if ready is not None else _pairs(tau_pos, tau_neg, parameters)
    if alone:
        return _directly(
            logp_new, entropy, logp_old, advantages, mask, starts, ends,
            ready or _loss.gate_of(gate, None, None, values), denominators, logp_ref, level,
            aggregation, constant_length, kl, beta, entropy_bonus)
    name = gate.key if isinstance(gate, Gate) else gate if isinstance(gate, str) else path_of(
        "the gate", gate)
    length = 0.0 if constant_length is None else number_of("constant_length", constant_length)
    text = ";".join(f"{key}={pair[0]}:{pair[1]}" for key, pair in values.items())
    settings = "\0".join((name, text, f"{level}", f"{aggregation}", f"{length}", f"{kl}"))
    step = None if denominators is None else torch.tensor(
        [number_of("denominators", x) for x in step_of(denominators)], dtype=torch.float64)
    loss, _, _, found = _forward_op(
        logp_new, logp_old, advantages, mask, starts, ends, step, logp_ref, entropy, settings,
        beta, entropy_bonus)
    found = torch.where(torch.isneginf(found), torch.nan, found)
    return loss, _by_name(found)
