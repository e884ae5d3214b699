"""Expressions of gate files as trees, and their derivatives (G1.4, G3.2)."""
from fractions import Fraction


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
