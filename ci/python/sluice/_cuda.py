"""Contexts on CUDA devices: a library of its own, loaded when the first tensor comes from one, and
a context for each device and stream (spec N1.10). Internal; it needs no PyTorch.

Each call of a context waits for its stream before it returns, so that its errors are its own and
nothing of it is pending. What follows in the stream need not wait.
"""
import atexit
import ctypes
import functools
import os
import sys
import threading
import weakref
from collections import OrderedDict
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Callable, ContextManager, NoReturn, Optional, Tuple

import numpy

from . import _library
from ._arrays import address
from ._errors import SluiceError, Unavailable
from ._library import Batch, ContextOptions, Error, Objective, fail

CONTEXTS = 16
"""As many are kept; of one more the one that was used longest ago is dropped. Each holds a
workspace of a few times the largest gradient that it computed, and a megabyte of the host's."""

_DEVICE_FAILED = 3
"""SL_ERR_IO, which is not of a file here"""

INSTALL = ("install with CUDA: pip install . -C cmake.define.SLUICE_CUDA=ON in the source tree, or "
           "the wheel that ci/wheel --cuda makes")


class Backend:
    """A library that is libsluice.so with one backend more, for devices.

    guard: makes a device current for the thread, and the one before again. The library can do that
    too, but cudaSetDevice gives the one before a context of CUDA's, hundreds of megabytes, where it
    has none yet; who knows better does it first."""

    def __init__(self, name: str, path: Path,
                 guard: "Callable[[int], ContextManager[Any]]" = nullcontext) -> None:
        self.name, self.path, self.guard = name, path, guard
        self._lock = threading.Lock()
        self._library: "Optional[ctypes.CDLL]" = None

    def is_there(self) -> bool:
        """Whether this installation has it; not, whether it runs here."""
        return self.path.exists()

    def library(self) -> ctypes.CDLL:
        """The library, loaded once. Errors: Unavailable."""
        with self._lock:
            if self._library is None:
                self._library = self._load()
            return self._library

    def _load(self) -> ctypes.CDLL:
        try:
            found = _library.load(self.path)
        except (ImportError, OSError) as error:
            raise Unavailable(f"{error}; {INSTALL}") from error
        if found.sl_abi_numerics() != _library.numerics_version():
            raise Unavailable(f"{self.path} follows version {found.sl_abi_numerics()} of the "
                              f"numerics, and this package {_library.numerics_version()}: install "
                              "package and libraries together")
        backend = getattr(found, f"sl_{self.name}_backend", None)
        if backend is None:
            raise Unavailable(f"{self.path} has no backend {self.name}: install package and "
                              "libraries together")
        backend.restype = ctypes.c_void_p
        found.sl_backend_add(backend())
        return found


class Context:
    """A context of one device and stream, with a lock, so that several Python threads may share it.
    Errors: Unavailable, InvalidInput (a stream that is being captured), MemoryLimit."""

    def __init__(self, backend: Backend, device: int, stream: int) -> None:
        self._lib: Any = backend.library()
        self._lock = threading.Lock()
        self._guard = functools.partial(backend.guard, device)
        error, handle = Error(), ctypes.c_void_p()
        options = ContextOptions(backend.name.encode(), 0, 1, device, stream)
        with self._guard():
            if self._lib.sl_context_create(ctypes.byref(handle), ctypes.byref(options),
                                           ctypes.byref(error)):
                fail(error)
        self._handle: "Optional[ctypes.c_void_p]" = handle
        _all.add(self)

    def _live(self) -> ctypes.c_void_p:
        if not self._handle:
            raise Unavailable(_over)
        return self._handle

    def _done(self, status: int) -> None:
        if status:
            error = self._lib.sl_context_error(self._handle).contents
            if status == _DEVICE_FAILED:
                raise SluiceError(error.message.decode("utf-8", "replace"))
            fail(error)

    def read(self, into: "numpy.ndarray[Any, Any]", at: int) -> None:
        """Copies what the device has at that address, and waits for the stream."""
        with self._lock:
            self._done(self._lib.sl_memory_read(self._live(), address(into), at, into.nbytes))

    def gated_loss(self, d: int, e: "Optional[int]", sums: Tuple[int, int, int],
                   objective: Objective, batch: Batch, *writes: Tuple[int, int, int]) -> None:
        """sl_gated_loss after the writes: (to, from the host, bytes) each. sums: where the kernel
        writes them, where the host wants them, bytes. The wait for these is that for all."""
        there, here, size = sums
        call = self._lib
        with self._lock:
            live = self._live()
            try:
                for to, begin, count in writes:
                    self._done(call.sl_memory_write(live, to, begin, count))
                self._done(call.sl_memory_zero(live, there, size))  # it is read, if all is refused
                self._done(call.sl_gated_loss(live, d, e, there, ctypes.byref(objective),
                                              ctypes.byref(batch)))
                self._done(call.sl_memory_read(live, here, there, size))
            except BaseException:  # an interruption too: nothing of the call is left in the stream
                call.sl_context_synchronize(live)
                raise

    def close(self, seconds: float = 10.0) -> None:
        """Destroys it, when nobody computes with it any more."""
        if self._lock.acquire(timeout=seconds):
            handle, self._handle = self._handle, None
            if handle:
                self._destroy(handle)
            self._lock.release()

    def _destroy(self, handle: ctypes.c_void_p) -> None:
        with self._guard():
            self._lib.sl_context_destroy(handle)

    def forget(self) -> None:
        """In a child of fork, where CUDA must not be touched: not even to give memory back."""
        self._handle = None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a context owns memory of this process, and cannot be copied or pickled")

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        # At the interpreter's end CUDA may be gone already, and so may be what this module knows.
        if handle and sys is not None and not sys.is_finalizing():
            self._destroy(handle)


_all: "weakref.WeakSet[Context]" = weakref.WeakSet()
_table: "OrderedDict[Tuple[str, int, int], Context]" = OrderedDict()
_table_lock = threading.Lock()
_used = False
_over = ""
"""why there are no contexts any more"""


def context_of(backend: Backend, device: int, stream: int) -> Context:
    """The process's context of a device and a stream: CUDA's handle of it, not 0."""
    global _used
    key, dropped = (backend.name, device, stream), None
    with _table_lock:
        if _over:
            raise Unavailable(_over)
        found = _table.get(key)
        if found is None:
            _used = True
            found = _table[key] = Context(backend, device, stream)
            if len(_table) > CONTEXTS:
                dropped = _table.popitem(last=False)[1]
        else:
            _table.move_to_end(key)
    del dropped  # out of the lock: it waits for its stream; a thread that computes with it has it
    return found


def _in_child() -> None:
    global _table_lock, _over
    _table_lock = threading.Lock()
    for context in list(_all):
        context.forget()
    if _used:
        _over = ("this process is a child of fork, and the parent has used CUDA, which does not "
                 "outlive a fork: start it by multiprocessing's 'spawn'")
    _table.clear()


def _at_end() -> None:
    """While CUDA is there."""
    global _over
    with _table_lock:
        _over = "the interpreter ends"
        left = list(_table.values())
        _table.clear()
    for context in left:
        context.close()


os.register_at_fork(after_in_child=_in_child)
atexit.register(_at_end)
