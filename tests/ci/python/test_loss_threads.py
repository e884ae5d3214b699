"""Contexts of sluice.gated_loss: shared by Python threads, and in a child of fork."""
import copy
import os
import pickle
import threading

import pytest
from loss_cases import GATES, run_together, same
from sluice import _library

import sluice


def test_eight_threads_share_a_context(problem):
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", **GATES["erf"])
    wrong = []

    def work():
        for _ in range(40):
            out = sluice.gated_loss(**packed, gate="erf", **GATES["erf"])
            if not (same(out.gradient, one.gradient) and same(out.sums, one.sums)):
                wrong.append(out)
    threads = [threading.Thread(target=work) for _ in range(8)]
    run_together(threads)
    assert not wrong


class Unlocked:
    """A lock that locks nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_no_two_threads_are_in_a_context(problem, monkeypatch):
    """By a stand-in for the library's function, which counts who is in it; without the lock there
    are two at once."""
    inside, most = [], []

    def counting(*arguments):
        inside.append(arguments)
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.pop()
        return 0
    monkeypatch.setattr(_library.lib, "sl_gated_loss", counting)

    def run(context):
        threads = [threading.Thread(target=sluice.gated_loss, kwargs=dict(
            problem.packed(), gate="erf", context=context)) for _ in range(8)]
        run_together(threads)
        found = max(most)
        most.clear()
        return found
    assert run(_library.Context(1)) == 1
    planted = _library.Context(1)
    planted._lock = Unlocked()
    assert run(planted) > 1


def in_child(work, seconds=30):
    """What a child of fork makes of it; None if it does not end in time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writer, b"same" if work() else b"different")
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    timer = threading.Timer(seconds, os.kill, (child, 9))
    timer.start()
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    timer.cancel()
    return text.decode() or None


def test_a_child_of_fork_has_threads_of_its_own(problem):
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", threads=3)

    def work():
        out = sluice.gated_loss(**packed, gate="erf", threads=3)
        tasks = len(os.listdir("/proc/self/task"))
        return same(out.gradient, one.gradient) and tasks == 3
    assert [in_child(work) for _ in range(3)] == ["same"] * 3
    assert same(sluice.gated_loss(**packed, gate="erf", threads=3).gradient, one.gradient)


def test_a_fork_while_another_thread_computes(problem, monkeypatch):
    """The child has a lock that nobody will release, and a context in the middle of a job; with
    these it waits for ever."""
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", threads=2)
    context = _library.shared_context(2)

    def work():
        out = sluice.gated_loss(**packed, gate="erf", threads=2)
        return same(out.gradient, one.gradient)
    with context._lock:
        assert in_child(work) == "same"
        monkeypatch.setattr(_library.Context, "_after_fork", lambda context: None)
        assert in_child(work, seconds=1) is None
    assert work()


class Waited:
    """A lock as a child finds it, that threads of the parent waited for: free, and never to be
    had."""

    def locked(self):
        return False

    def acquire(self, blocking=True):
        while blocking:
            threading.Event().wait()
        return False

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        pass


def test_a_child_has_locks_of_its_own(problem, monkeypatch):
    packed = problem.packed()
    context = _library.Context(2)
    one = sluice.gated_loss(**packed, context=context)
    monkeypatch.setattr(context, "_lock", Waited())

    def work():
        assert context.threads == 2  # of a handle that was made anew
        return same(sluice.gated_loss(**packed, context=context).gradient, one.gradient)
    assert in_child(work, seconds=5) == "same"


def test_a_fork_while_threads_wait_for_each_other(problem):
    packed, stop = problem.packed(), threading.Event()
    one = sluice.gated_loss(**packed, threads=1)

    def spin():
        while not stop.is_set():
            sluice.gated_loss(**packed, threads=1)

    def work():
        return same(sluice.gated_loss(**packed, threads=1).gradient, one.gradient)
    spinning = [threading.Thread(target=spin) for _ in range(3)]
    for thread in spinning:
        thread.start()
    try:
        assert [in_child(work, seconds=5) for _ in range(20)] == ["same"] * 20
    finally:
        stop.set()
        for thread in spinning:
            thread.join()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_context_is_not_copied(copied):
    with pytest.raises(TypeError, match="cannot be copied or pickled: make another"):
        copied(_library.Context(1))


def test_contexts_say_what_they_are():
    context = sluice.Context(2, "plain")
    assert (context.backend, context.threads) == ("plain", 2)
    with pytest.raises(sluice.Unavailable, match="'cuda', and must be.*sluice.torch.gated_loss"):
        sluice.Context(1, "cuda")
