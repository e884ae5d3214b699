"""sluice.torch.gated_loss on the caller's streams and devices, which the simulator plays: contexts,
threads, captures, interruptions, memory."""
import gc
import threading
import time
import weakref

import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from loss_cases import run_together
from simulated import planted
from sluice import _applied, _cuda, _device
from sluice._compute import Computed
from sluice.torch import gated_loss
from torch._subclasses.fake_tensor import FakeTensorMode
from torch_cases import ERF, EVERYTHING, assert_equal, gradients, same, tensors

import sluice


_MEMORY = 4
"""SL_ERR_MEMORY"""


def test_two_devices_and_the_threads_own(small, device):
    arguments = tensors(small.packed())
    one = gradients(arguments, ERF)
    for mine in (0, 1):
        device.lib.sl_simulation_set_device(mine)
        for number in (0, 1, 0):
            assert_equal(one, gradients(device.arguments(arguments, number), ERF))
            assert device.lib.sl_simulation_device() == mine
    device.lib.sl_simulation_set_device(0)
    assert {key[1] for key in _cuda._table} == {0, 1}


def test_streams_of_the_caller(small, device):
    """Each has a context, which calls on it share, by turns."""
    arguments = tensors(small.packed())
    one = gradients(arguments, ERF)
    there = device.arguments(arguments)
    streams = [device.new_stream() for _ in range(3)]
    for stream in [*streams, *reversed(streams)]:
        with device.on_stream(stream):
            assert_equal(one, gradients(there, ERF))
    assert [key[2] for key in _cuda._table] == [streams[2], streams[1], streams[0]]


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_what_the_stream_still_holds_comes_first(small, device, level):
    """Work of the caller's that fills the mask and the old log-probs, and may not have run yet."""
    arguments = tensors(small.padded(0, 0, fill=-1))
    there = device.arguments(arguments)
    arguments["mask"].fill_(True), arguments["logp_old"].fill_(0.0)
    wanted = gradients(arguments, dict(ERF, level=level))
    for _ in range(8):
        stream = device.new_stream()
        there["logp_old"], there["mask"] = (device.put(torch.zeros(4, 17)),
                                            device.put(torch.zeros(4, 17, dtype=torch.bool)))
        there["logp_old"].fill_(numpy.nan)
        for name, byte in (("logp_old", 0), ("mask", 1)):
            x = there[name]
            device.lib.sl_simulation_fill(stream, x.data_ptr(), byte, x.numel() * x.element_size())
        with device.on_stream(stream):
            assert_equal(wanted, gradients(there, dict(ERF, level=level)))


def test_the_table_of_contexts_is_bounded(small, device, monkeypatch):
    monkeypatch.setattr(_cuda, "CONTEXTS", 3)
    arguments = tensors(small.packed())
    one, there = gradients(arguments, ERF), device.arguments(arguments)
    streams = [device.new_stream() for _ in range(5)]
    for stream in [*streams, *streams[:2]]:
        with device.on_stream(stream):
            assert_equal(one, gradients(there, ERF))
    assert [key[2] for key in _cuda._table] == [streams[4], streams[0], streams[1]]
    kept = weakref.ref(next(iter(_cuda._table.values())))
    with device.on_stream(streams[2]):
        gated_loss(**there, **ERF)
    gc.collect()
    assert kept() is None  # what was dropped is destroyed


def test_threads_with_streams_of_their_own(small, device):
    arguments = tensors(small.packed(), grad=False)
    settings = dict(ERF, **EVERYTHING)
    wanted = sluice.gated_loss(**small.packed(), **settings).gradient
    there, wrong = device.arguments(arguments), []

    def work(stream):
        for _ in range(4):
            new = there["logp_new"].detach().requires_grad_()
            with device.on_stream(stream):
                loss, _ = gated_loss(**dict(there, logp_new=new), **settings)
            loss.backward()
            if not same(new.grad, wanted):
                wrong.append(stream)
    shared = device.new_stream()
    threads = [threading.Thread(target=work, args=(stream,)) for stream in (
        device.new_stream(), device.new_stream(), shared, shared)]
    run_together(threads)
    assert not wrong and len(_cuda._table) == 3


