"""sluice.torch.gated_loss: an operator as PyTorch's checks want it."""
import pytest
import sluice.torch as sluice_torch
import torch
from sluice import _applied
from sluice.torch import gated_loss
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch_cases import ERF, EVERYTHING, SETTINGS, gradients, operands, same, tensors

import sluice


@SETTINGS
@pytest.mark.parametrize("padded", [True, False])
def test_opcheck(small, settings, padded):
    arguments = tensors(small.padded(1, 2, fill=0) if padded else small.packed())
    found = torch.library.opcheck(sluice_torch._forward_op, operands(arguments, settings))
    assert set(found.values()) == {"SUCCESS"} and len(found) == 4


def test_opcheck_notices_a_wrong_fake():
    @torch.library.custom_op("sluice_test::wrong", mutates_args=())
    def wrong(x: torch.Tensor) -> torch.Tensor:
        return x + 1
    wrong.register_fake(lambda x: x.new_empty((*x.shape, 1)))
    with pytest.raises(Exception, match="test_faketensor"):
        torch.library.opcheck(wrong, (torch.ones(3),))


@SETTINGS
def test_past_the_operator_the_bits_are_the_same(small, settings, monkeypatch):
    def found():
        arguments = tensors(small.packed())
        loss, metrics = gated_loss(**arguments, **settings)
        (-1.7 * loss).backward()
        return [loss.detach(), *metrics.values(), arguments["logp_new"].grad,
                arguments["entropy"].grad]
    direct = found()
    monkeypatch.setattr(sluice_torch, "_nothing_looks", lambda *a: False)
    for one, other in zip(direct, found(), strict=True):
        assert one is other is None or same(one, other)
    assert (direct[-1] is not None) == ("entropy_bonus" in settings)


class Modes:
    """Those who see an operator, or need one: each calls `loss(logp_new)` in its own way."""

    @staticmethod
    def fake(loss, x):
        with FakeTensorMode(allow_non_fake_inputs=True):
            loss(torch.empty_like(x))

    @staticmethod
    def dispatch(loss, x):
        class Mode(TorchDispatchMode):
            def __torch_dispatch__(self, func, types, args=(), kwargs=None):
                return func(*args, **(kwargs or {}))
        with Mode():
            loss(x)

    @staticmethod
    def function(loss, x):
        class Mode(torch.overrides.TorchFunctionMode):
            def __torch_function__(self, func, types, args=(), kwargs=None):
                return func(*args, **(kwargs or {}))
        with Mode():
            loss(x)

    @staticmethod
    def autocast(loss, x):
        with torch.autocast("cpu", torch.bfloat16):
            loss(x)

    @staticmethod
    def make_fx(loss, x):
        graph = make_fx(loss)(x)
        assert "gated_loss" in graph.code and torch.equal(graph(x), loss(x))

    @staticmethod
    def export(loss, x):
        class Module(torch.nn.Module):
            def forward(self, x):
                return loss(x)
        for strict in (True, False):
            graph = torch.export.export(Module(), (x,), strict=strict)
            assert "gated_loss" in graph.graph_module.code

    @staticmethod
    def jit(loss, x):
        traced = torch.jit.trace(loss, (x,), check_trace=False)
        assert torch.equal(traced(x * 2), loss(x * 2)) and not torch.equal(traced(x), traced(x * 2))

    @staticmethod
    def subclass(loss, x):
        class Mine(torch.Tensor):
            pass
        loss(x.as_subclass(Mine))

    @staticmethod
    def compile(loss, x):
        torch.compile(loss, fullgraph=True, backend="eager")(x)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("mode", [name for name in vars(Modes) if name[0] != "_"])
def test_who_looks_sees_the_operator(small, mode, monkeypatch):
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    x, seen = arguments.pop("logp_new"), []
    loss = lambda new: gated_loss(new, **arguments, **ERF)[0]
    directly = sluice_torch._directly
    monkeypatch.setattr(sluice_torch, "_directly", lambda *a, **k: seen.append(a) or directly(
        *a, **k))
    loss(torch.nn.Parameter(x))
    assert len(seen) == 1
    monkeypatch.setattr(sluice_torch, "_directly", None)
    if mode in ("make_fx", "jit"):  # these compare with an eager call
        monkeypatch.setattr(sluice_torch, "_directly", lambda *a, **k: directly(*a, **k))
    getattr(Modes, mode)(loss, x)


def test_a_pytorch_that_does_not_say_who_looks_has_the_operator(small, monkeypatch):
    monkeypatch.setattr(sluice_torch, "_KNOWN", False)
    monkeypatch.setattr(sluice_torch, "_directly", None)
    assert torch.isfinite(gated_loss(**tensors(small.packed()), **ERF)[0])


