"""The gated loss where its tensors are: on the CPU, or on a CUDA device, in the order of PyTorch's
current stream (spec N1.10). Internal: what sluice.torch, sluice.trl and sluice.verl share.

A call on a device waits for its stream twice: for the mask, whose unmasked tokens are counted on
the host, and for the sums. When it returns nothing of it is pending, so that no tensor needs
record_stream; what it takes from PyTorch's allocator is of the current stream.
"""
import ctypes
import operator
import os
from pathlib import Path
from typing import Any, ContextManager, Optional, Tuple

import numpy
import torch
from torch import Tensor

from . import _arrays, _batch, _cuda
from ._compute import WORDS, Computed, Settings, compute
from ._errors import InvalidInput, MemoryLimit, Unavailable
from ._gate import Gate
from ._library import Batch, Context, Objective, shared_context

_LEGACY_STREAM = 1
"""CUDA's name of the stream that PyTorch calls 0 (cudaStreamLegacy)."""

_NOTHING = 256
"""Where a tensor without elements begins: PyTorch says 0, which the library takes for an array that
is missing."""


class Torch:
    """What PyTorch says of devices and streams. The tests have another one, which says it of the
    simulator, so that all else here is what they execute."""

    backend = _cuda.Backend("cuda", Path(__file__).parent / "lib" / "libsluice_cuda.so",
                            torch.cuda.device)
    on_host = staticmethod(operator.attrgetter("is_cpu"))

    @staticmethod
    def number(tensor: Tensor) -> "Optional[int]":
        """Of its CUDA device; None where it is elsewhere."""
        return tensor.device.index if tensor.is_cuda else None

    @staticmethod
    def stream(number: int) -> int:
        """The handle of this thread's current stream on a device."""
        return int(torch.cuda.current_stream(number).cuda_stream) or _LEGACY_STREAM

    @staticmethod
    def guard(number: int) -> "ContextManager[Any]":
        """Makes it the current device, and the one before again."""
        return torch.cuda.device(number)

    @staticmethod
    def captures(number: int) -> bool:
        """Whether the current stream of the current device is being captured. Of the default stream
        CUDA does not say it while a stream is captured that waits for it: the library has words for
        that."""
        try:
            return bool(torch.cuda.is_current_stream_capturing())
        except RuntimeError:
            return False

    @staticmethod
    def release(number: int) -> None:
        """Gives the device the memory that PyTorch keeps for tensors to come."""
        torch.cuda.empty_cache()

    @staticmethod
    def like(tensor: Tensor) -> Tensor:
        """Memory of its shape, float32."""
        return torch.empty_like(tensor, requires_grad=False)

    @staticmethod
    def room(number: int, size: int) -> Tensor:
        """Memory for so many numbers of binary64."""
        return torch.empty(size, dtype=torch.float64, device=f"cuda:{number}")

    @staticmethod
    def moved(tensor: Tensor, number: int, dtype: torch.dtype) -> Tensor:
        """The tensor there, of that type and contiguous; itself where it is so already."""
        return tensor.detach().to(f"cuda:{number}", dtype).contiguous()

    @staticmethod
    def host(tensor: Tensor, dtype: "Optional[torch.dtype]" = None) -> Tensor:
        """The tensor on the CPU, contiguous; itself where it is so already."""
        return tensor.detach().to("cpu", dtype).contiguous()


seam: Any = Torch

POOL_TOKENS = 1 << 14
"""The tokens of a batch from which on PyTorch's threads share it: some 40 microseconds of one."""
SHARED_TOKENS = 1 << 17
"""The same for threads of the library's own, where PyTorch has others than OpenMP's. Below, waking
them costs more than they save where PyTorch's own threads still wait for work."""


def _pool_of_torch() -> "Optional[int]":
    """Where GOMP_parallel lies in the OpenMP runtime whose threads PyTorch's operators have; None
    where there is none."""
    try:
        function = ctypes.CDLL(torch._C.__file__).GOMP_parallel
    except (AttributeError, OSError):
        return None
    return ctypes.cast(function, ctypes.c_void_p).value


_pool = _pool_of_torch()


def _in_child() -> None:
    global _pool
    _pool = None  # its threads are the parent's


os.register_at_fork(after_in_child=_in_child)


def context_for(logp_new: Tensor) -> Context:
    """The process's context for a batch on the CPU, with PyTorch's number of threads where it is
    long, and PyTorch's threads where they can be had: these may wait for work still."""
    size = logp_new.numel()
    if size < POOL_TOKENS:
        return shared_context(1)
    if _pool is not None:
        return shared_context(torch.get_num_threads(), pool=_pool)
    return shared_context(torch.get_num_threads() if size >= SHARED_TOKENS else 1)


