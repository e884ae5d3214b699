"""Gate files, their weights and their evaluation: gates.md G1 and G3."""
import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from . import functions64
from .numerics import F32, F64, rn32

FOLDER = Path(__file__).resolve().parents[3] / "spec" / "gates"
PI = F64(float.fromhex("0x1.921fb54442d18p+1"))
E = F64(float.fromhex("0x1.5bf0a8b145769p+1"))
FAMILIES = ("sigmoid", "erf", "arctan", "softsign", "clip", "identity")
UNARY = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "sinh", "cosh", "tanh", "erf",
         "atan", "asinh", "sigmoid", "softsign")
TOKEN = re.compile(r"""(?P<blank>[ \t\r\n]+|\#[^\n]*)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<text>"[^"\n]*")
    |(?P<sign><=|>=|[()\[\],=+\-*/^|<>'])""", re.VERBOSE)


class GateError(ValueError):
    """A gate file that G1 refuses, with its place."""


class Trees:
    """Expression trees whose equal subtrees are one node (G1.4); a node is an index."""

    def __init__(self):
        self.nodes, self.index, self.derivatives = [], {}, {}

    def node(self, operation, *arguments):
        """The node of an operation on nodes (or the value of a leaf)."""
        key = (operation, *arguments)
        if key not in self.index:
            self.index[key] = len(self.nodes)
            self.nodes.append(key)
        return self.index[key]

    def number(self, value):
        return self.node("number", Fraction(value))

    def is_number(self, node, value):
        return self.nodes[node] == ("number", value)

    def call(self, name, *a):
        """A function of G1.2; clip and gd are shorthands."""
        if name == "clip":
            return self.node("min", self.node("max", a[0], a[1]), a[2])
        if name == "gd":
            half = self.node("/", a[0], self.number(2))
            return self.node("*", self.number(2), self.node("atan", self.node("tanh", half)))
        return self.node(name, *a)

    # The operations between derivatives are simplified by the table of G3.2.

    def plus(self, x, y):
        if self.is_number(x, 0):
            return y
        return x if self.is_number(y, 0) else self.node("+", x, y)

    def minus(self, x, y):
        if self.is_number(y, 0):
            return x
        return self.negative(y) if self.is_number(x, 0) else self.node("-", x, y)

    def negative(self, x):
        return x if self.is_number(x, 0) else self.node("neg", x)

    def times(self, x, y):
        if self.is_number(x, 0) or self.is_number(y, 1):
            return x
        return y if self.is_number(y, 0) or self.is_number(x, 1) else self.node("*", x, y)

    def over(self, x, y):
        return x if self.is_number(x, 0) else self.node("/", x, y)

    def pick(self, a, b, x, y):
        return x if x == y else self.node("pick", a, b, x, y)

    def with_values(self, source, root, values):
        """A tree of another one in which parameters are numbers (G3.1, 1): the new root."""
        known = {}
        for v, (operation, *a) in enumerate(source.nodes[:root + 1]):
            if operation == "parameter":
                known[v] = self.number(values[a[0]])
            else:
                known[v] = self.node(operation, *(a if operation == "number"
                                                  else (known[x] for x in a)))
        return known[root]

    def derivative(self, v):
        """D v of G3.2; each node is differentiated once."""
        if v not in self.derivatives:
            self.derivatives[v] = self.differentiate(v)
        return self.derivatives[v]

    def differentiate(self, v):
        operation, *a = self.nodes[v]
        if operation == "r":
            return self.number(1)
        if operation in ("number", "pi", "e", "sign"):
            return self.number(0)
        d = [self.derivative(x) for x in a]
        if operation == "+":
            return self.plus(*d)
        if operation == "-":
            return self.minus(*d)
        if operation == "neg":
            return self.negative(*d)
        if operation == "*":
            return self.plus(self.times(d[0], a[1]), self.times(a[0], d[1]))
        if operation == "/":
            if self.is_number(d[1], 0):
                return self.over(d[0], a[1])
            return self.over(self.minus(d[0], self.times(v, d[1])), a[1])
        if operation == "min":
            return self.pick(a[0], a[1], d[0], d[1])
        if operation == "max":
            return self.pick(a[1], a[0], d[0], d[1])
        if operation == "pick":
            return self.pick(a[0], a[1], d[2], d[3])
        if self.is_number(d[0], 0):
            return d[0]
        if operation == "^":
            return self.power_rule(a[0], a[1], d[0])
        return self.times(self.factor(operation, v, a[0]), d[0])

    def factor(self, operation, v, a):
        """What stands before a' in the rule of a function of a (G3.2), as written."""
        node, one, two = self.node, self.number(1), self.number(2)
        square = lambda: node("*", a, a)
        if operation == "tanh":
            double = node("*", two, a)
            return node("*", self.number(4), node("*", node("sigmoid", double),
                                                  node("sigmoid", node("neg", double))))
        if operation == "softsign":
            below = node("+", one, node("abs", a))
            return node("/", one, node("*", below, below))
        if operation == "erf":
            return node("*", node("/", two, node("sqrt", node("pi"))),
                        node("exp", node("neg", square())))
        return {
            "exp": lambda: v,
            "expm1": lambda: node("exp", a),
            "log": lambda: node("/", one, a),
            "log1p": lambda: node("/", one, node("+", one, a)),
            "sqrt": lambda: node("/", one, node("*", two, v)),
            "abs": lambda: node("sign", a),
            "sigmoid": lambda: node("*", node("sigmoid", a), node("sigmoid", node("neg", a))),
            "sin": lambda: node("cos", a),
            "cos": lambda: node("neg", node("sin", a)),
            "atan": lambda: node("/", one, node("+", one, square())),
            "sinh": lambda: node("cosh", a),
            "cosh": lambda: node("sinh", a),
            "asinh": lambda: node("/", one, node("sqrt", node("+", one, square()))),
        }[operation]()

    def power_rule(self, a, q, da):
        """(a^q)' of G3.2."""
        exact = self.rational(q)
        if exact is None:
            power = self.node("^", a, self.node("-", q, self.number(1)))
        elif exact == 0:
            return self.number(0)
        elif exact == 1:
            return da
        elif exact == 2:
            power = a
        elif exact.denominator == 1:
            power = self.node("^", a, self.number(exact - 1))
        else:
            s, t = exact.numerator, exact.denominator
            power = self.node("^", a, self.node("/", self.number(s - t), self.number(t)))
        return self.times(self.node("*", q, power), da)

    def rational(self, q):
        """The exact value of an exponent's node, or None where G3.2 does not take it as one."""
        operation, *a = self.nodes[q]
        if operation == "number":
            x = a[0]
            if (x * 10 ** 9).denominator != 1:
                return None
        else:
            values = [self.rational(x) for x in a]
            if None in values or (operation == "/" and values[1] == 0):
                return None
            x = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y,
                 "/": lambda x, y: x / y, "neg": lambda x: -x}[operation](*values)
        limit = 2 ** 31 - 1
        return x if abs(x.numerator) < limit and x.denominator < limit else None


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


