"""Arrays of the caller as they are: NumPy's, PyTorch's, or of anything with DLPack. Internal.

Nothing is copied. What cannot be used as it is, is refused with the call that makes it usable.
"""
import ctypes
import sys
from typing import Any, Tuple

import numpy

from ._errors import InvalidInput

_CPU_DEVICES = (1, 3)  # kDLCPU, kDLCUDAHost


class Wrong(InvalidInput, TypeError):
    """An array of another type, layout or device than is needed."""


def _is_torch(value: object) -> bool:
    torch: Any = sys.modules.get("torch")
    # The type first: isinstance asks the tensors' metaclass.
    return torch is not None and (type(value) is torch.Tensor or isinstance(value, torch.Tensor))


def _of_torch(name: str, value: Any, remedy: str) -> "numpy.ndarray[Any, Any]":
    """The memory of a tensor. NumPy has no type for bfloat16, which is refused here."""
    import torch
    if not value.is_cpu:
        raise Wrong(f"{name} is on {value.device}, and this computes on the CPU: pass {name}.cpu(),"
                    " or all tensors, on one device, to sluice.torch.gated_loss")
    if value.layout != torch.strided:
        raise Wrong(f"{name} has layout {value.layout}: pass {name}.to_dense()")
    if value.dtype == torch.bfloat16:
        raise Wrong(f"{name} is bfloat16, not {remedy}")
    if value.is_conj() or value.is_neg():
        raise Wrong(f"{name} is a lazy view: pass {name}.resolve_neg()")
    array: "numpy.ndarray[Any, Any]" = (
        value.detach() if value.requires_grad else value).numpy()
    return array


def _of_dlpack(name: str, value: Any) -> "numpy.ndarray[Any, Any]":
    kind = int(value.__dlpack_device__()[0])
    if kind not in _CPU_DEVICES:
        raise Wrong(f"{name} is on a device (DLPack's type {kind}), and this computes on the CPU: "
                    "copy it there first")
    try:
        return numpy.from_dlpack(value)
    except (BufferError, RuntimeError, TypeError, ValueError) as error:
        raise Wrong(f"{name}: NumPy cannot take it by DLPack ({error}): pass it as a NumPy array "
                    "of float32") from error


def view(name: str, value: object, remedy: str) -> "numpy.ndarray[Any, Any]":
    """The array of anything that holds one, without a copy. remedy: what a type should have been
    that NumPy lacks, and the call that makes it so."""
    if isinstance(value, numpy.ndarray):
        return value
    if _is_torch(value):
        return _of_torch(name, value, remedy)
    if hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        return _of_dlpack(name, value)
    raise Wrong(f"{name} is a {type(value).__name__}, not an array: pass "
                f"numpy.asarray({name}), a tensor, or what has __dlpack__")


def _contiguous(name: str, array: "numpy.ndarray[Any, Any]", value: object) -> None:
    if array.flags.c_contiguous and array.flags.aligned:
        return
    fix = f"{name}.contiguous()" if _is_torch(value) else f"numpy.ascontiguousarray({name})"
    raise Wrong(f"{name} has strides {array.strides} for shape {array.shape}, and must be "
                f"contiguous: pass {fix}")


def floats(name: str, value: object, shape: "tuple[int, ...] | None" = None) \
        -> "numpy.ndarray[Any, numpy.dtype[numpy.float32]]":
    """A contiguous array of float32, of that shape."""
    array = view(name, value, f"float32: pass {name}.float()")
    if array.dtype != numpy.float32 or not array.dtype.isnative:
        fix = f"{name}.float()" if _is_torch(value) else f"{name}.astype(numpy.float32)"
        raise Wrong(f"{name} is {array.dtype}, not float32: pass {fix}")
    _shape(name, array, shape)
    _contiguous(name, array, value)
    return array