def empty(logp_new: Tensor, shape: "Tuple[int, ...]") -> "Tuple[Tensor, int]":
    """A tensor for the gradient by usual log-probs on the CPU, and its address."""
    tensor = torch.empty_like(logp_new)  # in half the time of one by its shape
    return tensor, tensor.data_ptr()


def home_of(logp_new: Tensor) -> "Optional[int]":
    """The CUDA device on which log-probs lie, if this installation computes there. Refuses a
    capture before copies are made, which would become part of it."""
    if seam.on_host(logp_new) or not seam.backend.is_there():
        return None
    number: "Optional[int]" = seam.number(logp_new)
    if number is not None:
        _refuse_capture(number)
    return number


def _refuse_capture(number: int) -> None:
    with seam.guard(number):
        if seam.captures(number):
            raise InvalidInput(
                "the current stream is being captured into a CUDA graph, and the gated loss waits "
                "for its stream, which a graph cannot hold: compute the loss outside of the "
                "capture")


def computed(logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor,
             seq: "Optional[Tensor]", groups: "Optional[Tensor]", gate: Gate, settings: Settings,
             denominators: object, logp_ref: "Optional[Tensor]",
             entropy: "Optional[Tensor]") -> Computed:
    """`compute` where logp_new is. Errors: those of `sluice.torch.gated_loss`."""
    if seam.on_host(logp_new):
        return compute(logp_new, logp_old, advantages, mask, seq, groups, gate, settings,
                       denominators, logp_ref, entropy, context_for(logp_new), empty)
    return _on_device(logp_new, logp_old, advantages, mask, seq, groups, gate, settings,
                      denominators, logp_ref, entropy)


def _on_device(logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor,
               seq: "Optional[Tensor]", groups: "Optional[Tensor]", gate: Gate, settings: Settings,
               denominators: object, logp_ref: "Optional[Tensor]",
               entropy: "Optional[Tensor]") -> Computed:
    """The same where logp_new is not on the CPU."""
    number = seam.number(logp_new)
    if number is None:
        raise _arrays.Wrong(f"logp_new is on {logp_new.device}, and this computes on the CPU and "
                            "on CUDA: pass logp_new.cpu()")
    if not seam.backend.is_there():
        raise Unavailable(
            f"logp_new is on {_name(logp_new)}, and this installation computes on the CPU alone: "
            f"pass logp_new.cpu() and so on, or {_cuda.INSTALL}")
    _refuse_capture(number)

    def run() -> Computed:
        context = _context(number, logp_new)
        with seam.guard(number):
            call = _Call(context, number, groups is not None)
            return compute(logp_new, logp_old, advantages, mask, seq, _on_host(groups), gate,
                           settings, denominators, logp_ref, entropy, call, call.empty, call.taken)
    try:
        return run()
    except MemoryLimit:  # what PyTorch keeps for later nobody else can have
        seam.release(number)
    try:
        return run()
    except MemoryLimit as error:
        raise MemoryLimit(f"{_name(logp_new)}: {error}, also after torch.cuda.empty_cache(): leave "
                          "it more, or pass parts of the batch, with denominators") from error


def _context(number: int, logp_new: Tensor) -> _cuda.Context:
    try:
        return _cuda.context_of(seam.backend, number, seam.stream(number))
    except Unavailable as error:
        raise Unavailable(f"logp_new is on {_name(logp_new)}: {error}; or pass logp_new.cpu() and "
                          "so on") from error


def _name(tensor: Tensor) -> str:
    number = seam.number(tensor)
    return str(tensor.device) if number is None else f"cuda:{number}"


def _at(name: str, value: Tensor, kinds: "Tuple[torch.dtype, ...]", fix: str, number: int,
        shape: "Optional[Tuple[int, ...]]") -> _arrays.Place:
    """Where a tensor on that device begins, if it can be used as it is."""
    if seam.number(value) != number:
        raise _arrays.Wrong(f"{name} is on {_name(value)}, and logp_new on cuda:{number}: pass "
                            f"{name}.to(logp_new.device)")
    if value.layout != torch.strided:
        raise _arrays.Wrong(f"{name} has layout {value.layout}: pass {name}.to_dense()")
    if value.dtype not in kinds:
        wanted = " or ".join(str(kind)[6:] for kind in kinds)
        raise _arrays.Wrong(f"{name} is {str(value.dtype)[6:]}, not {wanted}: pass {name}.{fix}()")
    if value.is_conj() or value.is_neg():
        raise _arrays.Wrong(f"{name} is a lazy view: pass {name}.resolve_neg()")
    if shape is not None and value.shape != shape:
        raise _arrays.Wrong(f"{name} has shape {tuple(value.shape)}, and must have {tuple(shape)}")
    begin = value.data_ptr() or _NOTHING
    if not value.is_contiguous() or begin % value.element_size():
        raise _arrays.Wrong(f"{name} has strides {value.stride()} for shape {tuple(value.shape)}, "
                            f"and must be contiguous: pass {name}.contiguous()")
    return begin, tuple(value.shape), value


