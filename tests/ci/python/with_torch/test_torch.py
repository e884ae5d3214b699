"""sluice.torch.gated_loss: an operator as PyTorch's checks want it, with the library's bits."""
import dataclasses

import formula
import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from sluice import _applied, _arrays, _library
from sluice.torch import gated_loss
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd import forward_ad
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

import sluice

ERF = dict(gate="erf", tau_pos=10.0, tau_neg=12.0)
EVERYTHING = dict(kl="k3", beta=0.04, entropy_bonus=0.01)
PRIMITIVES = {  # f - f(1): what autograd differentiates in binary64
    "sigmoid": lambda z, t: 2 / t * torch.tanh(z / 2),
    "erf": lambda z, t: (numpy.pi / 2)**0.5 / t * torch.erf(z / 2**0.5),
    "arctan": lambda z, t: torch.atan(z) / t,
    "softsign": lambda z, t: z / t / torch.sqrt(1 + z * z)}


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


@pytest.fixture
def small(make_problem):
    """For checks that run an operator many times."""
    return make_problem(3, [9, 4, 0, 17])


def operands(arguments, settings):
    """What the operator itself takes."""
    seen = []
    with pytest.MonkeyPatch.context() as patch:
        operator = sluice_torch._forward_op
        patch.setattr(sluice_torch, "_forward_op", lambda *a: seen.append(a) or operator(*a))
        patch.setattr(sluice_torch, "_nothing_looks", lambda *a: False)
        gated_loss(**arguments, **settings)
    return seen[0]


@pytest.fixture(params=["direct", "operator"])
def way(request, monkeypatch):
    """Both ways that a call may take."""
    if request.param == "operator":
        monkeypatch.setattr(sluice_torch, "_nothing_looks", lambda *a: False)
    return request.param


SETTINGS = pytest.mark.parametrize("settings", [
    ERF, dict(ERF, **EVERYTHING), dict(gate="clip", groups=[0, 2, 4], level="sequence"),
    dict(gate="sigmoid", aggregation="token-mean", denominators=sluice.Denominators(9, 99))],
    ids=["erf", "all", "clip", "part"])


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


def test_it_is_the_library_on_arrays(problem, way):
    arrays = problem.packed()
    arguments = tensors(arrays)
    loss, metrics, (by_new, by_entropy) = gradients(arguments, dict(ERF, **EVERYTHING))
    out = sluice.gated_loss(**arrays, **ERF, **EVERYTHING)
    assert same(by_new, out.gradient) and same(by_entropy, out.entropy_gradient)
    assert loss.item() == numpy.float32(out.loss) and loss.dtype == torch.float32
    for name, value in dataclasses.asdict(out.metrics).items():
        assert not metrics[name].requires_grad
        assert metrics[name].isnan() if value is None else metrics[name].item() == value
    pointer = arguments["logp_new"].data_ptr()
    assert _arrays.floats("x", arguments["logp_new"]).ctypes.data == pointer  # no copy


def test_advantages_of_tokens(problem):
    arguments = tensors(problem.padded(3, 2, fill=0))
    settings = dict(ERF, **EVERYTHING)
    one = gradients(arguments, settings)
    wide = arguments["advantages"][:, None].expand_as(arguments["mask"]).contiguous()
    other = gradients(dict(arguments, advantages=wide), settings)
    assert same(one[0], other[0]) and all(same(a, b) for a, b in zip(one[2], other[2]))
    compiled = torch.compile(gated_loss, fullgraph=True)
    turned = dict(arguments, advantages=wide * (torch.arange(wide.shape[1]) % 2 * 2 - 1))
    eager, traced = (gradients(turned, settings, f) for f in (gated_loss, compiled))
    assert same(eager[2][0], traced[2][0]) and not same(eager[2][0], one[2][0])


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_padding_threads_and_splits_cannot_show(problem, level, monkeypatch):
    settings = dict(ERF, **EVERYTHING, level=level)
    before = torch.get_num_threads()
    _, metrics, (one, e) = gradients(tensors(problem.packed()), settings)
    try:
        torch.set_num_threads(3)
        assert _applied.context_for(one).threads == 1  # a short batch
        monkeypatch.setattr(_applied, "SHARED_TOKENS", 0)
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            assert _applied.context_for(one).threads == threads  # threads are those of torch
            assert same(gradients(tensors(problem.packed()), settings)[2][0], one)
    finally:
        torch.set_num_threads(before)
    for left, right in ((0, 0), (211, 0), (5, 300)):
        by_new, by_entropy = gradients(tensors(problem.padded(left, right)), settings)[2]
        assert same(problem.rows(by_new, left), one.numpy())
        assert same(problem.rows(by_entropy, left), e.numpy())
    step = sluice.Denominators(metrics["sequences"].item(), metrics["tokens"].item())
    for cuts in ([0, 3, 8], [0, 1, 2, 4, 8]):
        parts = [gradients(tensors(problem.packed(part)), dict(settings, denominators=step))[2][0]
                 for part in zip(cuts, cuts[1:])]
        assert same(torch.cat(parts), one)
    wrong = gradients(tensors(problem.packed((0, 3))), settings)[2][0]
    assert not same(wrong, one[:wrong.numel()])


