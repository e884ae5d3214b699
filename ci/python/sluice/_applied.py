"""The gated loss on tensors as a trainer has them, of any floating type and device: computed on the
CPU in float32, on copies where they lie elsewhere. Internal: for sluice.trl and sluice.verl."""
from typing import Any, NoReturn, Optional, Tuple

import numpy
import torch
from torch import Tensor
from torch.autograd import forward_ad

from . import loss as _loss
from ._library import shared_context
from .loss import GatedLoss


class _Applied(torch.autograd.Function):
    """A loss whose gradient by log-probs is known."""

    @staticmethod
    def forward(ctx: Any, logp_new: Tensor, gradient: Tensor, value: Tensor) -> Tensor:
        """The value as it is."""
        ctx.save_for_backward(gradient, logp_new)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> "Tuple[Optional[Tensor], ...]":
        """The gradient times that of the loss. Through _Once, so that autograd knows that it
        depends on the log-probs, and a second derivative is refused and not dropped."""
        gradient, logp_new = ctx.saved_tensors
        return _Once.apply(grad, gradient, logp_new), None, None  # type: ignore[no-untyped-call]


class _Once(torch.autograd.Function):
    """A product without a derivative."""

    @staticmethod
    def forward(ctx: Any, grad: Tensor, gradient: Tensor, logp_new: Tensor) -> Tensor:
        """grad * gradient, of the type of the log-probs."""
        return (grad * gradient).to(logp_new.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> NoReturn:
        """A second derivative of the loss."""
        raise RuntimeError("the gated loss has no second derivative: take its gradient without "
                           "create_graph=True, or detach it")


def refuse_tangents(*tensors: "Optional[Tensor]") -> None:
    """In forward mode (jvp, jacfwd, dual numbers) the loss would be without a tangent, which counts
    as a derivative of 0."""
    for tensor in tensors:
        if tensor is None:
            continue
        pair = forward_ad.unpack_dual(tensor)  # type: ignore[no-untyped-call]
        if pair.tangent is not None:
            raise RuntimeError("the gated loss has no forward-mode derivative (jvp, jacfwd): take "
                               "its gradient by loss.backward()")


def _plain(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32).contiguous()


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
            logp_ref: "Optional[Tensor]" = None, scale: float = 1.0,
            **settings: Any) -> "Tuple[Tensor, GatedLoss]":
    """The loss times `scale`, to be descended, and all that `sluice.gated_loss` says.

    Log-probs (B, T), advantages (B,) or one a token, mask (B, T) of any numbers that are 0 or not;
    settings are those of `sluice.gated_loss`. The loss has the type float32 and the log-probs'
    device.

    Of a gate that is a weight alone the value is that of its stop-gradient objective: the sum of
    each token's gradient times its log-prob, as CISPO's is (without the KL's own value).
    """
    refuse_tangents(logp_new, logp_old, advantages, logp_ref)
    new, live = _plain(logp_new), (mask != 0).cpu().contiguous()
    out = _loss.gated_loss(
        new, _plain(logp_old), _plain(advantages), live,
        logp_ref=None if logp_ref is None else _plain(logp_ref),
        context=shared_context(torch.get_num_threads()), **settings)
    gradient, value = torch.from_numpy(out.gradient), out.loss
    if numpy.isnan(value):
        value = float((gradient.double() * torch.where(live, new, 0.0)).sum())
    if scale != 1.0:
        gradient, value = gradient * scale, value * scale
    device = logp_new.device
    loss: Tensor = _Applied.apply(  # type: ignore[no-untyped-call]
        logp_new, gradient.to(device), torch.tensor(value, dtype=torch.float32, device=device))
    return loss, out
