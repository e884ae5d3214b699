"""Gate files and what they say of their weights: gates.md G1."""
import re
from fractions import Fraction
from pathlib import Path

import numpy as np

from .gate_program import Program
from .gate_trees import Trees

FOLDER = Path(__file__).resolve().parents[3] / "spec" / "gates"
FAMILIES = ("sigmoid", "erf", "arctan", "softsign", "clip", "identity")
UNARY = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "sin", "cos", "sinh", "cosh", "tanh", "erf",
         "atan", "asinh", "sigmoid", "softsign")
TOKEN = re.compile(r"""(?P<blank>[ \t\r\n]+|\#[^\n]*)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)
    |(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<text>"[^"\n]*")
    |(?P<sign><=|>=|[()\[\],=+\-*/^|<>'])""", re.VERBOSE)


class GateError(ValueError):
    """A gate file that G1 refuses, with its place."""


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
