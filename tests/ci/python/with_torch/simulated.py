"""CUDA devices without a GPU: the kernels' sources on the simulator, in the place of the CUDA
library, and what PyTorch would say of tensors that lie in its memory. All else is what ships."""
import contextlib
import ctypes
import pathlib
import threading

import numpy
import pytest
import torch
from sluice import _cuda
from torch_cases import gradients

_library = {}


class Serial(_cuda.Backend):
    """A library whose calls keep Python's lock: the simulator is no program for several threads.
    Between two calls of one thread others get their turn."""

    def __init__(self, path):
        super().__init__("simt", path, self.current)

    @contextlib.contextmanager
    def current(self, number):
        """Makes a device current, and the one before again, without a context of CUDA's on it."""
        lib = self.library()
        before = lib.sl_simulation_device()
        lib.sl_simulation_set_device(number)
        try:
            yield
        finally:
            lib.sl_simulation_set_device(before)

    def _load(self):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ctypes, "CDLL", ctypes.PyDLL)
            return super()._load()


def backend(build):
    """The simulator's library, one for this process."""
    if build not in _library:
        path = pathlib.Path(build) / "kernels" / "simt" / "libsluice_simt.so"
        _library[build] = Serial(path)
    return _library[build]


class Simulator:
    """A seam as `_device.Torch` is one, of two devices, of which those that are named have memory.
    """

    def __init__(self, build, devices=(0, 1)):
        self.backend = backend(build)
        self.lib = self.backend.library()
        for name, result, arguments in (
                ("sl_memory_alloc", ctypes.c_int, [ctypes.c_void_p] * 2 + [ctypes.c_size_t]),
                ("sl_simulation_stream", ctypes.c_void_p, []),
                ("sl_simulation_fill", None,
                 [ctypes.c_void_p] * 2 + [ctypes.c_int, ctypes.c_size_t]),
                ("sl_simulation_capture", None, [ctypes.c_void_p]),
                ("sl_simulation_end_capture", ctypes.c_int, [ctypes.c_void_p]),
                ("sl_simulation_set_device", None, [ctypes.c_int]),
                ("sl_simulation_device", ctypes.c_int, [])):
            function = getattr(self.lib, name)
            function.restype, function.argtypes = result, arguments
        self.memory = []
        """begin, end and device of what was handed out"""
        self.released = []
        self.guard = self.backend.current
        self.owner = {number: _cuda.Context(self.backend, number, 0) for number in devices}
        self.first = {number: self.new_stream(number) for number in devices}
        self.current = threading.local()

    def new_stream(self, number=0):
        """A stream of the caller's."""
        with self.guard(number):
            return self.lib.sl_simulation_stream()

    @contextlib.contextmanager
    def on_stream(self, stream, number=0):
        """Makes it the thread's current one."""
        streams = self.current.__dict__.setdefault("streams", {})
        before = streams.get(number)
        streams[number] = stream
        try:
            yield
        finally:
            streams[number] = before

    def device_of(self, tensor):
        """Where its memory lies."""
        whole = tensor._values() if tensor.layout == torch.sparse_coo else tensor
        at = whole.untyped_storage().data_ptr()
        return next((number for begin, end, number in list(self.memory) if begin <= at < end), None)

    def on_host(self, tensor):
        return self.device_of(tensor) is None

    def number(self, tensor):
        return self.device_of(tensor)

    def stream(self, number):
        return self.current.__dict__.get("streams", {}).get(number) or self.first[number]

    def captures(self, number):
        return False  # as an older PyTorch might say: the library refuses it too

    def raw(self, number, size, dtype=torch.uint8, offset=0):
        """Device memory as bytes; never freed, so that no address has two meanings."""
        size = max(size, 1)
        at, context = ctypes.c_void_p(), self.owner[number]
        with context._lock, self.guard(number):
            assert self.lib.sl_memory_alloc(context._live(), ctypes.byref(at), size) == 0
        self.memory.append((at.value, at.value + size, number))
        return torch.frombuffer((ctypes.c_ubyte * size).from_address(at.value), dtype=dtype,
                                offset=offset)

    def empty(self, number, shape, dtype):
        """A tensor there."""
        size = int(numpy.prod(shape)) * dtype.itemsize
        return self.raw(number, size)[:size].view(dtype).view(shape)

    def release(self, number):
        self.released.append(number)

    def like(self, tensor):
        return self.empty(self.device_of(tensor), tensor.shape, torch.float32)

    def room(self, number, size):
        return self.empty(number, (size,), torch.float64)

    def moved(self, tensor, number, dtype):
        if self.device_of(tensor) == number and tensor.dtype == dtype and tensor.is_contiguous():
            return tensor.detach()
        return self.put(tensor.detach().to(dtype), number)

    def host(self, tensor, dtype=None):
        return tensor.detach().to(dtype or tensor.dtype, copy=True)

    def put(self, tensor, number=0):
        """The tensor on a device; a leaf that requires a gradient if it does."""
        whole, context = tensor.detach().contiguous(), self.owner[number]
        found = self.empty(number, whole.shape, whole.dtype)
        size = whole.numel() * whole.element_size()
        with context._lock, self.guard(number):
            context._done(self.lib.sl_memory_write(context._live(), found.data_ptr(),
                                                   whole.data_ptr(), size))
            context._done(self.lib.sl_context_synchronize(context._live()))
        return found.requires_grad_(tensor.requires_grad)

    def arguments(self, tensors, number=0, host=("seq", "groups")):
        """A call's tensors on a device; offsets stay."""
        return {name: value if name in host or not isinstance(value, torch.Tensor)
                else self.put(value, number) for name, value in tensors.items()}


def on_both(device, arguments, settings, number=0):
    """Loss, metrics and gradients of a call on the CPU and on a device."""
    there = device.arguments(arguments, number)
    return gradients(arguments, settings), gradients(there, settings)


def planted(arguments, name, index, value):
    """A copy with one number changed."""
    found = {key: x.detach().clone() if isinstance(x, torch.Tensor) else x
             for key, x in arguments.items()}
    found[name].view(-1)[index] = value
    return found
