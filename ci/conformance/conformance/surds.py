"""Numbers of answers: sums of r sqrt(n) pi^k, as {(n, k): r} (formats.md F3.13, 5)."""
import math
from fractions import Fraction

LIMIT, ROOT, TERMS, PI, EXPONENT = 2 ** 512, 10 ** 12, 6, 8, 1024


class NoValue(Exception):
    """What has no value by steps 2 to 5."""


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


def add(a, b, sign=1):
    return bounded({key: a.get(key, Fraction(0)) + sign * b.get(key, Fraction(0))
                    for key in {**a, **b}})


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


def multiply(a, b):
    total = {}
    for (n, i), r in a.items():
        for (m, k), s in b.items():
            common = math.gcd(n, m)                 # both are free of squares
            key = (n // common * (m // common), i + k)
            total = add(total, bounded({key: r * s * common}))
    return total


def divide(a, b):
    """A divisor has one term, or two of one k."""
    if not b or len(b) > 2 or len({k for _, k in b}) > 1:
        raise NoValue
    if len(b) == 1:
        ((n, k), r), = b.items()
        return multiply(a, bounded({(n, -k): 1 / (r * n)}))
    (first, r), (second, s) = b.items()
    other = {first: r, second: -s}
    return divide(multiply(a, other), multiply(b, other))


def root(value, k):
    """A root is of a rational, and for k > 2 exact."""
    r = rational(value)
    if k == 2:
        if r < 0 or r.numerator * r.denominator > ROOT:
            raise NoValue
        square, rest = square_free(r.numerator * r.denominator)
        return bounded({(rest, 0): Fraction(square, r.denominator)}) if r else {}
    if r < 0 and k % 2 == 0 or max(abs(r.numerator), r.denominator) > ROOT:
        raise NoValue
    parts = [round(abs(x) ** (1 / k)) for x in (r.numerator, r.denominator)]
    if [x ** k for x in parts] != [abs(r.numerator), r.denominator]:
        raise NoValue
    return bounded({(1, 0): Fraction(*parts) * (-1 if r < 0 else 1)})


def power(value, exponent):
    """Exponents are within 1,024 and of denominator 1 or 2."""
    p, q = exponent.numerator, exponent.denominator
    if q > 2 or abs(p) > EXPONENT or (not value and p <= 0):
        raise NoValue
    base, result = root(value, 2) if q == 2 else value, {(1, 0): Fraction(1)}
    for _ in range(abs(p)):
        result = multiply(result, base)
    return divide({(1, 0): Fraction(1)}, result) if p < 0 else result
