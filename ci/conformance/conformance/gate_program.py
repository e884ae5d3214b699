"""Expressions of gate files evaluated in binary64 (G3.1, G3.3)."""
import numpy as np

from . import functions64
from .numerics import F32, F64, rn32

PI = F64(float.fromhex("0x1.921fb54442d18p+1"))
E = F64(float.fromhex("0x1.5bf0a8b145769p+1"))


def power(x, q):
    """x^q of G3.3; q is one binary64 value."""
    if q == 0:
        return np.ones(np.shape(x))
    n = 2 * abs(q)
    if n != np.floor(n) or n > 128:
        return functions64.exp(q * functions64.log(x))
    h = int(n) // 2
    y = x
    for bit in bin(h)[3:] if h else "":
        y = y * y
        if bit == "1":
            y = y * x
    if int(n) % 2:
        y = np.sqrt(x) if h == 0 else y * np.sqrt(x)
    return 1 / y if q < 0 else y


class Program:
    """f and w of one side of a gate, evaluated node by node in binary64 (G3.1)."""

    def __init__(self, trees, f, w):
        self.trees, self.f, self.w = trees, f, w

    def value(self, r):
        """f, or None for a gate that is a weight only."""
        return None if self.f is None else self.evaluate(self.f, r)

    def weight(self, r):
        return self.evaluate(self.w, r)

    def evaluate(self, root, r):
        """A root at binary32 r, rounded once to binary32."""
        return rn32(self.evaluate64(root, np.asarray(r, F32).astype(F64)))

    def evaluate64(self, root, r):
        """A root at binary64 r."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(self.node_value(root, r, {}), r.shape)

    def node_value(self, v, r, known):
        if v not in known:
            known[v] = self.compute(v, r, known)
        return known[v]

    def compute(self, v, r, known):
        operation, *a = self.trees.nodes[v]
        if operation == "number":
            return F64(float(a[0]))
        if operation in ("pi", "e", "r"):
            return {"pi": PI, "e": E, "r": r}[operation]
        x = [self.node_value(n, r, known) for n in a]
        if operation in functions64.NAMES:
            return functions64.NAMES[operation](x[0])
        return {
            "neg": lambda a: -a, "+": lambda a, b: a + b, "-": lambda a, b: a - b,
            "*": lambda a, b: a * b, "/": lambda a, b: np.divide(a, b), "^": power,
            "min": lambda a, b: np.where(a <= b, a, b),
            "max": lambda a, b: np.where(b <= a, a, b),
            "pick": lambda a, b, x, y: np.where(a <= b, x, y),
            "sign": lambda a: np.where(a > 0, 1.0, np.where(a < 0, -1.0, 0.0)),
        }[operation](*x)
