"""A gate as the text of a certificate has it, at rational numbers: its value, its weight, and what
the rules of the derivative give."""
import re
from fractions import Fraction as F

from judge_spans import (FAINT, FUNCTIONS, Lost, Open, Span, absolute, cos_of, exp, pi,
                         power, root, sigmoid, sin_of, wave)


class Slope:
    """A value and the slope that the rules of spec G3.2 give it; None: the number 0."""

    def __init__(self, value, slope=None):
        self.value, self.slope = value, slope
        self.low, self.high = value.low, value.high

    def times(self, factor):
        return None if self.slope is None else self.slope * factor

    def __add__(self, o):
        a, b = self.slope, o.slope
        return Slope(self.value + o.value, b if a is None else a if b is None else a + b)

    def __neg__(self):
        return Slope(-self.value, self.times(Span(-1)))

    def __sub__(self, o):
        return self + -o

    def __mul__(self, o):
        return Slope(self.value * o.value,
                     (Slope(ZERO, self.times(o.value)) + Slope(ZERO, o.times(self.value))).slope)

    def inverse(self):
        y = self.value.inverse()
        return Slope(y, self.times(-(y * y)) if self.slope is not None else None)


ZERO, ONE = Span(0), Span(1)
SLOPES = {  # of the value y of a
    "exp": lambda a, y: y, "log": lambda a, y: a.inverse(),
    "sqrt": lambda a, y: (y + y).inverse(), "abs": lambda a, y: Span(a.sign()),
    "sigmoid": lambda a, y: y * sigmoid(-a), "expm1": lambda a, y: exp(a),
    "log1p": lambda a, y: (ONE + a).inverse(),
    "tanh": lambda a, y: Span(4) * sigmoid(a + a) * sigmoid(-(a + a)),
    "sinh": lambda a, y: FUNCTIONS["cosh"](a), "cosh": lambda a, y: FUNCTIONS["sinh"](a),
    "sin": lambda a, y: wave(cos_of, a), "cos": lambda a, y: -wave(sin_of, a),
    "erf": lambda a, y: Span(2) * root(pi(), 2).inverse() * exp(-(a * a)),
    "atan": lambda a, y: (ONE + a * a).inverse(),
    "asinh": lambda a, y: root(ONE + a * a, 2).inverse(),
    "softsign": lambda a, y: ((ONE + absolute(a)) * (ONE + absolute(a))).inverse(),
}


def first_is_less(a, b):
    """a <= b, certainly or certainly not."""
    if a.high > b.low and a.low <= b.high:
        raise Open
    return a.high <= b.low


def sloping(name):
    def of(a):
        y = FUNCTIONS[name](a.value)
        return Slope(y, None if a.slope is None else a.slope * SLOPES[name](a.value, y))
    return of


def sloping_power(a, q):
    y = power(a.value, q)
    if a.slope is None or q == 0:
        return Slope(y)
    return Slope(y, a.slope if q == 1 else a.slope * Span(q) * power(a.value, q - 1))


TOKEN = re.compile(r"\s*(\d+\.?\d*(?:[eE][-+]?\d+)?|f'|[A-Za-z_]\w*|.)")


class Evaluator:
    """Reads and evaluates in one pass; a branch that is not taken is read and thrown away."""
    functions, raised, lifted = FUNCTIONS, staticmethod(power), staticmethod(lambda x: x)

    def __init__(self, text, values):
        self.tokens, self.values = TOKEN.findall(text), values

    def __call__(self, r):
        self.at, self.r = 0, self.start(r)
        y = self.total(True)
        if self.peek():
            raise ValueError(f"expected the end, found {self.peek()}")
        return y

    def start(self, r):
        return Span(r)

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, want=None):
        token = self.peek()
        if want and token != want:
            raise ValueError(f"expected {want}, found {token}")
        self.at += 1
        return token

    def total(self, live):
        a = self.product(live)
        while self.peek() in ("+", "-"):
            minus = self.take() == "-"
            b = self.product(live)
            if live:
                a = a - b if minus else a + b
        return a

    def product(self, live):
        a = self.factor(live)
        while self.peek() in ("*", "/"):
            over = self.take() == "/"
            b = self.factor(live)
            if live:
                a = a * b.inverse() if over else a * b
        return a

    def factor(self, live):
        if self.peek() == "-":
            self.take()
            a = self.factor(live)
            return -a if live else None
        a = self.atom(live)
        if self.peek() != "^":
            return a
        self.take()
        q = self.factor(live)
        if not live:
            return None
        if q.low != q.high:
            raise Open
        return self.raised(a, q.low)

    def atom(self, live):
        token = self.take()
        if token[0].isdigit():
            number = F(token)
            Lost.seen |= 0 < number < FAINT
            Lost.least = min(Lost.least, number) if number else Lost.least
            return self.lifted(Span(number))
        if token == "(":
            a = self.total(live)
            self.take(")")
            return a
        if token == "pick":
            return self.pick(live)
        if token in self.functions:
            self.take("(")
            arguments = [self.total(live)]
            while self.peek() == ",":
                self.take()
                arguments.append(self.total(live))
            self.take(")")
            return self.functions[token](*arguments) if live else None
        if not live:
            return None
        if token == "r":
            return self.r
        if token in self.values:
            value = self.values[token]
            return self.lifted(value if isinstance(value, Span) else Span(value))
        if token not in ("pi", "e"):
            raise ValueError(f"expected a value, found {token}")
        return self.lifted(pi() if token == "pi" else exp(Span(1)))

    def pick(self, live):
        self.take("(")
        a = self.total(live)
        self.take(",")
        b = self.total(live)
        self.take(",")
        first = None
        if live:
            first = first_is_less(a, b)
        x = self.total(live and first)
        self.take(",")
        y = self.total(live and not first)
        self.take(")")
        return x if first else y


class ByRules(Evaluator):
    """The slope of the expression at r, by the rules."""
    functions = {**{name: sloping(name) for name in SLOPES},
                 "min": lambda a, b: a if first_is_less(a, b) else b,
                 "max": lambda a, b: a if first_is_less(b, a) else b}
    raised, lifted = staticmethod(sloping_power), staticmethod(Slope)

    def start(self, r):
        return Slope(Span(r), ONE)

    def __call__(self, r):
        return super().__call__(r).slope or ZERO


def spot(r):
    """The short fraction that a witness was rounded from, if it was."""
    near = r.limit_denominator(10**18)
    return near if abs(near - r) < F(1, 1 << 100) * max(F(1), r) else r


class Gate:
    def __init__(self, kind, text, values):
        self.value, self.f = kind == "value", Evaluator(text, values)
        self.rules = ByRules(text, values) if self.value else self.f

    def own(self, r):
        """w at r itself: given, or by the rules of the derivative, which do not count at 0."""
        if self.value and r == 0:
            raise Open
        return self.rules(spot(r))

    def weight(self, r, side=0):
        """w at r; of a value gate by quotients of f on one side, or on both where side is 0."""
        if not self.value:
            return self.f(r)
        h = F(1, 1 << 90)
        steps = [h, h / 2, h / 4]

        def quotient(s):
            a = self.f(r + s if side >= 0 else r)
            b = self.f(r - s if side <= 0 else r)
            return (a - b) * Span((1 if side else F(1, 2)) / s)

        q = [quotient(s) for s in steps]
        spread = max(x.high for x in q) - min(x.low for x in q) + h
        return Span(min(x.low for x in q) - 4 * spread, max(x.high for x in q) + 4 * spread)
