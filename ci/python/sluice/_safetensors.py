"""Files of tensors as `sluice equiv` reads and writes them: safetensors. Internal.

A tensor is its type's name in the file, its shape and its bytes, so that bfloat16, which NumPy does
not have, passes through.
"""
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Mapping

_NUMPY = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "BOOL": "?"}


@dataclass(frozen=True)
class Stored:
    """A tensor as a file has it: the outermost axis first, little-endian."""
    type: str
    shape: "tuple[int, ...]"
    data: bytes

    @property
    def numpy_type(self) -> "str | None":
        """NumPy's name of its type; None for BF16."""
        return _NUMPY.get(self.type)


def read(path: Path) -> "tuple[dict[str, Stored], dict[str, str]]":
    """Tensors by name, and the texts of the metadata."""
    raw = path.read_bytes()
    begin = 8 + int(struct.unpack("<Q", raw[:8])[0])
    head = json.loads(raw[8:begin])
    texts: "dict[str, str]" = head.pop("__metadata__", {})
    tensors = {}
    for name, entry in head.items():
        low, high = entry["data_offsets"]
        tensors[name] = Stored(entry["dtype"], tuple(entry["shape"]), raw[begin + low:begin + high])
    return tensors, texts


def write(path: Path, tensors: "Mapping[str, Stored]", texts: "Mapping[str, str]") -> None:
    """Writes them in their order."""
    head: "dict[str, object]" = {"__metadata__": dict(texts)}
    end = 0
    for name, tensor in tensors.items():
        head[name] = {"dtype": tensor.type, "shape": list(tensor.shape),
                      "data_offsets": [end, end + len(tensor.data)]}
        end += len(tensor.data)
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in tensors.values():
            file.write(tensor.data)
