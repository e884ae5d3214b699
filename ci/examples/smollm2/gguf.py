"""Reads GGUF files (versions 2 and 3, little-endian): metadata, and tensors as binary32.

Lengths, counts and offsets of the file are checked against its size before they are used; what is
wrong is a GgufError that names the place. Types: F32, F16, Q4_1, Q8_0.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, and ggml-common.h for the blocks.
"""
import mmap
import struct

import numpy

SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q",
           11: "<q", 12: "<d"}
STRING, ARRAY = 8, 9
# Of each type of tensor: its name, values a block, and a block's layout.
BLOCKS = {
    0: ("F32", 1, numpy.dtype([("x", "<f4")])),
    1: ("F16", 1, numpy.dtype([("x", "<f2")])),
    3: ("Q4_1", 32, numpy.dtype([("d", "<f2"), ("m", "<f2"), ("q", "u1", 16)])),
    8: ("Q8_0", 32, numpy.dtype([("d", "<f2"), ("q", "i1", 32)])),
}


class GgufError(ValueError):
    """What is wrong with a file, and where."""


class Reader:
    """A place in the bytes of a file; whoever reads beyond the end gets an error."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def need(self, size, what):
        """The place of the next SIZE bytes, which it passes over."""
        if size > len(self.data) - self.at:
            raise GgufError(f"byte {self.at}: {what} ends beyond the file's {len(self.data)} bytes")
        self.at += size
        return self.at - size

    def scalar(self, form, what):
        """One number."""
        return struct.unpack_from(form, self.data, self.need(struct.calcsize(form), what))[0]

    def count(self, least, what):
        """A count of things of at LEAST so many bytes each: no more than the file can hold."""
        at = self.at
        number = self.scalar("<Q", what)
        if number > (len(self.data) - self.at) // least:
            raise GgufError(f"byte {at}: {number} is more {what} than the file can hold")
        return number

    def text(self, what):
        """A string."""
        size = self.count(1, f"bytes of {what}")
        at = self.need(size, what)
        try:
            return bytes(self.data[at:at + size]).decode()
        except UnicodeDecodeError as error:
            raise GgufError(f"byte {at + error.start}: {what} is not UTF-8") from None

    def value(self, what):
        """A value of the metadata, its type before it."""
        at = self.at
        kind = self.scalar("<I", f"the type of {what}")
        if kind != ARRAY:
            return self.single(kind, at, what)
        at = self.at
        kind = self.scalar("<I", f"the type of the parts of {what}")
        if kind == STRING:
            return [self.text(what) for _ in range(self.count(8, f"parts of {what}"))]
        if kind not in SCALARS:
            raise GgufError(f"byte {at}: {what} is an array of type {kind}, which is not read")
        dtype = numpy.dtype(SCALARS[kind].replace("?", "B").replace("<b", "<i1"))
        number = self.count(dtype.itemsize, f"parts of {what}")
        return numpy.frombuffer(self.data, dtype, number, self.need(number * dtype.itemsize, what))

    def single(self, kind, at, what):
        """A value that is no array."""
        if kind == STRING:
            return self.text(what)
        if kind not in SCALARS:
            raise GgufError(f"byte {at}: {what} has type {kind}, which GGUF does not have")
        return self.scalar(SCALARS[kind], what)


def scaled(blocks):
    """The numbers of blocks with a scale d, and of Q4_1 with a least number m."""
    quants, m = blocks["q"], blocks["m"] if "m" in blocks.dtype.names else None
    if m is not None: # the first 16 of a block are the low halves of its bytes
        quants = numpy.concatenate([quants & 15, quants >> 4], axis=1)
    values = quants.astype(numpy.float32) * blocks["d"].astype(numpy.float32)[:, None]
    return values if m is None else values + m.astype(numpy.float32)[:, None]


class Gguf:
    """A file's metadata (.fields) and tensors (.tensors: a name's shape; the last index is the
    fastest, as in numpy)."""

    def __init__(self, path):
        with open(path, "rb") as file:
            try:
                self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            except ValueError:
                raise GgufError("byte 0: the file is empty") from None
        reader = Reader(self.data)
        if self.data[:4] != b"GGUF":
            raise GgufError("byte 0: not a GGUF file")
        reader.at = 4
        version = reader.scalar("<I", "the version")
        if version not in (2, 3):
            raise GgufError(f"byte 4: version {version} of GGUF; 2 and 3 are read")
        tensors, fields = reader.count(24, "tensors"), reader.count(13, "keys")
        self.fields, self.tensors, self.places = {}, {}, {}
        for _ in range(fields):
            at, key = reader.at, reader.text("a key")
            if key in self.fields:
                raise GgufError(f"byte {at}: the key {key!r} stands twice")
            self.fields[key] = reader.value(f"the value of {key!r}")
        for _ in range(tensors):
            self.describe(reader)
        self.find_data(reader.at)

    def describe(self, reader):
        """Reads what the file says of one tensor."""
        at, name = reader.at, reader.text("a tensor's name")
        if name in self.tensors:
            raise GgufError(f"byte {at}: tensor {name!r} stands twice")
        rank = reader.scalar("<I", f"the rank of {name!r}")
        if not 1 <= rank <= 4:
            raise GgufError(f"byte {at}: tensor {name!r} has {rank} dimensions; 1 to 4 are read")
        shape = [reader.scalar("<Q", f"the shape of {name!r}") for _ in range(rank)][::-1]
        kind = reader.scalar("<I", f"the type of {name!r}")
        offset = reader.scalar("<Q", f"the offset of {name!r}")
        if kind not in BLOCKS:
            names = ", ".join(block[0] for block in BLOCKS.values())
            raise GgufError(f"byte {at}: tensor {name!r} has type {kind}; read are {names}")
        if 0 in shape or shape[-1] % BLOCKS[kind][1]:
            raise GgufError(f"byte {at}: tensor {name!r} has shape {shape}; rows of "
                            f"{BLOCKS[kind][0]} are whole blocks of {BLOCKS[kind][1]}")
        self.tensors[name], self.places[name] = tuple(shape), (kind, offset, at)

    def find_data(self, end):
        """Places of tensors in the file, from offsets behind the aligned end of the header."""
        alignment = self.fields.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment & (alignment - 1):
            raise GgufError(f"general.alignment is {alignment!r}, which is no power of two")
        start = -(-end // alignment) * alignment
        for name, (kind, offset, at) in self.places.items():
            count = 1
            for size in self.tensors[name]:
                count *= size  # Python's integers do not wrap
            size = count // BLOCKS[kind][1] * BLOCKS[kind][2].itemsize
            if offset % alignment:
                raise GgufError(f"byte {at}: the offset {offset} of tensor {name!r} is no multiple "
                                f"of {alignment}")
            if start + offset + size > len(self.data):
                raise GgufError(f"byte {at}: tensor {name!r} ends beyond the file: {size} bytes "
                                f"from {start + offset}, the file has {len(self.data)}")
            self.places[name] = (kind, start + offset, size)

    def tensor(self, name):
        """A tensor's values as binary32, each rounded once or exact (d q of Q8_0 and d q + m of
        Q4_1: the product is exact, the sum is rounded)."""
        kind, at, size = self.places[name]
        layout = BLOCKS[kind][2]
        blocks = numpy.frombuffer(self.data, layout, size // layout.itemsize, at)
        with numpy.errstate(all="ignore"): # what is not finite is found below
            values = blocks["x"].astype(numpy.float32) if "x" in layout.names else scaled(blocks)
        values = values.reshape(self.tensors[name])
        if not numpy.isfinite(values).all():
            index = tuple(int(i) for i in numpy.argwhere(~numpy.isfinite(values))[0])
            raise GgufError(f"{name}{list(index)} is not finite")
        return values
