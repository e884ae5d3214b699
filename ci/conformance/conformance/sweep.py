"""All 2^32 inputs of a function: numerics.md N2.3, formats.md F5.2."""
import numpy as np

from . import digests, functions
from .numerics import F32

BLOCK = 1 << 20


def digest(name, patterns=range(0, 1 << 32, BLOCK)):
    """The sum of mix64(x, bits of f(x)) modulo 2^128 over blocks of patterns."""
    total = 0
    for begin in patterns:
        x = np.arange(begin, begin + BLOCK, dtype=np.uint32)
        y = functions.NAMES[name](x.view(F32)).view(np.uint32)
        total += digests.sum128(digests.mix64(x.astype(np.uint64), y.astype(np.uint64)))
    return total % (1 << 128)


def recorded(path):
    """The digests of spec/vectors/functions.txt, by name (F5.2)."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {row[0]: row[1] for row in rows if row}