def in_binary64(arguments, gate, tau, beta):
    """The loss as a formula in binary64, up to a constant, of log-probs (B, T)."""
    mask, a = arguments["mask"], arguments["advantages"].double()[:, None]
    x = torch.where(mask, arguments["logp_new"] - arguments["logp_old"], 0.0)
    y = torch.where(mask, arguments["logp_new"] - arguments["logp_ref"], 0.0)
    t = torch.where(a > 0, *(torch.tensor(value, dtype=torch.float64) for value in tau))
    f = PRIMITIVES[gate](t * (torch.exp(x) - 1), t)
    n = mask.sum(1, keepdim=True).clamp(min=1)
    c = mask / (n * mask.any(1).sum())
    return -(c * (a * f - beta * (torch.exp(-y) + y - 1))).sum()


@pytest.mark.parametrize("gate", PRIMITIVES)
def test_the_gradient_is_that_of_a_formula_that_passes_gradcheck(problem, small, gate):
    tau, beta = (3.0, 0.75), 0.125  # of few bits: the same in binary32

    def formula_of(arguments):
        wide = {name: x.detach().double() if x.is_floating_point() else x
                for name, x in arguments.items()}
        wide["logp_new"].requires_grad_()
        return wide, lambda new: in_binary64({**wide, "logp_new": new}, gate, tau, beta)
    wide, function = formula_of(tensors(small.padded(0, 0, fill=0)))
    assert torch.autograd.gradcheck(function, wide["logp_new"])

    arguments = tensors(problem.padded(0, 0, fill=0))
    wide, function = formula_of(arguments)
    wanted, = torch.autograd.grad(function(wide["logp_new"]), wide["logp_new"])
    _, _, (found, _) = gradients(arguments, dict(
        gate=gate, tau_pos=tau[0], tau_neg=tau[1], beta=beta, kl="k3"))
    m = problem.padded(0, 0, fill=0)
    x, y = (m["logp_new"].astype(float) - m[name] for name in ("logp_old", "logp_ref"))
    n = numpy.maximum(m["mask"].sum(1, keepdims=True), 1) * m["mask"].any(1).sum()
    a = m["advantages"].astype(float)[:, None]
    t = numpy.where(a > 0, *tau)
    bound = formula.policy_bound(gate, x, formula.U * numpy.abs(x), t, a / n)
    bound = bound + formula.kl_bound(y, beta / n, found.numpy().astype(float))
    error = numpy.abs(found.numpy() - wanted.numpy())[m["mask"]]
    print(f"{gate}: largest share of the bound {(error / bound[m['mask']]).max():.3f}")
    assert (error <= bound[m["mask"]]).all() and error.max() > 0
    other = gradients(arguments, dict(gate=gate, tau_pos=3.001, tau_neg=0.75, beta=beta))[2][0]
    assert (numpy.abs(other.numpy() - wanted.numpy())[m["mask"]] > bound[m["mask"]]).any()


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


def misaligned(x):
    """Its values from an address that is no multiple of 4."""
    return torch.frombuffer(bytearray(b"0" + x.numpy().tobytes()), dtype=torch.float32,
                            offset=1).view(x.shape)