def test_an_error_is_its_own_calls(small, device, monkeypatch):
    """Two threads on one stream, one with a number that is not finite: the other never sees it,
    whenever it gets its turn."""
    read = device.lib.sl_memory_read
    monkeypatch.setattr(device.lib, "sl_memory_read", lambda *a: time.sleep(0.002) or read(*a))
    right = device.arguments(tensors(small.packed(), grad=False))
    wrong = device.arguments(planted(tensors(small.packed(), grad=False), "logp_new", 13,
                                     numpy.nan))
    seen = {"right": [], "wrong": []}

    def work(name, arguments):
        for _ in range(6):
            try:
                gated_loss(**arguments, **ERF)
                seen[name].append("")
            except sluice.InvalidInput as error:
                seen[name].append(str(error))
    threads = [threading.Thread(target=work, args=x) for x in (("right", right), ("wrong", wrong))]
    run_together(threads)
    assert seen["right"] == [""] * 6 and all("logp_new[13]" in text for text in seen["wrong"])


def test_a_capture_is_refused_and_stays_valid(small, device, way, monkeypatch):
    there = device.arguments(tensors(small.packed(), grad=False))
    stream = device.new_stream()
    for _ in range(2):  # without a context on this stream, and with one
        with device.on_stream(stream):
            device.lib.sl_simulation_capture(stream)
            for asked in (False, True):  # by the library, and before by PyTorch
                monkeypatch.setattr(device, "captures", lambda number: asked)
                with pytest.raises(sluice.InvalidInput, match="captured into a.* graph"):
                    gated_loss(**there, **ERF)
            assert device.lib.sl_simulation_end_capture(stream) == 0  # valid, of no operation
            monkeypatch.setattr(device, "captures", lambda number: False)
            assert torch.isfinite(gated_loss(**there, **ERF)[0])


def test_a_trainers_loss_makes_no_copies_in_a_capture(small, device, monkeypatch):
    there = device.arguments(tensors(small.padded(0, 0, fill=0), grad=False))
    monkeypatch.setattr(device, "captures", lambda number: True)
    monkeypatch.setattr(device, "moved", None)
    with pytest.raises(sluice.InvalidInput, match="captured into a CUDA graph"):
        _applied.applied(*(there[name] for name in ("logp_new", "logp_old", "advantages", "mask")))


def test_an_interruption_leaves_nothing_in_the_stream(small, device, monkeypatch):
    there = device.arguments(planted(tensors(small.packed(), grad=False), "logp_new", 13,
                                     numpy.nan))
    right = device.arguments(tensors(small.packed(), grad=False))
    gated_loss(**right, **ERF)
    whole = device.lib.sl_memory_read

    def interrupted(handle, to, at, size):
        if size % 96 == 0:  # the sums: the kernel has yet to run, and leaves an error
            raise KeyboardInterrupt
        return whole(handle, to, at, size)
    monkeypatch.setattr(device.lib, "sl_memory_read", interrupted)
    with pytest.raises(KeyboardInterrupt):
        gated_loss(**there, **ERF)
    monkeypatch.setattr(device.lib, "sl_memory_read", whole)
    assert torch.isfinite(gated_loss(**right, **ERF)[0])


@pytest.mark.parametrize("name", ["sl_context_create", "sl_gated_loss", "sl_memory_read"])
@pytest.mark.parametrize("times", [1, 2])
def test_memory_that_pytorch_keeps_is_asked_for(small, device, monkeypatch, name, times):
    """Where the device's is full: once, and then it is an error."""
    arguments = tensors(small.packed(), grad=False)
    there, left = device.arguments(arguments), [times]
    whole = getattr(device.lib, name)
    real = _cuda.fail

    def full(*given):
        left[0] -= 1
        return _MEMORY if left[0] >= 0 else whole(*given)

    def fail(error):
        if left[0] >= 0:
            raise sluice.MemoryLimit("workspace: out of memory")
        real(error)
    monkeypatch.setattr(device.lib, name, full)
    monkeypatch.setattr(_cuda, "fail", fail)
    if times == 2:
        with pytest.raises(sluice.MemoryLimit, match=(
                r"^cuda:0: workspace: out of memory, also after torch\.cuda\.empty_cache\(\): ")):
            gated_loss(**there, **ERF)
        assert device.released == [0]
    assert same(gated_loss(**there, **ERF)[0], gated_loss(**arguments, **ERF)[0])
    assert device.released == [0]


