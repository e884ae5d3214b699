"""The binary64 functions of expression gates: gates.md G3.4 to G3.9.

Each is a fixed sequence of + - * / sqrt fma on arrays; fma is MPFR's, element by element.
"""
import gmpy2
import numpy as np

from .numerics import F64

_IEEE64 = gmpy2.ieee(64)
_fma = np.frompyfunc(lambda a, b, c: float(_IEEE64.fma(gmpy2.mpfr(a), gmpy2.mpfr(b),
                                                       gmpy2.mpfr(c))), 3, 1)


def fma(a, b, c):
    """fma of binary64 arrays."""
    return np.asarray(_fma(a, b, c)).astype(F64)


def table(text):
    """Coefficients of G3.4."""
    return [F64(float.fromhex(word)) for word in text.split()]


EXP = table("""0x1.0000000000000p-1 0x1.5555555555555p-3 0x1.5555555555555p-5
    0x1.1111111111111p-7 0x1.6c16c16c16c17p-10 0x1.a01a01a01a01ap-13 0x1.a01a01a01a01ap-16
    0x1.71de3a556c734p-19 0x1.27e4fb7789f5cp-22 0x1.ae64567f544e4p-26 0x1.1eed8eff8d898p-29
    0x1.6124613a86d09p-33""")
LOG = table("""0x1.5555555555555p-1 0x1.999999999999ap-2 0x1.2492492492492p-2
    0x1.c71c71c71c71cp-3 0x1.745d1745d1746p-3 0x1.3b13b13b13b14p-3 0x1.1111111111111p-3
    0x1.e1e1e1e1e1e1ep-4 0x1.af286bca1af28p-4 0x1.8618618618618p-4""")
SIN = table("""-0x1.5555555555555p-3 0x1.1111111111111p-7 -0x1.a01a01a01a01ap-13
    0x1.71de3a556c734p-19 -0x1.ae64567f544e4p-26 0x1.6124613a86d09p-33 -0x1.ae7f3e733b81fp-41
    0x1.952c77030ad4ap-49""")
COS = table("""0x1.5555555555555p-5 -0x1.6c16c16c16c17p-10 0x1.a01a01a01a01ap-16
    -0x1.27e4fb7789f5cp-22 0x1.1eed8eff8d898p-29 -0x1.93974a8c07c9dp-37 0x1.ae7f3e733b81fp-45
    -0x1.6827863b97d97p-53""")
ATAN = table("""-0x1.5555555555555p-2 0x1.9999999999997p-3 -0x1.24924924920a3p-3
    0x1.c71c71c6dd2d8p-4 -0x1.745d173542f7ap-4 0x1.3b13aea53b18fp-4 -0x1.1110ce80547d7p-4
    0x1.e1d8ddf459f4dp-5 -0x1.aebcad6415c5dp-5 0x1.829a09d7f37d9p-5 -0x1.5030c28013685p-5
    0x1.f5ba271a2a8e8p-6 -0x1.c7a6bc6dde7f9p-7""")
ERF = table("""0x1.20dd750429b6dp+0 -0x1.812746b0379e7p-2 0x1.ce2f21a042be2p-4
    -0x1.b82ce31288b51p-6 0x1.565bcd0e6a530p-8 -0x1.c02db400406a3p-11 0x1.f9a326f9a7769p-14
    -0x1.f4d25c3b729a6p-17 0x1.b9e6c9944bd7ep-20 -0x1.5f74291398641p-23 0x1.fcc4c8ec29638p-27
    -0x1.51cfe00be885fp-30 0x1.9df7fd0b39a12p-34 -0x1.d332e777f7344p-38 0x1.cf915d8f3c685p-42
    -0x1.3aa422cc5d833p-46""")