@pytest.mark.parametrize("change, words", [
    (lambda x: x.update(logp_old=x["logp_new"]), r"logp_old requires a gradient.*\.detach\(\)"),
    (lambda x: x.update(mask=x["mask"].to("meta")), r"mask is on meta.*pass mask\.cpu\(\)"),
    (lambda x: x.update(logp_new=x["logp_new"].double()), r"float64.*pass logp_new\.float\(\)"),
    (lambda x: x.update(mask=x["mask"].long()), r"mask is int64.*pass mask\.bool\(\)"),
    (lambda x: x.update(logp_old=x["logp_old"].T.contiguous().T),
     r"logp_old has strides.*pass logp_old\.contiguous\(\)"),
    (lambda x: x.update(advantages=x["logp_old"][:, 1:].contiguous()), r"advantages has shape"),
    (lambda x: x.update(logp_old=misaligned(x["logp_old"])), r"pass logp_old\.contiguous\(\)"),
    (lambda x: x.update(logp_old=x["logp_old"][:1]),
     r"logp_old has shape \(1, 17\), and must have \(4, 17\)"),
    (lambda x: x.update(mask=x["mask"][:1]), r"mask has shape \(1, 17\), and must have \(4, 17\)"),
    (lambda x: x.update(level=["token"]), r"level must be one of token, sequence"),
    (lambda x: x.update(aggregation=3), r"aggregation must be one of sequence-mean"),
    (lambda x: x.update(groups=[0, 1.5, 4]), "groups must be offsets, integers"),
    (lambda x: x.update(groups=[0, True, 4]), "groups must be offsets, integers"),
    (lambda x: x.update(tau_pos=True), "is no number"),
    (lambda x: x.update(tau_neg=None), "go together"),
    (lambda x: x.update(gate="erf\0"), "zero byte"),
    (lambda x: x.update(groups=2), "groups must be offsets, integers"),
    (lambda x: x.update(logp_old=x["logp_old"].numpy()),
     r"logp_old is a ndarray, not a tensor: pass torch\.as_tensor\(logp_old\)"),
    (lambda x: x.update(mask=None), "mask is a NoneType, not a tensor"),
    (lambda x: x.update(tau_pos="ten"), "tau is 'ten', and must be a number"),
    (lambda x: x.update(tau_pos=1j), "tau is 1j, and must be a number"),
    (lambda x: x.update(beta=None), "beta is None, and must be a number"),
    (lambda x: x.update(constant_length="6", aggregation="constant"), "constant_length is '6'"),
    (lambda x: x.update(denominators=(4, 24)), r"denominators is a tuple: pass sluice\.Denom"),
    (lambda x: x.update(denominators=sluice.Denominators(None, 24)), "denominators is None"),
    (lambda x: x.update(gate=None, tau_pos=None, tau_neg=None), "the gate is a NoneType")])
def test_what_does_not_fit_is_refused_with_its_remedy(small, change, words, way):
    arguments = dict(tensors(small.padded(0, 0, fill=0)), **ERF)
    change(arguments)
    with pytest.raises(sluice.InvalidInput, match=words):
        gated_loss(**arguments)


@pytest.mark.parametrize("made, fix", [
    (torch._neg_view, "resolve_neg"), (torch.Tensor.to_sparse, "to_dense"),
    (torch.Tensor.to_mkldnn, "to_dense")])
def test_memory_that_is_no_plain_array_is_refused(small, made, fix):
    """By the call that goes past the operator: PyTorch itself makes an operator's of it, or says
    that it cannot."""
    arguments = tensors(small.padded(0, 0, fill=0))
    with pytest.raises(sluice.InvalidInput, match=rf"pass logp_old\.{fix}\(\)"):
        gated_loss(**dict(arguments, logp_old=made(arguments["logp_old"])), **ERF)


@pytest.mark.parametrize("right, wrong", [
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=True, tau_neg=1.0)),
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=1.0, tau_neg=True)),
    (dict(parameters={"tau": 1.0}), dict(parameters={"tau": True})),
    (dict(parameters={"tau": 1.0}), dict(parameters=[("tau", 1.0)])),
    (dict(parameters={"tau": 1.0}), dict(parameters={"tau": 1.0}, tau_pos=1.0, tau_neg=1.0)),
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=1.0))])
def test_a_gate_of_a_call_before_hides_no_error(small, right, wrong):
    arguments = tensors(small.packed())
    for _ in range(2):
        gated_loss(**arguments, gate="sigmoid", **right)
        with pytest.raises(sluice.InvalidInput):
            gated_loss(**arguments, gate="sigmoid", **wrong)


def test_offsets_may_be_numpys(small):
    arguments = tensors(small.padded(0, 0, fill=0))
    one, other = (gated_loss(**arguments, **ERF, groups=groups)[1]["effective"]
                  for groups in ([0, 2, 4], numpy.array([0, 2, 4])))
    assert torch.equal(one, other)


def test_flushed_subnormals_are_refused(small):
    arguments = tensors(small.padded(0, 0, fill=0))
    assert torch.set_flush_denormal(True)
    try:
        with pytest.raises(sluice.Unavailable, match=r"torch\.set_flush_denormal\(False\)"):
            gated_loss(**arguments, **ERF)
    finally:
        torch.set_flush_denormal(False)
    assert torch.isfinite(gated_loss(**arguments, **ERF)[0])


class Losses(torch.utils.data.Dataset):
    """Each item is a gradient, computed in a worker of the loader."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.from_numpy(sluice.gated_loss(**self.arrays, **ERF, threads=2).gradient)


def test_workers_of_a_loader(problem):
    arrays = problem.packed()
    one = sluice.gated_loss(**arrays, **ERF, threads=2).gradient  # the parent has threads already
    loader = torch.utils.data.DataLoader(Losses(arrays), batch_size=None, num_workers=2, timeout=60,
                                         multiprocessing_context="fork")
    found = list(loader)
    assert len(found) == 6 and all(same(x, one) for x in found)
