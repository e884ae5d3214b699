"""Digests, the state hash and ledger lines: formats.md F4 and F5."""
import struct

import numpy as np
import xxhash

from .numerics import F32

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def mix64(x, y):
    """mix64 (F5.1) of arrays of uint64 below 2^32."""
    z = (x << np.uint64(32)) + y + _GOLDEN
    z = (z ^ (z >> np.uint64(30))) * _FIRST
    z = (z ^ (z >> np.uint64(27))) * _SECOND
    return z ^ (z >> np.uint64(31))


def sum128(words):
    """The sum of 64-bit words modulo 2^128; their halves are added so that nothing overflows."""
    low = int(np.sum(words & np.uint64(0xFFFFFFFF), dtype=np.uint64))
    high = int(np.sum(words >> np.uint64(32), dtype=np.uint64))
    return (low + (high << 32)) % (1 << 128)


def tensor_digest(x):
    """tensor_digest (F5.3), an integer."""
    bits = np.ascontiguousarray(x, F32).reshape(-1).view(np.uint32).astype(np.uint64)
    return sum128(mix64(np.arange(bits.size, dtype=np.uint64), bits))


def hexadecimal(digest):
    """A digest as 32 hexadecimal digits, high half first (F4.1)."""
    return f"{digest:032x}"


def bytes_digest(data):
    """The digest of host data (F4.1)."""
    return xxhash.xxh3_128_hexdigest(data, seed=0)


def state_hash(parameters, m, v, products, counters, scale=None):
    """The state hash (F4.2).

    Tensors come as lists in registry order; products are P1 and P2; counters the seven of F4.2;
    scale is the m of L3.11 where there is one.
    """
    data = b"".join(tensor_digest(x).to_bytes(16, "big") for x in [*parameters, *m, *v])
    data += struct.pack("<2d", *products) + struct.pack("<7Q", *counters)
    if scale is not None:
        data += struct.pack("<d", scale)
    return bytes_digest(data)