ERFCX = table("""0x1.afbb3f3b7343bp-3 -0x1.7ca88dec217a6p-2 0x1.01c11a735cd99p-2
    -0x1.0011543716c9bp-3 0x1.470ba1f67e4f3p-5 -0x1.05bb2fe5b9447p-8 -0x1.5a5716cd2b488p-9
    0x1.cb3b61b2f73b9p-11 0x1.def2c8454f03cp-13 -0x1.0e46678de05fbp-13 -0x1.1ebdcc253f1abp-15
    0x1.384c7c85f405ep-16 0x1.fad8951cd7c81p-18 -0x1.3472778d38e8bp-19 -0x1.e3b8c3407cc04p-20
    0x1.4ddcaf4dae0f3p-24 0x1.7192050274bd2p-22 0x1.2afb1c52ac24cp-24""")
BIG, INVERSE_LN2, TWO_OVER_PI, LN2_HIGH, LN2_LOW, LN2 = table(
    """0x1.8p52 0x1.71547652b82fep+0 0x1.45f306dc9c883p-1 0x1.62e42fef00000p-1
    0x1.473de6af278edp-34 0x1.62e42fefa39efp-1""")
HALF_PI, HALF_PI_LOW, HALF_PI_LAST, QUARTER_PI, QUARTER_PI_LOW, TAN_EIGHTH = table(
    """0x1.921fb54442d18p+0 0x1.1a62633145c07p-54 -0x1.f1976b7ed8fbcp-110
    0x1.921fb54442d18p-1 0x1.1a62633145c07p-55 0x1.a827999fcef32p-2""")


def bits(x):
    """The 64-bit pattern (G3.4)."""
    return np.asarray(x, F64).view(np.uint64)


def value(n):
    """float(n) of G3.4: the value of a pattern."""
    return np.asarray(n, np.uint64).view(F64)


def poly(table_, x):
    """Horner's rule (G3.4)."""
    y = np.full(np.shape(x), table_[-1])
    for c in reversed(table_[:-1]):
        y = fma(y, x, c)
    return y


def pow2(k):
    """2^k for an integer |k| <= 1022 (G3.5)."""
    return value((bits(k + BIG) + np.uint64(1023)) << np.uint64(52))


def reduce(x):
    """reduce of G3.5."""
    k = fma(x, INVERSE_LN2, BIG) - BIG
    t = fma(-k, LN2_LOW, fma(-k, LN2_HIGH, x))
    return fma(t * t, poly(EXP, t), t), k


def exp(x):
    """G3.5."""
    c = np.where(x > 710, 710.0, x)
    c = np.where(c < -746, -746.0, c)
    p, k = reduce(c)
    y = 1 + p
    k1 = (0.5 * k + BIG) - BIG
    return (y * pow2(k1)) * pow2(k - k1)


def expm1(x):
    """G3.5."""
    c = np.where(x > 710, 710.0, x)
    c = np.where(c < -40, -40.0, c)
    p, k = reduce(c)
    big = np.where(k > 1000, 1000.0, k)
    s = pow2(big)
    y = fma(s, p, s - 1) * pow2(k - big)
    return np.where(x == 0, x, y)


def core(u, c, n):
    """core of G3.6."""
    offset = np.uint64(0x3FE6A09E667F3BCD)
    t = bits(u) + (np.uint64(0x3FF0000000000000) - offset)
    k = (t >> np.uint64(52)).astype(F64) - 1023 + n
    f = value((t & np.uint64((1 << 52) - 1)) + offset) - 1
    s = f / (2 + f)
    z = s * s
    half = (0.5 * f) * f
    q = poly(LOG, z) * z
    low = fma(k, LN2_LOW, c)
    return fma(k, LN2_HIGH, f - (half - fma(s, half + q, low)))


def log(x):
    """G3.6."""
    small = x < 2.0 ** -1022
    y = core(np.where(small, x * 2.0 ** 54, x), np.zeros(np.shape(x)), np.where(small, -54, 0))
    y = np.where(x == 0, -np.inf, np.where(x < 0, np.nan, y))
    return np.where((x == np.inf) | np.isnan(x), x, y)


