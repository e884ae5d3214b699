"""sluice.torch.gated_loss on a GPU: the bits of the CPU, on PyTorch's streams and devices, next to
graphs that are captured. `ci/gpu python` runs it; without a GPU it says that it is skipped, and the
simulator's tests are test_device.py."""
import ctypes
import gc
import subprocess
import sys
import threading

import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from loss_cases import GATES, run_together
from sluice.torch import gated_loss
from torch_cases import ERF, EVERYTHING, assert_equal, gradients, operands, same, tensors

import sluice

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch sees")


def on(arguments, device="cuda"):
    """The same on a device; offsets stay."""
    return {name: x.detach().to(device).requires_grad_(x.requires_grad) if name != "seq" else x
            for name, x in arguments.items()}


def on_host(found):
    """Loss, metrics and gradients of a call, looked at on the CPU."""
    loss, metrics, by = found
    assert loss.is_cuda and all(not x.is_cuda for x in metrics.values())
    return loss.cpu(), metrics, [None if x is None else x.cpu() for x in by]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("level", ["token", "sequence"])
def test_gates_have_the_bits_of_the_cpu(problem, gate, level, way):
    settings = dict(gate=gate, level=level, groups=[0, 2, 5, 8], **GATES[gate], **EVERYTHING)
    for arguments in (tensors(problem.packed()), tensors(problem.padded(3, 50))):
        assert_equal(gradients(arguments, settings), on_host(gradients(on(arguments), settings)))


@pytest.mark.parametrize("kind", ["sequence-mean", "token-mean", "constant"])
@pytest.mark.parametrize("kl", ["k1", "k2", "k3"])
def test_aggregations_and_kinds_of_kl(problem, kind, kl):
    settings = dict(ERF, aggregation=kind, constant_length=700.0, kl=kl, beta=0.25,
                    denominators=sluice.Denominators(9, 5000))
    arguments = tensors(problem.padded(0, 0))
    turn = torch.arange(arguments["mask"].shape[1]) % 2 * 2 - 1
    for advantages in (arguments["advantages"], arguments["advantages"][:, None] * turn):
        given = dict(arguments, advantages=advantages)
        assert_equal(gradients(given, settings), on_host(gradients(on(given), settings)))


def test_a_large_batch(make_problem):
    """Several blocks an array, more sequences than the device has multiprocessors."""
    lengths = (numpy.arange(400) * 37 % 900).tolist()
    arguments = tensors(make_problem(5, lengths).packed())
    settings = dict(ERF, **EVERYTHING)
    assert_equal(gradients(arguments, settings), on_host(gradients(on(arguments), settings)))


def test_streams_work_in_order(problem):
    """What a side stream still computes is waited for, and what follows in it sees the gradient."""
    arguments = tensors(problem.padded(0, 0, fill=0))
    wanted = gradients(arguments, ERF)[2][0]
    there, stream = on(arguments), torch.cuda.Stream()
    torch.cuda.synchronize()
    for _ in range(5):
        with torch.cuda.stream(stream):
            new = torch.full_like(there["logp_new"], -1.0)
            torch.cuda._sleep(20_000_000)
            new.copy_(there["logp_new"].detach()).requires_grad_()
            loss, _ = gated_loss(**dict(there, logp_new=new), **ERF)
            grad, = torch.autograd.grad(loss, new)
            doubled = grad * 2
        stream.synchronize()
        assert same(doubled.cpu(), wanted * 2)


def test_a_capture_is_refused_and_stays_valid(small):
    there = on(tensors(small.packed(), grad=False))
    gated_loss(**there, **ERF)  # a context is there, and then a stream without one
    for stream in (torch.cuda.current_stream(), torch.cuda.Stream()):
        with torch.cuda.stream(stream):
            gated_loss(**there, **ERF)
    graph, x = torch.cuda.CUDAGraph(), torch.zeros(4, device="cuda")
    with torch.cuda.graph(graph):
        with pytest.raises(sluice.InvalidInput, match="captured into a CUDA graph"):
            gated_loss(**there, **ERF)
        x += 1
    graph.replay()
    assert x.tolist() == [1.0] * 4 and torch.isfinite(gated_loss(**there, **ERF)[0])