def test_a_call_waits_twice_and_keeps_nothing(small, device, monkeypatch):
    there = device.arguments(tensors(small.packed(), grad=False))
    gated_loss(**there, **ERF)
    waits, whole = [], device.lib.sl_memory_read
    monkeypatch.setattr(device.lib, "sl_memory_read", lambda *a: waits.append(a) or whole(*a))
    loss, metrics = gated_loss(**there, **ERF)
    assert len(waits) == 2 and not loss.requires_grad
    kept = [weakref.ref(there[name]) for name in ("logp_old", "mask", "advantages")]
    del there, loss, metrics
    gc.collect()
    assert [ref() for ref in kept] == [None] * 3


def test_what_pytorch_says_of_devices(monkeypatch):
    asked = []

    class Stream:
        cuda_stream = 0
    monkeypatch.setattr(torch.cuda, "current_stream", lambda n: asked.append(n) or Stream)
    assert _device.Torch.stream(1) == 1 and asked == [1]  # cudaStreamLegacy
    Stream.cuda_stream = 2**47 + 16
    assert _device.Torch.stream(0) == 2**47 + 16
    assert _device.Torch.backend.guard is torch.cuda.device
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    assert _device.Torch.captures(0) is True

    def implicit():
        raise RuntimeError("CUDA error: operation would make the legacy stream depend on another")
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", implicit)
    assert _device.Torch.captures(0) is False
    assert isinstance(_device.Torch.guard(2), torch.cuda.device)
    with FakeTensorMode():
        fake = torch.empty(2, device="cuda:3")
        assert _device.Torch.number(fake) == 3 and not _device.Torch.on_host(fake)
    assert _device.Torch.number(torch.ones(1)) is None
    x = torch.ones(2, requires_grad=True)
    assert _device.Torch.on_host(x) and not _device.Torch.on_host(x.to("meta"))
    assert not _device.Torch.like(x).requires_grad


def on_fake_cuda(small):
    """A batch of tensors that have a device and no memory."""
    return {name: torch.empty(x.shape, dtype=x.dtype, device="cuda:0")
            for name, x in tensors(small.padded(0, 0, fill=0), grad=False).items()}


@pytest.mark.parametrize("bonus", [0.0, 0.5])
def test_devices_of_the_operators_results(small, bonus, monkeypatch):
    """As the fake says them, and as the kernel makes them."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        arguments = on_fake_cuda(small)
        found = []
        monkeypatch.setattr(sluice_torch, "_forward_op", lambda *a: found.append(
            (sluice_torch._fake_forward(*a), sluice_torch._forward(*a))) or found[0][0])
        like = torch.empty_like(arguments["logp_new"])
        monkeypatch.setattr(sluice_torch, "computed", lambda *a: Computed(
            1.0, like, like if bonus else None, False, numpy.zeros(99), None))
        loss, metrics = gated_loss(**arguments, **ERF, entropy_bonus=bonus)
        said, made = ([(x.device.type, x.dtype, x.shape) for x in row] for row in found[0])
        assert said == made and [device for device, _, _ in said] == ["cuda"] * 3 + ["cpu"]
        assert loss.is_cuda and metrics["tokens"].is_cpu


@pytest.mark.parametrize("name", ["logp_old", "advantages", "mask", "logp_ref", "entropy"])
def test_the_operator_does_not_mix_devices(small, name):
    with FakeTensorMode():
        arguments = on_fake_cuda(small)
        gated_loss(**arguments, **ERF)
        for wrong in ("cpu", "cuda:1"):
            with pytest.raises(sluice.InvalidInput, match=(
                    rf"{name} is on {wrong}, and logp_new on cuda:0: pass {name}\.to\(logp_new")):
                gated_loss(**dict(arguments, **{name: torch.empty(
                    arguments[name].shape, dtype=arguments[name].dtype, device=wrong)}), **ERF)


def test_the_operator_has_a_kernel_for_cuda():
    for name in ("sluice::gated_loss", "sluice::gated_loss_backward"):
        for key in ("CPU", "CUDA", "AutocastCPU", "AutocastCUDA")[:2 if "back" in name else 4]:
            assert torch._C._dispatch_has_kernel_for_dispatch_key(name, key), (name, key)