def test_compiled_it_has_the_same_bits(make_problem):
    torch._dynamo.reset()
    compiled = torch.compile(gated_loss, fullgraph=True, dynamic=True)
    for lengths in ([9, 4, 0, 17], [30, 2], [5, 5, 5]):
        arguments = tensors(make_problem(7, lengths).padded(1, 1, fill=0))
        for settings in (ERF, dict(ERF, tau_pos=3.0), dict(
                gate="clip", parameters={"high": 0.28}, aggregation="token-mean", **EVERYTHING,
                denominators=sluice.Denominators(7, 300 + len(lengths)))):
            one, other = (gradients(arguments, settings, f) for f in (gated_loss, compiled))
            assert same(one[0], other[0]) and same(one[2][0], other[2][0])
            assert same(one[1]["ratio_mean"], other[1]["ratio_mean"])
    gate = sluice.gates.load("student")
    assert same(*(gradients(arguments, dict(gate=gate), f)[0] for f in (gated_loss, compiled)))


def test_under_autocast_it_is_float32(problem):
    arrays = problem.padded(0, 0, fill=0)
    arguments = tensors(arrays)
    half = {name: x.detach().bfloat16() if x.is_floating_point() else x
            for name, x in arguments.items()}
    half["logp_new"].requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = gated_loss(**half, **ERF)
    loss.backward()
    full = {name: x.detach().float() if x.is_floating_point() else x for name, x in half.items()}
    full["logp_new"].requires_grad_()
    wanted, _ = gated_loss(**full, **ERF)
    wanted.backward()
    assert loss.dtype == torch.float32 and same(loss.detach(), wanted.detach())
    assert half["logp_new"].grad.dtype == torch.bfloat16
    assert torch.equal(half["logp_new"].grad, full["logp_new"].grad.bfloat16())
    with pytest.raises(sluice.InvalidInput, match=r"logp_new is bfloat16.*logp_new\.float\(\)"):
        gated_loss(**half, **ERF)


@pytest.mark.parametrize("name", ["logp_new", "entropy"])
def test_a_second_derivative_is_refused(small, way, name):
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    if name == "entropy":
        arguments["entropy"].requires_grad_()
        loss, _ = gated_loss(**arguments, **ERF, entropy_bonus=0.5)
        grad, = torch.autograd.grad(loss, arguments["entropy"], create_graph=True)
        with pytest.raises(RuntimeError, match="no second derivative|does not require grad"):
            torch.autograd.grad(grad.sum(), arguments["entropy"])
        return
    new = arguments["logp_new"].requires_grad_()
    loss, _ = gated_loss(**arguments, **ERF)
    grad, = torch.autograd.grad(loss, new, create_graph=True)
    for use in (grad.sum(), (grad**2).sum() + new.sum()):
        with pytest.raises(RuntimeError, match="no second derivative"):
            torch.autograd.grad(use, new, retain_graph=True)
    (3 * gated_loss(**arguments, **ERF)[0] + new.sum()).backward()  # a first one is not
    assert torch.equal(new.grad, 3 * grad.detach() + 1)


def by_dual_numbers(loss, x, tangent):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(loss(forward_ad.make_dual(x, tangent)))


@pytest.mark.parametrize("name", ["logp_new", "logp_ref", "advantages", "entropy"])
@pytest.mark.parametrize("derivative", [
    lambda loss, x: torch.func.jvp(loss, (x,), (torch.ones_like(x),)),
    lambda loss, x: torch.func.jacfwd(loss)(x),
    lambda loss, x: by_dual_numbers(loss, x, torch.ones_like(x)),
    lambda loss, x: by_dual_numbers(loss, x.clone().requires_grad_(), torch.ones_like(x))],
    ids=["jvp", "jacfwd", "dual", "dual-grad"])
@pytest.mark.parametrize("function", [gated_loss, _applied.applied])
def test_forward_mode_is_refused(small, function, derivative, name):
    """Not answered with a derivative of 0."""
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    if function is not gated_loss:
        if name == "entropy":
            return
        del arguments["entropy"]
    with pytest.raises(RuntimeError, match="no forward-mode derivative"):
        derivative(lambda x: function(**dict(arguments, **{name: x}), **ERF)[0], arguments[name])


@pytest.mark.parametrize("transform", [
    lambda loss, x: torch.func.grad(loss)(x), lambda loss, x: torch.func.vjp(loss, x),
    lambda loss, x: torch.vmap(loss)(torch.stack([x, x])),
    lambda loss, x: torch.func.jacrev(loss)(x)], ids=["grad", "vjp", "vmap", "jacrev"])
@pytest.mark.parametrize("function", [gated_loss, _applied.applied])
def test_transforms_are_refused(small, function, transform):
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    x, _ = arguments.pop("logp_new"), arguments.pop("entropy")
    with pytest.raises(RuntimeError, match="cannot be called within transforms of torch.func"):
        transform(lambda new: function(new, **arguments, **ERF)[0], x)
