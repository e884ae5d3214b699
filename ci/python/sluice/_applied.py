"""The gated loss on tensors as a trainer has them, of any floating type and device: computed in
float32 on their CUDA device, where this installation has CUDA, else on the CPU, on copies where
they lie elsewhere. Internal: for sluice.trl and sluice.verl."""
from typing import Any, NoReturn, Optional, Tuple

import numpy
import torch
from torch import Tensor
from torch.autograd import forward_ad

from . import _device
from . import loss as _loss
from ._compute import Computed, Denominators, settings_of
from ._errors import InvalidInput


_c: Any = torch._C
_kept: Any = getattr(getattr(_c, "_autograd", None), "_get_current_graph_task_keep_graph", None)
_level: Any = getattr(getattr(_c, "_functorch", None), "maybe_current_level", None)


_LARGEST = float(numpy.finfo(numpy.float32).max)


def scalar(loss: float, device: torch.device) -> Tensor:
    """A loss as float32 of no dimension, made there without a copy. Gradients that are finite may
    have a loss that float32 has not, which is refused."""
    if _LARGEST < abs(loss) < numpy.inf:
        raise InvalidInput(f"the loss is {loss:g}, and float32 ends at {_LARGEST:.2g}: scale the "
                           "advantages down")
    return torch.scalar_tensor(loss, dtype=torch.float32, device=device)


class Applied(torch.autograd.Function):
    """A loss whose gradients by log-probs, and by entropy, are known."""

    @staticmethod
    def forward(ctx: Any, logp_new: Tensor, entropy: "Optional[Tensor]", gradient: Tensor,
                by_entropy: "Optional[Tensor]", value: float) -> Tensor:
        """The value, float32 of no dimension. The gradients' memory is given away: nobody else has
        it. by_entropy: None without a bonus."""
        ctx.save_for_backward(gradient, by_entropy, logp_new, entropy)
        return scalar(value, logp_new.device)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> "Tuple[Optional[Tensor], ...]":
        """The gradients times that of the loss. With create_graph through _Once, so that autograd
        knows that they depend on the inputs, and a second derivative is refused, not dropped."""
        gradient, by_entropy, logp_new, entropy = ctx.saved_tensors
        by_new, by_bonus = ctx.needs_input_grad[:2]
        if torch.is_grad_enabled():
            times: Any = _Once.apply
        else:
            times = _times
        return (times(grad, gradient, logp_new) if by_new else None,
                times(grad, by_entropy, entropy) if by_bonus and by_entropy is not None else None,
                None, None, None)


def _times(grad: Tensor, gradient: Tensor, variable: Tensor) -> Tensor:
    """grad * gradient; autograd makes it the variable's type. In the gradient's own memory where
    this is the last time that autograd asks for it, and PyTorch says so."""
    if _kept is None or _kept() or not grad.is_cpu:
        return grad * gradient
    try:
        factor = grad.item()
    except RuntimeError:  # one for each of a batch of gradients: vmap has no number
        return grad * gradient
    return gradient if factor == 1.0 else gradient.mul_(factor)


class _Once(torch.autograd.Function):
    """A product without a derivative."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, gradient: Tensor, variable: Tensor) -> Tensor:
        """grad * gradient, of the type of the variable."""
        return (grad * gradient).to(variable.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> NoReturn:
        """A second derivative of the loss."""
        raise RuntimeError(NO_SECOND)


NO_SECOND = ("the gated loss has no second derivative: take its gradient without "
             "create_graph=True, or detach it")


def refuse_transforms(*tensors: "Optional[Tensor]") -> None:
    """In forward mode (jvp, jacfwd, dual numbers) the loss would be without a tangent, which counts
    as a derivative of 0; what torch.func makes of tensors has no memory that it could read."""
    if forward_ad._current_level >= 0:  # else torch.compile would trace what it need not
        for tensor in tensors:
            if tensor is None:
                continue
            pair = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
            if pair.tangent is not None:
                raise RuntimeError("the gated loss has no forward-mode derivative (jvp, jacfwd): "
                                   "take its gradient by loss.backward()")
    if not torch.compiler.is_compiling() and _level is not None and _level() is not None:
        raise RuntimeError("the gated loss cannot be called within transforms of torch.func (grad, "
                           "vmap, ...): take its gradient by loss.backward(), and pass a batch as "
                           "one, (B, T)")


def _taken(tensor: Tensor, home: "Optional[int]", dtype: torch.dtype = torch.float32) -> Tensor:
    """Of that type, contiguous, on the CUDA device `home`, or for None on the CPU."""
    seam = _device.seam
    found: Tensor = seam.host(tensor, dtype) if home is None else seam.moved(tensor, home, dtype)
    return found


def shortest(values: Tensor, mask: Tensor) -> Tensor:
    """Advantages (B,), (B, 1) or (B, T) as (B,) where they are equal along each sequence's mask, in
    which a sequence without unmasked tokens has 0; else as (B, T), one a token (spec O4.7)."""
    values, live = values.detach(), mask.bool()
    if values.dim() == 1:
        return values
    wide = values.expand(live.shape)
    first = live.int().argmax(1, keepdim=True)
    found = torch.where(live.any(1), wide.gather(1, first)[:, 0], 0.0)
    return wide if (live & (wide != found[:, None])).any() else found


def applied(logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor, *,
            gate: Any = "erf", tau_pos: "Optional[float]" = None,
            tau_neg: "Optional[float]" = None, level: str = "token",
            aggregation: str = "sequence-mean", constant_length: "Optional[float]" = None,
            denominators: "Optional[Denominators]" = None, kl: str = "k3", beta: float = 0.0,
            logp_ref: "Optional[Tensor]" = None, scale: float = 1.0) -> "Tuple[Tensor, Computed]":
    """The loss times `scale`, to be descended, and what `sluice.gated_loss` says of the batch, but
    for the gradient, which is the loss's alone.

    Log-probs (B, T), advantages (B,) or one a token, mask (B, T) of any numbers that are 0 or not;
    settings are those of `sluice.gated_loss`. The loss has the type float32 and the log-probs'
    device. It is computed there if that is a CUDA device and this installation has CUDA (one that
    then does not work is an error), else on the CPU.

    Of a gate that is a weight alone the value is that of its stop-gradient objective: the sum of
    each token's gradient times its log-prob, as CISPO's is (without the KL's own value).
    """
    refuse_transforms(logp_new, logp_old, advantages, logp_ref)
    home = _device.home_of(logp_new)
    new, live = _taken(logp_new, home), _taken(mask != 0, home, torch.bool)
    bound = _loss.gate_of(gate, tau_pos, tau_neg, None)
    out = _device.computed(
        new, _taken(logp_old, home), _taken(advantages, home), live, None, None, bound,
        settings_of(bound, level, aggregation, constant_length, kl, beta, 0.0), denominators,
        None if logp_ref is None else _taken(logp_ref, home), None)
    gradient, value = out.gradient, out.loss
    if numpy.isnan(value):
        value = float((gradient.double() * torch.where(live, new, 0.0)).sum())
    if scale != 1.0:
        gradient, value = gradient * scale, value * scale
    loss: Tensor = Applied.apply(  # type: ignore[no-untyped-call]
        logp_new, None, gradient.to(logp_new.device), None, value)
    return loss, out._replace(gradient=None)
