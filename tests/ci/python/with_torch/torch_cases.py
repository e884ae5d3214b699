"""Settings, and problems as tensors, for several tests of the operator."""
import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from sluice.torch import gated_loss

import sluice

ERF = dict(gate="erf", tau_pos=10.0, tau_neg=12.0)
EVERYTHING = dict(kl="k3", beta=0.04, entropy_bonus=0.01)


def tensors(arguments, grad=True):
    """A problem's arrays as tensors; logp_new and the entropy are leaves."""
    found = {name: torch.from_numpy(numpy.array(x)) for name, x in arguments.items()}
    for name in ("logp_new", "entropy") if grad else ():
        found[name].requires_grad_()
    return found


def gradients(arguments, settings, function=gated_loss):
    """The loss, and its gradients by log-probs and entropy."""
    loss, metrics = function(**arguments, **settings)
    by = torch.autograd.grad(loss, (arguments["logp_new"], arguments["entropy"]), allow_unused=True)
    return loss.detach(), metrics, by


def same(a, b):
    """Bit for bit; NaN of one is NaN of the other."""
    a, b = (x.numpy() if isinstance(x, torch.Tensor) else x for x in (a, b))
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def operands(arguments, settings):
    """What the operator itself takes."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        operator = sluice_torch._forward_op
        patch.setattr(sluice_torch, "_forward_op", lambda *a: seen.append(a) or operator(*a))
        patch.setattr(sluice_torch, "_nothing_looks", lambda *a: False)
        gated_loss(**arguments, **settings)
    return seen[0]


def assert_equal(one, other):
    """Loss, metrics and gradients of two calls, bit for bit."""
    assert same(one[0], other[0])
    for name, value in one[1].items():
        assert same(value, other[1][name]), name
    for a, b in zip(one[2], other[2], strict=True):
        assert a is b is None or same(a, b)


SETTINGS = pytest.mark.parametrize("settings", [
    ERF, dict(ERF, **EVERYTHING), dict(gate="clip", groups=[0, 2, 4], level="sequence"),
    dict(gate="sigmoid", aggregation="token-mean", denominators=sluice.Denominators(9, 99))],
    ids=["erf", "all", "clip", "part"])
