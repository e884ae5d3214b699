"""Real numbers between two rationals, and the functions of a gate on them, by their series."""
from fractions import Fraction as F

BITS = 240
SMALL = F(1, 1 << (BITS - 8))  # a series ends at a term of this size: rounding down keeps -2^-BITS
FAINT = F(1, 1 << (BITS - 40))  # of less than this little shows beside larger numbers
ERROR = F(1, 1 << (BITS - 24))  # of a series of at most 20,000 terms, with what was left out


class Undefined(Exception):
    """The expression has no value at the point."""


class Open(Exception):
    """The enclosures do not decide."""


def down(x):
    return F((x.numerator << BITS) // x.denominator, 1 << BITS)


def up(x):
    return -down(-x)


class Lost:
    """Was there, since the start, a number or a term that is too small to show beside another one?
    And the least number of the gate that is not 0."""
    seen, least = False, F(1)

    @classmethod
    def start(cls):
        cls.seen, cls.least = False, F(1)


def is_lost(a, b):
    """a beside b. What may have either sign is the rounding of 0."""
    size = max(abs(a.low), abs(a.high))
    return 0 < size < FAINT <= max(abs(b.low), abs(b.high)) and not a.low < 0 < a.high


class Span:
    """Between two rationals; exact where they are equal."""

    def __init__(self, low, high=None):
        self.low, self.high = F(low), F(low if high is None else high)

    def trim(self):
        if self.low == self.high and self.low.denominator.bit_length() < 2 * BITS:
            return self
        return Span(down(self.low), up(self.high))

    def __add__(self, o):
        Lost.seen |= is_lost(self, o) or is_lost(o, self)
        return Span(self.low + o.low, self.high + o.high).trim()

    def __neg__(self):
        return Span(-self.high, -self.low)

    def __sub__(self, o):
        return self + -o

    def __mul__(self, o):
        p = [a * b for a in (self.low, self.high) for b in (o.low, o.high)]
        return Span(min(p), max(p)).trim()

    def inverse(self):
        if self.low == self.high == 0:
            raise Undefined
        if self.low <= 0 <= self.high:
            raise Open
        return Span(1 / self.high, 1 / self.low).trim()

    def sign(self):
        if self.low > 0 or self.high < 0 or self.low == self.high == 0:
            return (self.low > 0) - (self.high < 0)
        raise Open


def exp_of(x):
    """exp of a rational, enclosed: the series of x / 2^k, squared k times."""
    if x < -BITS:
        return Span(0, F(1, 1 << BITS))
    if x > 4096:
        raise Open
    k = max(0, (abs(x.numerator) // x.denominator).bit_length() + 8)
    y, term, total, n = down(x / (1 << k)), F(1), F(1), 1
    while abs(term) > F(1, 1 << (BITS + 64)):
        term = term * y / n
        term = F((term.numerator << (BITS + 96)) // term.denominator, 1 << (BITS + 96))
        total, n = total + term, n + 1
    error = F(n + 4, 1 << (BITS + 60))
    s = Span(total - error, total + error)
    low, high = s.low, s.high
    for _ in range(k):
        low, high = low * low, high * high
        low = F((low.numerator << (BITS + 96)) // low.denominator, 1 << (BITS + 96))
        high = -F((-high.numerator << (BITS + 96)) // high.denominator, 1 << (BITS + 96))
    return Span(low, high)


def log_of(x):
    """log of a positive rational: x = 2^k m, 2 artanh((m - 1)/(m + 1)) + k log 2."""
    k = x.numerator.bit_length() - x.denominator.bit_length()

    def artanh2(t):
        square, power, total, n = t * t, t, F(0), 1
        while abs(power) > SMALL:
            total += 2 * power / n
            power = down(power * square)
            total, n = down(total), n + 2
        return Span(total - ERROR, total + ERROR)

    m = x / F(2) ** k
    return artanh2(down((m - 1) / (m + 1))) + Span(k) * artanh2(F(1, 3)) + Span(
        -F(8, 1 << BITS), F(8, 1 << BITS))


def alternating(t, first, ratio):
    """A series whose terms fall and alternate once they are small."""
    term, total, n = first, F(0), 0
    while abs(term) > SMALL or n < 4:
        total, term, n = down(total + term), down(term * ratio(n, t)), n + 1
    return Span(total - ERROR, total + ERROR)


def atan_of(x):
    if abs(x) > F(1, 2):  # atan x = 2 atan(x / (1 + sqrt(1 + x^2)))
        return through(atan_of, Span(x) * (Span(1) + root(Span(1 + x * x), 2)).inverse()) * Span(2)
    square, power, total, n = down(x * x), x, F(0), 1
    while abs(power) > SMALL:
        total += power / n if n % 4 == 1 else -power / n
        total, power, n = down(total), down(power * square), n + 2
    return Span(total - ERROR, total + ERROR)


def sin_of(x):
    if abs(x) > 64:
        raise Open
    return alternating(x, x, lambda n, t: -t * t / ((2 * n + 2) * (2 * n + 3)))


def cos_of(x):
    if abs(x) > 64:
        raise Open
    return alternating(x, F(1), lambda n, t: -t * t / ((2 * n + 1) * (2 * n + 2)))


def pi():
    return atan_of(F(1)) * Span(4)


def erf_of(x):
    """2/sqrt(pi) times the series x - x^3/3 + x^5/(2! 5) - ..."""
    if abs(x) > 12:
        return Span(1 - F(1, 1 << BITS), 1) if x > 0 else Span(-1, F(1, 1 << BITS) - 1)
    term, total, n = x, F(0), 0
    while abs(term) > SMALL or n < x * x:
        total += term / (2 * n + 1)
        term = F((term * -x * x / (n + 1) * (1 << (BITS + 300))).__floor__(), 1 << (BITS + 300))
        total, n = down(total), n + 1
    return Span(total - ERROR, total + ERROR) * Span(2) * root(pi(), 2).inverse()


def root(a, n):
    """The n-th root of a span, by integers."""
    if a.high < 0:
        raise Undefined
    if a.low < 0:
        raise Open

    def of(x):
        shifted = (x.numerator << (n * BITS)) // x.denominator
        low, high = 0, 1 << (shifted.bit_length() // n + 1)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if middle**n <= shifted else (low, middle)
        exact = F(low, 1 << BITS)
        return exact, exact if exact**n == x else exact + F(1, 1 << BITS)

    return Span(of(a.low)[0], of(a.high)[1])


def through(f, a):
    """A rising function of a span."""
    return Span(f(a.low).low, f(a.high).high)


def exp(a):
    return through(exp_of, a)


def log(a):
    if a.high <= 0:
        raise Undefined
    if a.low <= 0:
        raise Open
    return through(log_of, a)


def sigmoid(a):
    return (Span(1) + exp(-a)).inverse() if a.low >= 0 else exp(a) * (Span(1) + exp(a)).inverse()


def wave(f, a):
    """sin and cos have slope 1 at most; whole turns are taken away first."""
    turns = int(a.low / F(6283185307179586, 10**15))
    if abs(turns) > 4:
        a = a - Span(turns) * Span(2) * pi()
    half = (a.high - a.low) / 2
    return f(down((a.low + a.high) / 2)) + Span(-half - F(1, 1 << BITS), half + F(1, 1 << BITS))


def absolute(a):
    return a if a.low >= 0 else -a if a.high <= 0 else Span(0, max(-a.low, a.high))


def power(a, q):
    if q.denominator > 64:
        return exp(Span(q) * log(a))
    if q.denominator > 1:
        if q < 0 and a.low == a.high == 0:
            raise Undefined
        a = root(a, q.denominator)
    y = Span(1)
    for _ in range(abs(q.numerator)):
        y = y * a
    if q.numerator % 2 == 0:
        y = Span(max(y.low, F(0)), y.high)
    return y.inverse() if q < 0 else y


FUNCTIONS = {
    "exp": exp, "log": log, "sqrt": lambda a: root(a, 2), "abs": absolute, "sigmoid": sigmoid,
    "expm1": lambda a: exp(a) - Span(1), "log1p": lambda a: log(Span(1) + a),
    "tanh": lambda a: Span(2) * sigmoid(Span(2) * a) - Span(1),
    "sinh": lambda a: (exp(a) - exp(-a)) * Span(F(1, 2)),
    "cosh": lambda a: (exp(a) + exp(-a)) * Span(F(1, 2)),
    "sin": lambda a: wave(sin_of, a), "cos": lambda a: wave(cos_of, a),
    "erf": lambda a: through(erf_of, a), "atan": lambda a: through(atan_of, a),
    "asinh": lambda a: log(a + root(a * a + Span(1), 2)),
    "softsign": lambda a: a * (Span(1) + absolute(a)).inverse(),
    "min": lambda a, b: Span(min(a.low, b.low), min(a.high, b.high)),
    "max": lambda a, b: Span(max(a.low, b.low), max(a.high, b.high)),
}
