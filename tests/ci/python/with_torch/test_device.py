"""sluice.torch.gated_loss on CUDA devices, which the simulator plays: the bits of the CPU.
test_cuda.py is for a GPU."""
import pytest
import torch
from loss_cases import GATES
from simulated import on_both
from sluice import _applied, _compute, _cuda
from sluice.torch import gated_loss
from torch_cases import ERF, EVERYTHING, assert_equal, gradients, same, tensors

import sluice

LEVELS, KINDS = ("token", "sequence"), ("sequence-mean", "token-mean", "constant")


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("level", LEVELS)
def test_gates_have_the_bits_of_the_cpu(small, device, gate, level, way):
    settings = dict(gate=gate, level=level, **GATES[gate], **EVERYTHING)
    one, other = on_both(device, tensors(small.padded(1, 2)), settings)
    assert_equal(one, other)
    assert one[2][0].any()
    turned = gradients(device.arguments(tensors(small.padded(1, 2))), dict(settings, beta=0.05))
    assert not same(turned[2][0], one[2][0])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", LEVELS)
def test_aggregations_packed_and_parts(small, device, kind, level):
    settings = dict(ERF, level=level, aggregation=kind, constant_length=20.0, kl="k2", beta=0.1)
    assert_equal(*on_both(device, tensors(small.packed()), settings))
    step = sluice.Denominators(3, 40)
    for part in ((0, 2), (2, 3), (3, 4)):
        assert_equal(*on_both(device, tensors(small.packed(part)),
                              dict(settings, denominators=step)))


@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
def test_kinds_of_kl(small, device, kl):
    assert_equal(*on_both(device, tensors(small.packed()), dict(ERF, kl=kl, beta=0.5)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("gate", ["erf", "clip"])
def test_groups_and_advantages_of_tokens(small, device, level, wide, gate):
    arguments = tensors(small.padded(2, 0, fill=0))
    if wide:
        turn = torch.arange(arguments["mask"].shape[1]) % 2 * 2 - 1
        arguments["advantages"] = arguments["advantages"][:, None] * turn
    arguments["logp_old"][0, 2] = 2e3  # clamped: the measure of groups reads log-probs
    settings = dict(gate=gate, level=level, groups=[0, 2, 2, 4])
    one, other = on_both(device, arguments, settings)
    assert_equal(one, other)
    assert not one[1]["effective"].isnan() and one[1]["clamped"] > 0
    offsets = device.put(torch.tensor([0, 2, 2, 4]))
    assert_equal(one, gradients(device.arguments(arguments), dict(settings, groups=offsets)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("wide", [False, True])
def test_groups_are_measured_in_the_hosts_memory(small, device, level, wide, monkeypatch):
    """The host can read the simulator's memory, but no device's."""
    arguments = device.arguments(tensors(small.padded(2, 0, fill=0)))
    if wide:
        arguments["advantages"] = device.put(torch.ones(arguments["mask"].shape))
    measure, seen = _compute.lib.sl_update_measure, []

    def measured(into, objective, batch, *rest):
        seen.extend(getattr(batch, name) for name in (
            "logp_new", "logp_old", "mask", "seq", "advantage", "token_advantage"))
        return measure(into, objective, batch, *rest)
    monkeypatch.setattr(_compute.lib, "sl_update_measure", measured)
    gated_loss(**arguments, **ERF, level=level, groups=[0, 4])
    given = [at for at in seen if at]
    assert len(given) == 5 and not any(begin <= at < end for at in given
                                       for begin, end, _ in device.memory)


def test_offsets_may_lie_on_the_device(small, device):
    arguments = tensors(small.packed())
    one = gradients(arguments, ERF)
    there = device.arguments(arguments, host=())
    assert device.number(there["seq"]) == 0
    assert_equal(one, gradients(there, ERF))


def test_batches_without_tokens(small, device):
    arguments = tensors(small.packed())
    arguments["mask"] = torch.zeros_like(arguments["mask"])
    step = dict(ERF, denominators=sluice.Denominators(3, 30), groups=[0, 4])
    assert_equal(*on_both(device, arguments, step))
    none = {name: torch.zeros((0, 5), dtype=arguments[name].dtype) for name in (
        "logp_new", "logp_old", "mask", "entropy")}
    none["advantages"] = torch.zeros(0)
    for name in ("logp_new", "entropy"):
        none[name].requires_grad_()
    assert_equal(*on_both(device, none, dict(ERF, denominators=sluice.Denominators(3, 30))))
    with pytest.raises(sluice.InvalidInput, match="no unmasked token"):
        gated_loss(**device.arguments(arguments), **ERF)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("shape, seq", [((0, 5), None), ((3, 0), None), ((0,), [0]),
                                        ((0,), [0, 0]), ((0,), [0, 0, 0])])
def test_batches_without_elements(device, level, shape, seq, way):
    """PyTorch gives their memory the address 0."""
    rows = shape[0] if seq is None else len(seq) - 1
    for size in {(rows,), shape}:
        arguments = {name: torch.zeros(shape, requires_grad=name in ("logp_new", "entropy"))
                     for name in ("logp_new", "logp_old", "logp_ref", "entropy")}
        arguments.update(mask=torch.ones(shape, dtype=torch.bool), advantages=torch.zeros(size))
        settings = dict(ERF, **EVERYTHING, level=level, groups=[0, rows], seq=seq,
                        denominators=sluice.Denominators(3, 30))
        assert_equal(*on_both(device, arguments, settings))


def test_masks_of_bytes(small, device):
    arguments = tensors(small.packed())
    arguments["mask"] = arguments["mask"].to(torch.uint8) * 3
    assert_equal(*on_both(device, arguments, dict(ERF, level="sequence")))


def test_the_gradient_is_multiplied_and_a_second_one_refused(small, device, way):
    arguments = device.arguments(tensors(small.packed()))
    wanted = tensors(small.packed())
    for given in (arguments, wanted):
        (-1.7 * gated_loss(**given, **ERF)[0]).backward()
    assert same(arguments["logp_new"].grad, wanted["logp_new"].grad)
    again = device.arguments(tensors(small.packed()))
    grad, = torch.autograd.grad(gated_loss(**again, **ERF)[0], again["logp_new"], create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), again["logp_new"])


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("gate", ["erf", "cispo_cap"])
def test_a_trainers_loss_is_computed_there(small, device, kind, gate):
    arguments = tensors(small.padded(1, 1, fill=0), grad=False)
    names = ("logp_new", "logp_old", "advantages", "mask")
    given = [arguments[name] if name == "mask" else arguments[name].to(kind) for name in names]

    def run(values):
        new = values[0].detach().requires_grad_()
        loss, out = _applied.applied(new, *values[1:], gate=gate, **GATES[gate], scale=0.75)
        grad, = torch.autograd.grad(loss, new)
        return loss.detach(), grad.float(), out.sums, repr(out.metrics)
    one, other = run(given), run([device.put(x) for x in given])
    assert all(same(a, b) for a, b in zip(one[:3], other[:3])) and one[3] == other[3]
    assert len(_cuda._table) == 1
