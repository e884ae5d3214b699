"""Values of answers: formats.md F3.13, step 5. Sums of r sqrt(n) pi^k, as {(n, k): r}."""
import math
from fractions import Fraction

LIMIT, ROOT, TERMS, PI, EXPONENT = 2 ** 512, 10 ** 12, 6, 8, 1024


class NoValue(Exception):
    """What has no value by steps 2 to 5."""


class Work:
    """What is left of the units of step 10; None: as much as it takes."""

    def __init__(self, units=None):
        self.left = units

    def spend(self, units):
        if self.left is not None:
            self.left -= units
            if self.left < 0:
                raise NoValue

    def operation(self, r, s):
        """An operation on two rationals: 1, and the 32-bit digits of the longest of the four."""
        longest = max(abs(r.numerator), r.denominator, abs(s.numerator), s.denominator)
        self.spend(1 + -(-longest.bit_length() // 32))


def bounded(value):
    """A value within step 5."""
    value = {key: r for key, r in value.items() if r}
    if len(value) > TERMS or any(abs(k) > PI or n > ROOT or abs(r.numerator) >= LIMIT
                                 or r.denominator >= LIMIT for (n, k), r in value.items()):
        raise NoValue
    return value


def rational(value):
    """A value that is rational."""
    if set(value) - {(1, 0)}:
        raise NoValue
    return value.get((1, 0), Fraction(0))


def add(a, b, work):
    """The terms of b, ascending, to those of a."""
    total = dict(a)
    for key in sorted(b):
        if key in total:
            work.operation(total[key], b[key])
        total = bounded({**total, key: total.get(key, Fraction(0)) + b[key]})
    return total


def negative(value):
    return {key: -r for key, r in value.items()}


def square_free(n):
    """n as (square, rest): n = square^2 rest."""
    square, rest, d = 1, 1, 2
    while d * d * d <= n:
        while n % d == 0:
            n //= d
            if n % d == 0:
                n //= d
                square *= d
            else:
                rest *= d
        d += 1
    root = math.isqrt(n)
    return (square * root, rest) if root * root == n else (square, rest * n)


def multiply(a, b, work):
    """Each term of a, ascending, by each of b."""
    total = {}
    for (n, i), r in sorted(a.items()):
        for (m, k), s in sorted(b.items()):
            common = math.gcd(n, m)                 # both are free of squares
            key = (n // common * (m // common), i + k)
            work.operation(r, s)
            product = bounded({key: r * s})[key]
            if common > 1:
                work.operation(product, Fraction(common))
            total = add(total, bounded({key: product * common}), work)
    return total


def inverse(value, work):
    """A divisor has one term, or two of one k."""
    if not value or len(value) > 2 or len({k for _, k in value}) > 1:
        raise NoValue
    if len(value) == 1:
        ((n, k), r), = value.items()
        work.operation(r, Fraction(n))
        return bounded({(n, -k): 1 / bounded({(1, 0): r * n})[1, 0]})
    (first, r), (second, s) = sorted(value.items())
    other = {first: r, second: -s}
    square = multiply(value, other, work)
    if len(square) != 1:
        raise NoValue
    return multiply(other, inverse(square, work), work)


def divide(a, b, work):
    return multiply(a, inverse(b, work), work)


def root(value, k, work):
    """A root is of a rational, and for k > 2 exact."""
    r = rational(value)
    if k == 2:
        if r < 0 or r.numerator * r.denominator > ROOT:
            raise NoValue
        if not r:
            return {}
        work.spend(20)
        square, rest = square_free(r.numerator * r.denominator)
        return bounded({(rest, 0): Fraction(square, r.denominator)})
    if r < 0 and k % 2 == 0 or max(abs(r.numerator), r.denominator) > ROOT:
        raise NoValue
    parts = [round(abs(x) ** (1 / k)) for x in (r.numerator, r.denominator)]
    if [x ** k for x in parts] != [abs(r.numerator), r.denominator]:
        raise NoValue
    return bounded({(1, 0): Fraction(*parts) * (-1 if r < 0 else 1)})


def power(value, exponent, work):
    """Exponents are within 1,024 and of denominator 1 or 2; by squaring, from the lowest bit."""
    p, q = exponent.numerator, exponent.denominator
    if q > 2 or abs(p) > EXPONENT or (not value and p <= 0):
        raise NoValue
    square, result, bits = root(value, 2, work) if q == 2 else value, {(1, 0): Fraction(1)}, abs(p)
    while bits:
        if bits & 1:
            result = multiply(result, square, work)
        bits >>= 1
        if bits:
            square = multiply(square, square, work)
    return divide({(1, 0): Fraction(1)}, result, work) if p < 0 else result
