"""sluice.torch.gated_loss on devices, which the simulator plays: children of fork, the end of the
interpreter, and a process that uses one device alone."""
import gc
import os
import signal
import subprocess
import sys

import numpy
import pytest
from sluice import _cuda
from sluice.torch import gated_loss
from torch_cases import ERF, same, tensors

import sluice


def in_child(work):
    """What a child of fork writes, and how it ends."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        try:
            os.write(writer, str(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode()
    os.waitpid(child, 0)
    return text


def test_a_child_of_fork_leaves_the_parents_contexts(small, device, monkeypatch):
    arguments = tensors(small.packed(), grad=False)
    there = device.arguments(arguments)
    one = gated_loss(**there, **ERF)[0]
    calls, destroy = [], device.lib.sl_context_destroy
    monkeypatch.setattr(device.lib, "sl_context_destroy", lambda *a: calls.append(a) or destroy(*a))

    def work():
        device.owner.clear()
        gc.collect()
        try:
            gated_loss(**there, **ERF)
        except sluice.Unavailable as error:
            assert same(gated_loss(**arguments, **ERF)[0], one)  # the CPU's are the child's own
            return f"{len(calls)} {error}"
        return "computed"
    text = in_child(work)
    assert "'spawn'" in text
    assert text.startswith("0 logp_new is on cuda:0: this process is a child of fork")
    assert same(gated_loss(**there, **ERF)[0], one)
    monkeypatch.setattr(_cuda.Context, "forget", lambda context: None)
    assert not in_child(work).startswith("0 ")


PROGRAM = """
import atexit, sys, threading, time, torch
stopped = threading.Event()
if {thread}:  # after the package's own: a thread that Python ends within PyTorch ends the process
    atexit.register(stopped.wait, 20)
sys.path[:0] = {paths!r}
from simulated import Simulator
from sluice import _cuda, _device
from sluice.torch import gated_loss
device = _device.seam = Simulator({build!r})
x = device.put(torch.zeros(1, 8))
arguments = x, x, device.put(torch.ones(1)), device.put(torch.ones(1, 8, dtype=torch.bool))
destroy = device.lib.sl_context_destroy
device.lib.sl_context_destroy = lambda handle: print("destroyed") or destroy(handle)
def spin():
    while True:
        try:
            gated_loss(*arguments)
        except Exception as error:
            print(error)
            stopped.set()
            time.sleep(60)
if {thread}:
    threading.Thread(target=spin, daemon=True).start()
    time.sleep(0.3)
print("loss", float(gated_loss(*arguments)[0]))
"""


@pytest.mark.parametrize("thread", [False, True])
def test_at_the_end_contexts_are_released(build, thread):
    code = PROGRAM.format(paths=[os.path.dirname(__file__)], build=str(build), thread=thread)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "loss -1.0" in done.stdout and not done.stderr
    # The simulator's own two are left to the system: CUDA would be gone.
    assert done.stdout.count("destroyed") == 1


SECOND = """
import sys, torch
sys.path[:0] = {paths!r}
from simulated import Simulator
from sluice import _cuda, _device
from sluice.torch import gated_loss
device = _device.seam = Simulator({build!r}, (1,))
x = device.put(torch.zeros(2, 8), 1)
arguments = x, x, device.put(torch.ones(2), 1), device.put(torch.ones(2, 8, dtype=torch.bool), 1)
begun = device.lib.sl_simulation_device_begun
if {first}:
    device.lib.sl_simulation_set_device(0)
    _cuda.Context(_cuda.Backend("simt", device.backend.path), 1, 0)
else:
    for _ in range(2):
        gated_loss(*arguments)
    _cuda._at_end()
print(begun(0), begun(1))
"""


@pytest.mark.parametrize("first", [False, True])
def test_a_device_that_nobody_uses_gets_no_context(build, first):
    """Of CUDA's: a call for another device leaves it alone from the first to the last, though it is
    the thread's own. Planted: the library by itself would make one."""
    code = SECOND.format(paths=[os.path.dirname(__file__)], build=str(build), first=first)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == (f"{first:d} 1\n", "")


def test_after_the_end_there_are_no_contexts(small, device, monkeypatch):
    there = device.arguments(tensors(small.packed(), grad=False))
    gated_loss(**there, **ERF)
    context = next(iter(_cuda._table.values()))  # as a daemon thread still has it
    monkeypatch.setattr(_cuda, "_over", "")
    _cuda._at_end()
    for call in (lambda: gated_loss(**there, **ERF), lambda: context.read(numpy.empty(8), 0),
                 lambda: context.gated_loss(0, None, (0, 0, 0), None, None)):
        with pytest.raises(sluice.Unavailable, match="the interpreter ends"):
            call()
