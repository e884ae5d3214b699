"""The weights of the smooth gates in binary64, and how far the library's gradient may lie from the
formula with them."""
import numpy

U = 2.0**-24  # half an ulp of binary32, relative

WEIGHTS = {
    "sigmoid": lambda z: 1 / numpy.cosh(z / 2)**2, "erf": lambda z: numpy.exp(-z * z / 2),
    "arctan": lambda z: 1 / (1 + z * z), "softsign": lambda z: (1 + z * z)**-1.5}


def policy_bound(gate, x, off, tau, c):
    """The error of -w(z) r c at most, z = tau (r - 1), where the library's log-ratio is off from x
    by `off` (spec O4.2).

    The ratio r, the weight w, the products w r and (w r) a, and a = -c have one rounding each: five
    of relative size U. The argument z has the error of r times tau, and two roundings more; no
    weight has a slope of 1 or more. Errors are below 2^-10, so products of them are below 2^-10 of
    one; a result below 2^-126 is off by 2^-149 besides.
    """
    r = numpy.exp(x)
    w = WEIGHTS[gate](tau * (r - 1))
    error = w * (5 * U + off) + tau * (r * (U + off) + 2 * numpy.abs(r - 1) * U)
    return abs(c) * r * error * (1 + 2.0**-10) + 2.0**-148


def kl_bound(y, b, d):
    """The error of d + b (1 - e^-y) at most besides that of d (spec O4.3): y, b, expm1, the product
    and the sum have one rounding each."""
    slope = -numpy.expm1(-y)
    error = numpy.abs(b) * (3 * numpy.abs(slope) + numpy.abs(y) * numpy.exp(-y)) * U
    return (error + (numpy.abs(d) + numpy.abs(b * slope)) * U) * (1 + 2.0**-10)
