"""Kernels as callables: what they are called with, and what becomes of what they return. Internal.
"""
import difflib
import inspect
import sys
from dataclasses import dataclass
from typing import Any, Callable, Mapping

import numpy

from ._arrays import Wrong
from ._errors import InvalidInput, Unavailable, hidden
from ._safetensors import Stored

__tracebackhide__ = hidden

Kernel = Callable[..., Any]

_TORCH = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
          "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool"}
_NUMPY = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64",
          "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL"}
_CPU = 1  # kDLCPU


@dataclass(frozen=True)
class Place:
    """What a kernel's inputs are: NumPy's arrays, or tensors on a device."""
    torch: bool
    device: "str | None"

    @classmethod
    def of(cls, arrays: str, device: "str | None") -> "Place":
        """InvalidInput for other arrays than these two."""
        if arrays not in ("numpy", "torch"):
            raise InvalidInput(f"arrays must be 'numpy' or 'torch', not '{arrays}'")
        return cls(arrays == "torch" or device is not None, device)

    def array(self, name: str, stored: Stored) -> Any:
        """An array of its own, which a kernel may write."""
        if self.torch:
            return self._tensor(stored)
        if stored.numpy_type is None:
            raise InvalidInput(f"{name} is bfloat16, which NumPy does not have: pass "
                               "arrays=\"torch\", and the kernel gets tensors")
        words = numpy.frombuffer(bytearray(stored.data), stored.numpy_type)
        return words.reshape(stored.shape)

    def _tensor(self, stored: Stored) -> Any:
        try:
            import torch
        except ImportError as error:
            raise Unavailable("arrays=\"torch\" needs PyTorch: pip install torch") from error
        kind = getattr(torch, _TORCH[stored.type])
        if not stored.data:
            return torch.empty(stored.shape, dtype=kind, device=self.device)
        tensor = torch.frombuffer(bytearray(stored.data), dtype=kind).reshape(stored.shape)
        return tensor if self.device is None else tensor.to(self.device)


def _of_torch(name: str, value: Any) -> Stored:
    import torch
    kind = str(value.dtype).removeprefix("torch.")
    if kind not in _NUMPY:
        raise Wrong(f"{name} is {value.dtype}: return float32, bfloat16, float16 or float64")
    value = value.detach().resolve_neg().cpu().contiguous()
    data = value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""
    return Stored(_NUMPY[kind], tuple(value.shape), data)


def _of_numpy(name: str, value: "numpy.ndarray[Any, Any]") -> Stored:
    kind = value.dtype.name
    if kind not in _NUMPY:
        raise Wrong(f"{name} is {value.dtype}: return float32, float16 or float64")
    little = value if kind == "bfloat16" else value.astype(value.dtype.newbyteorder("<"))
    return Stored(_NUMPY[kind], value.shape, little.tobytes())


def _of_dlpack(name: str, value: Any) -> Stored:
    """By NumPy; by PyTorch what NumPy has no type for, and what lies on a device."""
    if int(value.__dlpack_device__()[0]) == _CPU:
        try:
            return _of_numpy(name, numpy.from_dlpack(value))
        except (BufferError, RuntimeError, TypeError, ValueError):
            pass
    try:
        from torch.utils.dlpack import from_dlpack
    except ImportError as error:
        raise Unavailable(f"{name}: NumPy cannot take it by DLPack, and PyTorch, which may, is not "
                          "here: return a NumPy array") from error
    return _of_torch(name, from_dlpack(value))


def stored(name: str, value: object) -> Stored:
    """The bytes of an array of anybody's, of any layout, copied from its device."""
    torch: Any = sys.modules.get("torch")
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return _of_numpy(name, numpy.asarray(value))
    if torch is not None and isinstance(value, torch.Tensor):
        return _of_torch(name, value)
    if hasattr(value, "__dlpack__") and hasattr(value, "__dlpack_device__"):
        return _of_dlpack(name, value)
    raise Wrong(f"{name} is a {type(value).__name__}, not an array: return a NumPy array, a "
                "tensor, or what has __dlpack__")


def _parameters(kernel: Kernel, op: str, inputs: "Mapping[str, bool]",
                settings: "Mapping[str, object]") -> "tuple[list[str], set[str]]":
    """Names that it takes by position, and those it takes by name."""
    known = ", ".join(inputs) + ("; settings " + ", ".join(settings) if settings else "")
    try:
        found = inspect.signature(kernel).parameters.values()
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"the kernel does not say its parameters: wrap it in a lambda. {op} has "
                           f"{known}") from error
    position, names = [], set()
    for parameter in found:
        name, kind = parameter.name, parameter.kind
        if kind is inspect.Parameter.VAR_KEYWORD:
            names.update([*inputs, *settings])
        elif kind is not inspect.Parameter.VAR_POSITIONAL:
            if name not in inputs and name not in settings:
                if parameter.default is not inspect.Parameter.empty:
                    continue
                near = difflib.get_close_matches(name, [*inputs, *settings], 1)
                raise InvalidInput(f"the kernel wants '{name}', and {op} has {known}: wrap it in a "
                                   "lambda that takes these" +
                                   "".join(f"; did you mean {word}?" for word in near))
            if kind is inspect.Parameter.POSITIONAL_ONLY:
                position.append(name)
            else:
                names.add(name)
    return position, names


@dataclass(frozen=True)
class Call:
    """How a kernel is called: names by position and by keyword."""
    position: "tuple[str, ...]"
    keyword: "tuple[str, ...]"

    @classmethod
    def of(cls, kernel: Kernel, op: str, inputs: "Mapping[str, bool]",
           settings: "Mapping[str, object]") -> "Call":
        """inputs: whether each may be left out. A setting that it does not take is its own matter;
        an input that it does not take must be one that the op can do without."""
        position, names = _parameters(kernel, op, inputs, settings)
        for name, optional in inputs.items():
            if not optional and name not in names and name not in position:
                raise InvalidInput(f"the kernel does not take '{name}', which {op} needs")
        ordered = [name for name in [*inputs, *settings] if name in names - set(position)]
        return cls(tuple(position), tuple(ordered))

    def takes(self, name: str) -> bool:
        """Whether it takes that input or setting."""
        return name in self.position or name in self.keyword

    def __call__(self, kernel: Kernel, values: "Mapping[str, Any]") -> Any:
        return kernel(*[values[name] for name in self.position],
                      **{name: values[name] for name in self.keyword})


def outputs_by_name(returned: Any, op: str, names: "tuple[str, ...]") -> "dict[str, Any]":
    """What it returned, by the op's names: one array, as many as it has in their order, or a
    mapping."""
    if isinstance(returned, Mapping):
        strange = [name for name in returned if name not in names]
        if strange or not returned:
            raise InvalidInput(f"the kernel returned {strange or 'nothing'}, and {op} has the "
                               f"outputs {', '.join(names)}")
        return {name: value for name, value in returned.items() if value is not None}
    if returned is None:
        raise InvalidInput(f"the kernel returned None: return {', '.join(names)}, arrays in that "
                           "order or a mapping")
    values = list(returned) if isinstance(returned, (tuple, list)) else [returned]
    if not 0 < len(values) <= len(names):
        raise InvalidInput(f"the kernel returned {len(values)} arrays, and {op} has "
                           f"{len(names)}: {', '.join(names)}")
    return {name: value for name, value in zip(names, values) if value is not None}
