"""The correctly rounded functions of binary32: numerics.md N2.

Each is first evaluated in binary64 by numpy. Where every number within a generous bound of that
value rounds to the same binary32, that is the result; MPFR decides the few that are left.
"""
import math

import gmpy2
import numpy as np

from .numerics import F32, F64

QUIET_NAN = np.uint32(0x7FC00000)
# Numpy and the C library stay within a few ulps (2^-52); this allows 64 of them.
RELATIVE = 2.0 ** -46
# What a reduction of a sine's argument by a less careful library could lose, absolutely.
ABSOLUTE = 2.0 ** -44

_BINARY32 = gmpy2.ieee(32)


class Function:
    """One row of spec/functions.def: its domain, and how it is evaluated in two ways."""

    def __init__(self, approximate, exact, low=-math.inf, high=math.inf, absolute=0.0):
        self.approximate = approximate      # binary64 array to binary64 array
        self.exact = exact                  # mpfr to mpfr, in the context in force
        self.low, self.high = low, high
        self.absolute = absolute

    def __call__(self, x):
        """The function of a binary32 array (N2.1)."""
        x = np.asarray(x, F32)
        with np.errstate(all="ignore"):
            flat = np.atleast_1d(x).astype(F64)
            y = self.approximate(flat)
            margin = np.abs(y) * RELATIVE
            if self.absolute:
                margin = margin + self.absolute * (np.abs(flat) > 1)
            result = (y - margin).astype(F32)
            other = (y + margin).astype(F32)
        infinite = np.isinf(y)
        result[infinite] = y[infinite]
        other[infinite] = y[infinite]
        for i in zip(*np.nonzero((result != other) & ~np.isnan(y))):
            result[i] = self.decide(float(flat[i]))
        outside = np.isnan(y) | ~((flat >= self.low) & (flat <= self.high))
        result.view(np.uint32)[outside] = QUIET_NAN
        return result.reshape(x.shape) if x.ndim else result[0]

    def decide(self, x):
        """The correctly rounded value, by MPFR with more and more bits.

        An irrational value leaves every interval around a rounding boundary, and a rational one
        (lorentz, rhypot3, rsqrt) on a boundary is a binary32 number itself.
        """
        bits = 128
        while True:
            with gmpy2.context(precision=bits, emin=-100000, emax=100000):
                y = self.exact(gmpy2.mpfr(x))
                margin = abs(y) * gmpy2.exp2(8 - bits)
                low, high = y - margin, y + margin
            low, high = _BINARY32.plus(low), _BINARY32.plus(high)
            if low == high:
                return F32(float(low))
            bits *= 2


def _sech2h(z):
    t = np.exp(-np.abs(z))
    return 4 * t / ((1 + t) * (1 + t))


def _exact_sech2h(z):
    t = gmpy2.exp(-abs(z))
    return 4 * t / ((1 + t) * (1 + t))


def _erf(z):
    return np.frompyfunc(math.erf, 1, 1)(z).astype(F64)


def _rhypot3(z):
    t = 1 + z * z
    return 1 / (t * np.sqrt(t))


def _exact_rhypot3(z):
    t = 1 + z * z
    return 1 / (t * gmpy2.sqrt(t))


# N2.1 and N2.2. Binary64 gives the limits at infinite arguments and the signs of zeros.
exp = Function(np.exp, gmpy2.exp)
log = Function(lambda z: np.log(np.where(z < 0, np.nan, z)), gmpy2.log, low=0.0)
expm1 = Function(np.expm1, gmpy2.expm1)
sigmoid = Function(lambda z: 1 / (1 + np.exp(-z)), lambda z: 1 / (1 + gmpy2.exp(-z)))
tanh = Function(np.tanh, gmpy2.tanh)
erf = Function(_erf, gmpy2.erf)
atan = Function(np.arctan, gmpy2.atan)
rsqrt = Function(lambda z: 1 / np.sqrt(np.where(z == 0, 0.0, z)), gmpy2.rec_sqrt, low=0.0)
sin = Function(np.sin, gmpy2.sin, low=0.0, high=131072.0, absolute=ABSOLUTE)
cos = Function(np.cos, gmpy2.cos, low=0.0, high=131072.0, absolute=ABSOLUTE)
sech2h = Function(_sech2h, _exact_sech2h)
gaussh = Function(lambda z: np.exp(-(z * z) / 2), lambda z: gmpy2.exp(-(z * z) / 2))
lorentz = Function(lambda z: 1 / (1 + z * z), lambda z: 1 / (1 + z * z))
rhypot3 = Function(_rhypot3, _exact_rhypot3)

NAMES = {
    "exp": exp, "log": log, "expm1": expm1, "sigmoid": sigmoid, "tanh": tanh, "erf": erf,
    "atan": atan, "rsqrt": rsqrt, "sin": sin, "cos": cos, "sech2h": sech2h, "gaussh": gaussh,
    "lorentz": lorentz, "rhypot3": rhypot3,
}
