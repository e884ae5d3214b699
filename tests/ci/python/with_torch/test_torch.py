"""sluice.torch.gated_loss: the library's bits, and a gradient that passes gradcheck."""
import ctypes
import dataclasses
import os
import re
import signal
import textwrap

import formula
import numpy
import pytest
import torch
from sluice import _arrays, _device
from sluice.torch import gated_loss
from torch_cases import ERF, EVERYTHING, gradients, same, tensors

import sluice

PRIMITIVES = {  # f - f(1): what autograd differentiates in binary64
    "sigmoid": lambda z, t: 2 / t * torch.tanh(z / 2),
    "erf": lambda z, t: (numpy.pi / 2)**0.5 / t * torch.erf(z / 2**0.5),
    "arctan": lambda z, t: torch.atan(z) / t,
    "softsign": lambda z, t: z / t / torch.sqrt(1 + z * z)}


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


def test_the_step_of_the_page_has_the_same_gradients_for_any_split(problem, source):
    """docs/python.md's. The policy is a table of log-probs, so that nothing else adds up."""
    text = (source / "docs" / "python.md").read_text("utf-8")
    code = re.search(r"^    def step\(.*?(?=^\S)", text, re.M | re.S)[0]
    names = {"torch": torch, "sluice": sluice}
    exec(textwrap.dedent(code), names)  # pylint: disable=exec-used
    batch = tensors(problem.padded(1, 2, fill=0), grad=False)
    batch["mask"][3] = False  # a sequence without tokens is none
    found = []
    for size in (1, 3, len(batch["mask"])):
        table = batch["logp_new"].clone().requires_grad_()
        names["step"](lambda ids, table=table: table[ids], torch.optim.SGD([table], lr=0.1),
                      torch.arange(len(table)), batch["logp_old"], batch["advantages"],
                      batch["mask"], size)
        found.append(table.grad)
    table = batch["logp_new"].clone().requires_grad_()
    loss, _ = gated_loss(table, batch["logp_old"], batch["advantages"], batch["mask"], gate="erf",
                         tau_pos=10, tau_neg=12)
    loss.backward()
    alone = table.grad + 0  # autograd adds parts to +0, and -0 becomes that
    assert alone.any() and all(same(alone, gradient) for gradient in found)


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


def test_pytorchs_own_threads_compute(problem, monkeypatch):
    """As many as it is asked for, the caller among them; none in a child of fork, where they are
    not, neither by a context that the parent made nor by another one."""
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    gomp = kind(_device._pool)
    asked = []

    @kind
    def pool(body, data, threads, flags):
        asked.append(threads)
        gomp(body, data, threads, flags)
    monkeypatch.setattr(_device, "POOL_TOKENS", 0)
    monkeypatch.setattr(_device, "_pool", ctypes.cast(pool, ctypes.c_void_p).value)
    arguments = tensors(problem.packed(), grad=False)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(3)
        loss = gated_loss(**arguments, **ERF)[0]
        assert asked and set(asked) == {3}
        asked.clear()
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            torch.set_num_threads(2)  # another context than the parent's
            right = all(same(gated_loss(**arguments, **ERF)[0], loss) for _ in range(2))
            torch.set_num_threads(3)
            right = right and same(gated_loss(**arguments, **ERF)[0], loss)
            os._exit(0 if right and not asked and _device._pool is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        gated_loss(**arguments, **ERF)
        assert asked
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_padding_threads_and_splits_cannot_show(problem, level, monkeypatch):
    settings = dict(ERF, **EVERYTHING, level=level)
    before = torch.get_num_threads()
    _, metrics, (one, e) = gradients(tensors(problem.packed()), settings)
    try:
        torch.set_num_threads(3)
        assert _device.context_for(one).threads == 1  # a short batch
        monkeypatch.setattr(_device, "SHARED_TOKENS", 0)
        monkeypatch.setattr(_device, "POOL_TOKENS", 0)
        assert _device._pool is not None  # this PyTorch has OpenMP's threads
        for pool in (_device._pool, None):
            monkeypatch.setattr(_device, "_pool", pool)
            for threads in (1, 2, 5):
                torch.set_num_threads(threads)
                assert _device.context_for(one).threads == threads  # threads are those of torch
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


def test_offsets_may_be_numpys(small):
    arguments = tensors(small.padded(0, 0, fill=0))
    one, other = (gated_loss(**arguments, **ERF, groups=groups)[1]["effective"]
                  for groups in ([0, 2, 4], numpy.array([0, 2, 4])))
    assert torch.equal(one, other)


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