def test_errors_have_their_place_and_the_next_call_works(small, way):
    arguments = tensors(small.packed(), grad=False)
    there = on(arguments)
    wrong = dict(there, logp_new=there["logp_new"].clone())
    wrong["logp_new"][13] = numpy.nan
    with pytest.raises(sluice.InvalidInput, match=r"logp_new\[13\] \(sequence 3\) is not finite"):
        gated_loss(**wrong, **ERF)
    assert same(gated_loss(**there, **ERF)[0].cpu(), gated_loss(**arguments, **ERF)[0])
    with pytest.raises(sluice.InvalidInput, match=r"mask is on cpu, and logp_new on cuda:0"):
        gated_loss(**dict(there, mask=arguments["mask"]), **ERF)
    with pytest.raises(sluice.InvalidInput, match=r"logp_old is on cuda:0.*sluice\.torch\.gated_l"):
        sluice.gated_loss(**dict(arguments, logp_old=there["logp_old"]), **ERF)


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU alone")
def test_a_second_device(small):
    arguments = tensors(small.packed())
    wanted = gradients(arguments, ERF)
    for current in (0, 1):
        with torch.cuda.device(current):
            for number in (0, 1):
                found = gradients(on(arguments, f"cuda:{number}"), ERF)
                assert found[0].device.index == number and torch.cuda.current_device() == current
                assert_equal(wanted, on_host(found))


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="one GPU alone")
def test_a_device_that_nobody_uses_gets_no_context():
    code = """if True:
        import torch
        from sluice import _cuda
        from sluice.torch import gated_loss
        x = torch.zeros(2, 8, device="cuda:1", requires_grad=True)
        loss, _ = gated_loss(x, x.detach(), x.detach()[:, 0] + 1, x.detach() == 0)
        loss.backward()
        _cuda._at_end()
        print([torch._C._cuda_hasPrimaryContext(i) for i in (0, 1)])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[False, True]\n", done.stderr


def test_compiled_and_under_autocast(small):
    arguments = tensors(small.padded(0, 0, fill=0))
    wanted = gradients(arguments, dict(ERF, **EVERYTHING))
    torch._dynamo.reset()
    compiled = torch.compile(gated_loss, fullgraph=True, backend="aot_eager")
    assert_equal(wanted, on_host(gradients(on(arguments), dict(ERF, **EVERYTHING), compiled)))
    half = {name: x.detach().bfloat16() if x.is_floating_point() else x
            for name, x in arguments.items()}
    full = {name: x.float() if x.is_floating_point() else x for name, x in half.items()}
    with torch.autocast("cuda", torch.bfloat16):
        loss, _ = gated_loss(**on(half), **ERF)
    assert loss.dtype == torch.float32 and same(loss.cpu(), gated_loss(**full, **ERF)[0])


def test_opcheck(small):
    found = torch.library.opcheck(sluice_torch._forward_op, operands(
        on(tensors(small.padded(0, 0, fill=0))), ERF))
    assert set(found.values()) == {"SUCCESS"}


def test_memory_comes_back(make_problem):
    arguments = on(tensors(make_problem(2, [500] * 64).padded(0, 0, fill=0)))

    def step():
        loss, _ = gated_loss(**arguments, **ERF)
        torch.autograd.grad(loss, arguments["logp_new"])
    step()
    gc.collect()
    before = torch.cuda.memory_allocated()
    for _ in range(20):
        step()
    gc.collect()
    assert torch.cuda.memory_allocated() == before


def test_memory_that_pytorch_keeps_is_asked_for(make_problem):
    """Its allocator holds nearly all of the device, unused, and the context of a new stream needs
    more than is left."""
    arguments = tensors(make_problem(2, [1 << 16] * 64).padded(0, 0, fill=0), grad=False)
    wanted, there = gated_loss(**arguments, **ERF)[0], on(arguments)
    gated_loss(**there, **ERF)
    torch.cuda.empty_cache()
    size, block = torch.cuda.mem_get_info()[0], None
    while block is None:
        size -= 1 << 22
        try:
            block = torch.empty(size, dtype=torch.uint8, device="cuda")
        except torch.cuda.OutOfMemoryError:
            pass
    del block
    assert torch.cuda.mem_get_info()[0] < 1 << 25  # the workspace alone takes as much
    with torch.cuda.stream(torch.cuda.Stream()):
        assert same(gated_loss(**there, **ERF)[0].cpu(), wanted)
    assert torch.cuda.mem_get_info()[0] > size // 2


def test_a_stream_may_end_before_its_context(small):
    """One that PyTorch does not own; then another with the same handle, perhaps."""
    arguments = tensors(small.packed(), grad=False)
    wanted, there = gated_loss(**arguments, **ERF)[0], on(arguments)
    torch.cuda.synchronize()
    runtime = torch.cuda.cudart()
    for _ in range(20):
        handle = ctypes.c_void_p()
        if int(runtime.cudaStreamCreate(ctypes.addressof(handle))):
            pytest.skip("no stream but PyTorch's")
        with torch.cuda.stream(torch.cuda.ExternalStream(handle.value)):
            assert same(gated_loss(**there, **ERF)[0].cpu(), wanted)
        runtime.cudaStreamDestroy(handle.value)


def test_threads_with_streams_of_their_own(problem):
    arguments = tensors(problem.padded(0, 0, fill=0), grad=False)
    wanted = sluice.gated_loss(**problem.padded(0, 0, fill=0), **ERF).gradient
    there, wrong = on(arguments), []
    torch.cuda.synchronize()

    def work():
        with torch.cuda.stream(torch.cuda.Stream()):
            for _ in range(20):
                new = there["logp_new"].detach().requires_grad_()
                loss, _ = gated_loss(**dict(there, logp_new=new), **ERF)
                grad, = torch.autograd.grad(loss, new)
                if not same(grad.cpu(), wanted):
                    wrong.append(grad)
    threads = [threading.Thread(target=work) for _ in range(4)]
    run_together(threads)
    assert not wrong