class _Call:
    """One call on a device, as `compute` sees it: the batch has the host's mask, offsets and
    coefficients, and the addresses on the device of all else; the kernel gets what is the
    device's."""

    def __init__(self, context: _cuda.Context, number: int, grouped: bool) -> None:
        self.context, self.number, self.grouped = context, number, grouped
        self.mask = 0
        self.size = 0
        self.wide: "Optional[numpy.ndarray[Any, Any]]" = None
        self.owners: "list[object]" = []
        """what holds memory of the batch"""

    def _floats(self, name: str, value: Tensor,
                shape: "Optional[Tuple[int, ...]]" = None) -> _arrays.Place:
        return _at(name, value, (torch.float32,), "float", self.number, shape)

    def _read(self, at: int, size: int, kind: Any) -> "numpy.ndarray[Any, Any]":
        into = numpy.empty(size, kind)
        self.context.read(into, at)
        self.owners.append(into)
        return into

    def taken(self, logp_new: Tensor, logp_old: Tensor, advantages: Tensor, mask: Tensor,
              seq: "Optional[Tensor]", logp_ref: "Optional[Tensor]", entropy: "Optional[Tensor]",
              by_sequence: bool) -> _batch.Taken:
        """As `_batch.taken`. Waits for the mask."""
        new = self._floats("logp_new", logp_new)
        shape = new[1]
        old = self._floats("logp_old", logp_old, shape)
        live = _at("mask", mask, (torch.bool, torch.uint8), "bool", self.number, shape)
        rows = given = _batch.rows_of(shape, _on_host(seq))
        one = _batch.advantages_of(self._floats("advantages", advantages), shape, rows)
        ref = None if logp_ref is None else self._floats("logp_ref", logp_ref, shape)
        bits = None if entropy is None else self._floats("entropy", entropy, shape)
        self.mask, self.size = live[0], logp_new.numel()
        here = self._read(self.mask, self.size, numpy.uint8)
        if by_sequence:
            rows = _batch.from_first(rows, here)
            if one.by_sequence is not None:  # 0 for what lies before
                self.wide = numpy.zeros(rows.size, numpy.float32)
                self.wide[rows.own] = self._read(one.by_sequence, given.size, numpy.float32)
        batch = Batch(new[0], old[0], ref[0] if ref else None, bits[0] if bits else None,
                      _arrays.address(here), rows.begin, one.by_sequence, None, rows.size,
                      one.by_token)
        return _batch.Taken(batch, shape, rows, given.size, (new, old, live, one, ref, bits))

    def empty(self, logp_new: Tensor, shape: "Tuple[int, ...]") -> "Tuple[Tensor, int]":
        """A tensor for the gradient, and its address."""
        tensor: Tensor = seam.like(logp_new)
        return tensor, tensor.data_ptr()

    def gated_loss(self, d: "Optional[int]", e: "Optional[int]", sums: "Optional[int]",
                   objective: Objective, batch: Batch) -> None:
        """The kernel, and the wait for sums and errors."""
        there = Batch.from_buffer_copy(batch)
        size = batch.n_seq
        room = seam.room(self.number, (WORDS + 2) * size)  # sums, coefficients, advantages
        begin = room.data_ptr() or _NOTHING
        there.mask, there.coefficient = self.mask, begin + 8 * WORDS * size
        writes = [(there.coefficient, batch.coefficient or 0, 8 * size)]
        if self.wide is not None:
            there.advantage = there.coefficient + 8 * size
            writes.append((there.advantage, _arrays.address(self.wide), self.wide.nbytes))
        self.context.gated_loss(d or 0, e, (begin, sums or 0, 8 * WORDS * size), objective, there,
                                *writes)
        if self.grouped:
            self._copy(batch)

    def _copy(self, batch: Batch) -> None:
        """What the measure of groups reads, on the host."""
        def copied(at: "Optional[int]", size: int) -> "Optional[int]":
            return None if at is None else _arrays.address(self._read(at, size, numpy.float32))
        batch.logp_new, batch.logp_old = (copied(at or 0, self.size)
                                          for at in (batch.logp_new, batch.logp_old))
        batch.token_advantage = copied(batch.token_advantage, self.size)
        batch.advantage = copied(batch.advantage, batch.n_seq) if self.wide is None \
            else _arrays.address(self.wide)


def _on_host(offsets: "Optional[Tensor]") -> "Optional[Tensor]":
    """B + 1 integers, which the library reads on the host; as they are where they lie on no CUDA
    device, or are no usual tensor: `_arrays` has the words for that."""
    if offsets is None or offsets.layout != torch.strided or seam.number(offsets) is None:
        return offsets
    found: Tensor = seam.host(offsets)
    return found