def flags(name: str, value: object, shape: "tuple[int, ...]") \
        -> "numpy.ndarray[Any, numpy.dtype[numpy.uint8]]":
    """A contiguous array of bytes that are 0 or not, of that shape: bool or uint8."""
    torch: Any = sys.modules.get("torch")
    if _is_torch(value) and getattr(value, "dtype") == torch.bool:
        value = value.view(torch.uint8)  # type: ignore[attr-defined]
    array = view(name, value, f"bool or uint8: pass {name}.bool()")
    if array.dtype not in (numpy.bool_, numpy.uint8):
        fix = f"{name}.bool()" if _is_torch(value) else f"{name}.astype(bool)"
        raise Wrong(f"{name} is {array.dtype}, not bool or uint8: pass {fix}")
    _shape(name, array, shape)
    _contiguous(name, array, value)
    return array.view(numpy.uint8)


Place = Tuple[int, Tuple[int, ...], object]
"""Where an array's memory begins, its shape, and what owns it: to be kept as long as it is read."""


def _at(value: Any, wanted: "tuple[Any, ...]") -> int:
    """Where the memory of a tensor begins that can be used as it is; 0 where `floats` or `flags`
    have something to say about it."""
    if (value.dtype in wanted and value.is_cpu and value.layout is sys.modules["torch"].strided
            and value.is_contiguous() and not value.is_neg()):
        return int(value.data_ptr())
    return 0


def floats_at(name: str, value: object, shape: "tuple[int, ...] | None" = None) -> Place:
    """`floats` for a call of the library: of a usual tensor without an array of NumPy around it,
    which would cost more than the loss of 500 tokens."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and type(value) in (torch.Tensor, torch.nn.Parameter):
        tensor: Any = value
        begin = _at(tensor, (torch.float32,))
        if begin and begin % 4 == 0 and (shape is None or tensor.shape == shape):
            return begin, tensor.shape, value
    array = floats(name, value, shape)
    return address(array), array.shape, array


def flags_at(name: str, value: object, shape: "tuple[int, ...]") -> Place:
    """`flags` for a call of the library."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and type(value) is torch.Tensor:
        tensor: Any = value
        begin = _at(tensor, (torch.bool, torch.uint8))
        if begin and tensor.shape == shape:
            return begin, tensor.shape, value
    array = flags(name, value, shape)
    return address(array), array.shape, array


def offsets(name: str, value: object, end: int) \
        -> "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]":
    """Offsets that begin at 0, do not decrease and end at `end`: any integers, copied."""
    array = numpy.asarray(value) if isinstance(value, (list, tuple)) else view(
        name, value, f"integers: pass {name}.long()")
    if array.ndim != 1 or array.size < 1 or array.dtype.kind not in "iu":
        raise Wrong(f"{name} must be offsets, one-dimensional integers such as [0, 3, 7], and is "
                    f"{array.dtype} of shape {array.shape}")
    wide = array.astype(numpy.int64)
    steps = numpy.diff(wide)
    if wide[0] != 0 or (steps < 0).any() or wide[-1] != end:
        raise InvalidInput(f"{name} must begin at 0, not decrease, and end at {end}: it begins at "
                           f"{wide[0]}, ends at {wide[-1]}"
                           + (f" and falls after [{int((steps < 0).argmax())}]"
                              if (steps < 0).any() else ""))
    if end >= 2**32:
        raise InvalidInput(f"{name} ends at {end}, and offsets are below 2^32: pass parts of the "
                           "batch, with denominators")
    return wide.astype(numpy.uint32)


def _shape(name: str, array: "numpy.ndarray[Any, Any]", shape: "tuple[int, ...] | None") -> None:
    if shape is not None and array.shape != shape:
        raise Wrong(f"{name} has shape {array.shape}, and must have {tuple(shape)}")


def address(array: "numpy.ndarray[Any, Any]") -> int:
    """Where its memory begins. By the buffer's protocol, in half the time of `array.ctypes`, where
    it has one: not of what is read-only or empty."""
    buffer: Any = array
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    except (BufferError, TypeError, ValueError):
        return int(array.ctypes.data)