class GateFile:
    """A parsed gate file (G1.3)."""

    def __init__(self, path, text=None):
        self.text = text
        if text is None:
            with open(path, encoding="ascii") as file:
                self.text = file.read()
        self.path, self.trees = path, Trees()
        self.name, self.cited = None, False
        self.parameters, self.lets = {}, {}         # name: (A <= 0, A > 0); name: node
        self.ranges = {}                            # name: (low, high)
        self.f, self.weight = [None, None], [None, None]    # of A <= 0, of A > 0
        self.kernels = [None, None]
        self.tokens = list(self.scan())
        self.at = 0
        while self.kind != "end":
            self.statement()
        self.family = [self.family_of(side) for side in (0, 1)]
        if self.name is None or any(a is None and b is None and c is None
                                    for a, b, c in zip(self.f, self.weight, self.family)):
            self.refuse("a gate with a name, and f, weight or kernel for each sign")

    def family_of(self, side):
        """The family's gate file where a sign has a kernel alone (G1.3); else None."""
        if self.kernels[side] is None or self.f[side] is not None or self.weight[side] is not None:
            return None
        family = GateFile(FOLDER / f"{self.kernels[side]}.gate")
        for name, values in family.parameters.items():
            if name not in self.parameters:
                self.parameters[name], self.ranges[name] = values, family.ranges[name]
        return family

    def scan(self):
        """Tokens (kind, text, offset) of G1.1."""
        at = 0
        while at < len(self.text):
            match = TOKEN.match(self.text, at)
            if not match:
                self.refuse("a token", at)
            if match.lastgroup != "blank":
                yield match.lastgroup, match.group(), at
            at = match.end()
        yield "end", "", at

    def refuse(self, expected, at=None):
        """An error that names file:line:column (G1.1)."""
        at = self.tokens[self.at][2] if at is None else at
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        raise GateError(f"{self.path}:{line}:{column}: expected {expected}")

    @property
    def kind(self):
        return self.tokens[self.at][0]

    @property
    def word(self):
        return self.tokens[self.at][1]

    def take(self, *expected):
        """The next token's text, which must be one of the expected ones or of the kind."""
        kind, text, _ = self.tokens[self.at]
        if expected and text not in expected and kind not in expected:
            self.refuse(" or ".join(expected))
        self.at += 1
        return text

    def accept(self, text):
        """Whether the next token is this one; then it is taken."""
        if self.word != text or self.kind == "text":
            return False
        self.at += 1
        return True

    def statement(self):
        """One statement of G1.3."""
        sides = (1,) if self.accept("pos") else (0,) if self.accept("neg") else (0, 1)
        word = self.take("name")
        if len(sides) == 1 and word not in ("f", "weight", "kernel", "expect"):
            self.at -= 1
            self.refuse("f, weight, kernel or expect after a sign")
        if word == "gate":
            self.once(self.name is None)
            self.name = self.take("name")
        elif word == "cite":
            self.once(not self.cited)
            self.cited = bool(self.take("text"))
        elif word == "kernel":
            self.once(all(self.kernels[side] is None for side in sides))
            family = self.take(*FAMILIES)
            for side in sides:
                self.kernels[side] = family
        elif word == "param":
            self.parameter()
        elif word == "let":
            name = self.take("name")
            self.take("=")
            self.lets[name] = self.expression()
        elif word in ("f", "weight"):
            self.once(all(self.f[side] is None and self.weight[side] is None for side in sides))
            self.take("=")
            root = self.pieces()
            for side in sides:
                (self.f if word == "f" else self.weight)[side] = root
        elif word == "require":
            self.requirement()
        elif word == "expect":
            for _ in range(4):
                self.take("proved", "strict", "weak", "refuted", "undecided")
        else:
            self.at -= 1
            self.refuse("a statement")

    def once(self, first):
        """Refuse a statement that G1.3 has at most once, or once for a sign."""
        if not first:
            self.at -= 1
            self.refuse("this statement once")

    def signed(self):
        """A number that may have a minus."""
        sign = -1 if self.accept("-") else 1
        return sign * Fraction(self.take("number"))

    def interval(self):
        """[low, high]."""
        self.take("[")
        low = self.signed()
        self.take(",")
        high = self.signed()
        self.take("]")
        return low, high

    def parameter(self):
        name = self.take("name")
        self.take("in")
        low, high = self.interval()
        self.take("default")
        if self.accept("pos"):
            positive = self.signed()
            self.take("neg")
            values = (self.signed(), positive)
        else:
            values = (self.signed(),) * 2
        if not all(low <= value <= high for value in values):
            self.refuse("defaults within the range")
        self.parameters[name], self.ranges[name] = values, (low, high)

    def requirement(self):
        """`require`: read for its syntax, for it is about proofs."""
        for last in (False, True):
            if self.word in ("sup", "inf"):
                self.take()
                self.take("(")
                self.expression()
                self.take(")")
            else:
                self.expression()
            if not last:
                self.take("<=", ">=")
        while self.accept("for") or self.accept(","):
            self.take("name")
            self.take("in")
            self.interval()

    def pieces(self):
        """pieces of G1.2."""
        x = self.expression()
        if self.accept("otherwise") or not self.accept("if"):
            return x
        self.take("r")
        relation = self.take("<", "<=", ">", ">=")
        c = self.expression()
        self.take("|")
        y = self.pieces()
        r = self.trees.node("r")
        arguments = {"<=": (r, c, x, y), ">": (r, c, y, x), "<": (c, r, y, x), ">=": (c, r, x, y)}
        return self.trees.node("pick", *arguments[relation])

    def expression(self):
        x = self.product()
        while self.word in ("+", "-"):
            operation = self.take()
            x = self.trees.node(operation, x, self.product())
        return x

    def product(self):
        x = self.unary()
        while self.word in ("*", "/"):
            operation = self.take()
            x = self.trees.node(operation, x, self.unary())
        return x

    def unary(self):
        if self.accept("-"):
            return self.trees.node("neg", self.unary())
        x = self.primary()
        return self.trees.node("^", x, self.unary()) if self.accept("^") else x

    def primary(self):
        if self.accept("("):
            x = self.expression()
            self.take(")")
            return x
        if self.kind == "number":
            return self.trees.number(self.take())
        name = self.take("name")
        if name in self.lets:
            return self.lets[name]
        if name in self.parameters:
            return self.trees.node("parameter", name)
        if name in ("pi", "e", "r"):
            return self.trees.node(name)
        if name == "f":                                 # in a requirement: f or f'
            return self.trees.node("f'" if self.accept("'") else "f")
        count = {"min": 2, "max": 2, "clip": 3, "gd": 1, **dict.fromkeys(UNARY, 1)}.get(name)
        if count is None:
            self.at -= 1
            self.refuse("an expression")
        self.take("(")
        arguments = [self.expression()]
        for _ in range(count - 1):
            self.take(",")
            arguments.append(self.expression())
        self.take(")")
        return self.trees.call(name, *arguments)

    def values(self, side, given=None):
        """Parameter values of one sign: those given, of binary64, else the defaults (L1.7)."""
        values = {name: both[side] for name, both in self.parameters.items()}
        for name, value in (given or {}).items():
            if name not in values:
                raise GateError(f"{self.path}: no parameter {name}")
            low, high = (float(x) for x in self.ranges[name])
            if not low <= float(value) <= high:
                raise GateError(f"{self.path}: {name}: {value} is outside [{low}, {high}]")
            values[name] = Fraction(repr(float(value)))
        return values

    def kernel_value(self, side, given=None):
        """The value of the one parameter of a sign's kernel, or None for identity (G1.3)."""
        family = self.kernels[side]
        name = {"clip": ("low", "high")[side], "identity": None}.get(family, "tau")
        if name is not None and name not in self.parameters:
            raise GateError(f"{self.path}: no parameter {name}, which the kernel {family} needs")
        return None if name is None else float(self.values(side, given)[name])

    def check_kernel(self, side, weight, given=None):
        """The check of G1.3 of a sign with a kernel, at the values that hold for it.

        `weight` is the family's, from binary64 r to binary64 w.
        """
        r = np.array([0, 0.25, 0.8125, 1, 1.1875, 1.75, 3, 17])
        program = self.program(side, given)
        w = program.evaluate64(program.w, r)
        if not (np.abs(w - weight(r)) <= 2.0 ** -30).all():
            raise GateError(f"{self.path}: f' is not the weight of {self.kernels[side]}")

    def program(self, side, given=None):
        """The program of one side (0: A <= 0, 1: A > 0)."""
        trees, values, f = Trees(), self.values(side, given), None
        if self.family[side] is not None:
            own = self.family[side].parameters
            return self.family[side].program(side, {name: values[name] for name in own})
        if self.f[side] is None:
            return Program(trees, None, trees.with_values(self.trees, self.weight[side], values))
        f = trees.with_values(self.trees, self.f[side], values)
        return Program(trees, f, trees.derivative(f))