def log1p(x):
    """G3.6."""
    u = 1 + x
    c = np.where(x >= 1, 1 - (u - x), x - (u - 1))
    y = core(u, c / u, 0)
    y = np.where(x == -1, -np.inf, np.where(x < -1, np.nan, y))
    return np.where((x == 0) | (x == np.inf) | np.isnan(x), x, y)


def sigmoid(x):
    """G3.7."""
    t = exp(-np.abs(x))
    return np.where(x < 0, t, 1.0) / (1 + t)


def tanh(x):
    """G3.7."""
    t = expm1(-2 * np.abs(x))
    return np.copysign(-t / (2 + t), x)


def sinh(x):
    """G3.7."""
    a = np.abs(x)
    t, h = expm1(a), exp(0.5 * a)
    return np.copysign(np.where(a > 700, (0.5 * h) * h, 0.5 * (t + t / (t + 1))), x)


def cosh(x):
    """G3.7."""
    a = np.abs(x)
    t, h = exp(a), exp(0.5 * a)
    return np.where(a > 700, (0.5 * h) * h, 0.5 * (t + 1 / t))


def softsign(x):
    """G3.7."""
    a = np.abs(x)
    return np.where(np.isinf(a), np.copysign(1.0, x), x / (1 + a))


def asinh(x):
    """G3.7."""
    a = np.abs(x)
    s = a * a
    y = np.where(a > 2.0 ** 28, log(a) + LN2, log1p(a + s / (1 + np.sqrt(1 + s))))
    return np.copysign(y, x)


def atan(x):
    """G3.8."""
    a = np.abs(x)
    t = np.where(a > 1, 1 / a, a)
    mid = t > TAN_EIGHTH
    v = np.where(mid, (t - 1) / (t + 1), t)
    z = v * v
    low = fma(v * z, poly(ATAN, z), np.where(mid, QUARTER_PI_LOW, 0.0))
    y = np.where(mid, QUARTER_PI + (v + low), v + low)
    y = np.where(a > 1, HALF_PI - (y - HALF_PI_LOW), y)
    return np.copysign(y, x)


def erf(x):
    """G3.8."""
    a = np.abs(x)
    t = (a - 2.5) / (a + 2.5)
    far = np.copysign(fma(-exp(-(a * a)), poly(ERFCX, t), 1.0), x)
    y = np.where(a < 1, x * poly(ERF, a * a), far)
    return np.where(a >= 6, np.copysign(1.0, x), y)


def circular(x):
    """S, C and n of G3.9."""
    m = fma(x, TWO_OVER_PI, BIG)
    k, n = m - BIG, bits(m)
    r1 = fma(-k, HALF_PI, x)
    p = k * HALF_PI_LOW
    pe = fma(k, HALF_PI_LOW, -p)
    r2 = r1 - p
    back = r1 - r2
    t = (back - p) - (pe + k * HALF_PI_LAST)
    r = r2 + t
    low = (r2 - r) + t
    z = r * r
    s = r + fma(r * z, poly(SIN, z), low)
    half = 0.5 * z
    w = 1 - half
    c = w + (((1 - w) - half) + fma(z * z, poly(COS, z), -r * low))
    return s, c, n


def choose(x, s, c, n):
    """The sine of the quadrant n of G3.9."""
    y = np.where(n & np.uint64(1), c, s)
    y = np.where(n & np.uint64(2), -y, y)
    return np.where(np.abs(x) > 2.0 ** 30, np.nan, y)


def sin(x):
    """G3.9."""
    s, c, n = circular(x)
    return np.where(x == 0, x, choose(x, s, c, n))


def cos(x):
    """G3.9."""
    s, c, n = circular(x)
    return choose(x, s, c, n + np.uint64(1))


NAMES = {
    "exp": exp, "expm1": expm1, "log": log, "log1p": log1p, "sin": sin, "cos": cos, "sinh": sinh,
    "cosh": cosh, "tanh": tanh, "erf": erf, "atan": atan, "asinh": asinh, "sigmoid": sigmoid,
    "softsign": softsign, "abs": np.abs, "sqrt": np.sqrt,
}
