"""When answers are equal: formats.md F3.13."""
import re
from dataclasses import dataclass
from fractions import Fraction

from .answer_text import answer_of, as_text, clean, is_digit
from .answer_values import (NoValue, Work, add, bounded, divide, multiply, negative, power,
                            rational, root)

UNITS = """km/h cm mm km kg mg ml mL ft inch inches in feet foot yard yards mile miles meter
meters metre metres degree degrees deg dollar dollars cent cents USD second seconds minute minutes
hour hours day days week weeks month months year years mph unit units square cubic per pound
pounds gram grams liter liters people percent times apples points students sq""".split()
NO_UNITS = """hundred thousand million billion trillion hundreds thousands millions dozen dozens
half halves squared cubed factorial base mod modulo or and not no but is are more less least most
than plus minus to if below under negative zero am pm AM PM mil billions approx about remainder
else""".split()
UNIT_LETTERS = "mgshlLNJWVAKCF"
TEXT_BYTES, VALUE_BYTES, GROUPS, NUMBERS, DEPTH, WORK = 4096, 1024, 16, 24, 32, 500
FACTOR = re.compile(r" *(\(|\{(?![ {]*[0-9])|\\frac|\\sqrt|\\pi|sqrt|pi)")   # side by side


# ---- reading (F3.13, 2 to 7)

@dataclass
class Group:
    """A number, or a tuple or interval with its brackets; items are (value, percent, infinity)."""
    brackets: str
    items: list


def is_unit(word):
    """Whether a word, or a digit, of \\text{} is that of a unit (6)."""
    return not is_digit(word) and word not in NO_UNITS and (len(word) > 1 or word in UNIT_LETTERS)


class Reader:
    """An answer in one spelling, from the left."""

    def __init__(self, text):
        self.text, self.at, self.brackets, self.depth = text, 0, 0, 0
        self.work = Work(WORK)      # left of step 10
        self.is_bare = False        # in an exponent or a root without braces

    def rest(self):
        return self.text[self.at:]

    def spaces(self):
        self.at += len(self.rest()) - len(self.rest().lstrip(" "))

    def match(self, pattern):
        """What stands here, taken; None, and nothing moves."""
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def word(self, word):
        """A word, which ends where no letter follows."""
        return self.match(re.escape(word) + ("(?![A-Za-z])" if word[-1].isalpha() else ""))

    def char(self, c):
        self.spaces()
        return self.match(re.escape(c))

    # numbers (4)

    def decimal(self):
        first = self.match("[0-9]*").group()
        if not self.brackets and re.fullmatch("[1-9][0-9]{0,2}", first):
            while found := self.match(",[0-9]{3}(?![0-9])"):
                first += found.group()[1:]
        behind = self.match(r"\.([0-9]+|(?=\\overline\{))")
        if not first and not behind:
            raise NoValue
        digits = behind.group(1) if behind else ""
        self.work.spend(1 + len(first + digits) // 10)
        x = Fraction(int(first + digits or "0"), 10 ** len(digits))
        if behind and self.match(r"\\overline\{"):
            period = self.match(r"([0-9]+)\}")
            if not period:
                raise NoValue
            period = period.group(1)
            return x + Fraction(int(period), 10 ** len(digits) * (10 ** len(period) - 1))
        exponent = self.match("[eE]([+-]?[0-9]{1,3})(?![0-9A-Za-z])")
        if exponent:
            x *= Fraction(10) ** int(exponent.group(1))
        has_power = exponent and int(exponent.group(1))
        return x if behind or has_power or self.is_bare else x + self.mixed()

    def mixed(self):
        """The fraction of a mixed number behind an integer, or 0."""
        argument = r"(?:\{([0-9]+)\}|([0-9]))"
        found = self.match(rf" *\\frac{argument}{argument}")
        pair = [x for x in found.groups() if x] if found else None
        if not found:
            found = self.match(" +([0-9]+)/([0-9]+)")
            pair = found and found.groups()
        if not pair:
            return 0
        if int(pair[1]) == 0:
            raise NoValue
        return Fraction(int(pair[0]), int(pair[1]))

    def number(self):
        return bounded({(1, 0): Fraction(self.decimal())})

    # expressions (3)

    def closed(self, close):
        self.depth += 1
        if self.depth > DEPTH:
            raise NoValue
        bare, self.is_bare = self.is_bare, False
        value = self.expression()
        self.is_bare = bare
        self.depth -= 1
        if not self.char(close):
            raise NoValue
        return value

    def bare(self, read):
        """Without braces what follows does not belong to it: no mixed number."""
        bare, self.is_bare = self.is_bare, True
        value = read()
        self.is_bare = bare
        return value

    def argument(self):
        if self.char("{"):
            return self.closed("}")
        digit = self.match("[0-9]")
        if not digit:
            raise NoValue
        return bounded({(1, 0): Fraction(int(digit.group()))})

    def root(self):
        k = 2
        if self.char("["):
            found = self.match("([0-9]{1,3}) *]")
            k = int(found.group(1)) if found else 0
            if not 2 <= k <= 64:
                raise NoValue
        if self.char("("):
            return root(self.closed(")"), k, self.work)
        is_digits = re.match("[0-9]", self.rest())
        return root(self.bare(self.number) if is_digits else self.argument(), k, self.work)

    def base(self):
        self.spaces()
        if re.match("[0-9.]", self.rest()):
            return self.number()
        for open_, close in ("()", "{}"):
            if self.char(open_):
                return self.closed(close)
        if self.match(r"\\frac"):
            above = self.argument()
            return divide(above, self.argument(), self.work)
        if self.match(r"\\sqrt") or self.word("sqrt"):
            return self.root()
        if self.word("\\pi") or self.word("pi"):
            return {(1, 1): Fraction(1)}
        raise NoValue

    def power(self):
        value = self.base()
        if not self.char("^"):
            return value
        minus = self.char("-")
        self.depth += 1
        if self.depth > DEPTH:
            raise NoValue
        exponent = rational(self.bare(self.power))
        self.depth -= 1
        return power(value, -exponent if minus else exponent, self.work)

    def factor(self):
        minus = False
        while sign := self.match(" *([-+]) *"):
            minus ^= sign.group(1) == "-"
        value = self.power()
        return negative(value) if minus else value

    def term(self):
        value = self.factor()
        while True:
            before = self.at
            sign = self.char("*") or self.char("/")
            if not sign and not FACTOR.match(self.rest()):
                self.at = before
                return value
            other = self.factor() if sign else self.power()
            by = divide if sign and sign.group() == "/" else multiply
            value = by(value, other, self.work)

    def expression(self):
        value = self.term()
        while True:
            before = self.at
            sign = self.char("+") or self.char("-")
            if not sign:
                self.at = before
                return value
            other = self.term()
            value = add(value, negative(other) if sign.group() == "-" else other, self.work)

    # answers (2, 6, 7)

    def unit(self):
        before, found = self.at, self.match(r"\\(?:text|mathrm|mbox|textbf)\{([^{}]*)\}")
        if found and not all(map(is_unit, re.findall("[A-Za-z]+|[0-9]", found.group(1)))):
            self.at, found = before, None
        return found or self.word("\\circ") or any(self.word(unit) for unit in UNITS)

    def units(self):
        self.spaces()
        while self.unit():
            self.match(r"\^(\{[23]\}|[23])")
            self.spaces()
            self.match(r"/ *(?=[A-Za-z\\])")

    def item(self):
        self.spaces()
        infinite = self.match(r"([-+]?) *\\infty(?![A-Za-z])")
        value, percent = {}, False
        if not infinite:
            value = self.expression()
            self.spaces()
            percent = bool(self.word("%") or self.word("percent"))
            if percent:
                value = multiply(value, {(1, 0): Fraction(1, 100)}, self.work)
        self.units()
        return value, percent, infinite and (infinite.group(1) or "+")

    def is_tuple(self):
        depth = 0
        for c in self.rest():
            depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(c, 0)
            if depth == 0:
                return False
            if c == "," and depth == 1:
                return True
        return False

    def name(self):
        found = self.match(r"(\\[A-Za-z]+|[A-Za-z](?![A-Za-z])) *(?:=|\\in(?![A-Za-z]))")
        return found.group(1) if found else ""

    def group(self, first):
        """A group, and the name before it, which is the first one's."""
        self.spaces()
        name = self.name()
        if first is not None and name and name != first:
            raise NoValue
        self.spaces()
        if not (self.rest()[:1] in ("(", "[") and self.is_tuple()):
            return Group("", [self.item()]), name
        opened = self.match(r"[(\[]").group()
        self.brackets += 1
        items = [self.item()]
        while self.match(","):
            items.append(self.item())
        self.brackets -= 1
        closed = self.match(r"[)\]]")
        if not closed:
            raise NoValue
        self.units()
        return Group(opened + closed.group(), items), name

    def separator(self, in_set):
        self.spaces()
        if not self.rest() or (in_set and self.rest().startswith("\\}")):
            return ""
        if self.match(","):
            self.spaces()
            self.word("and") or self.word("or")
            return ","
        if self.word("and") or self.word("or"):
            return ","
        if self.word("\\cup"):
            return "\\cup"
        raise NoValue

    def answer(self):
        """Whether it is a union, its groups, its name (2)."""
        start = self.at
        of_set = self.name()
        self.spaces()
        in_set = bool(self.match(r"\\\{"))
        if not in_set:
            self.at = start
        self.brackets += in_set
        groups, between, first = [], set(), None
        while True:
            group, name = self.group(first)
            first = name if first is None else first
            groups.append(group)
            if len(groups) > GROUPS or sum(len(g.items) for g in groups) > NUMBERS:
                raise NoValue
            next_ = self.separator(in_set)
            if not next_:
                break
            between.add(next_)
        if len(between) > 1 or (in_set and not self.match(r"\\\}")):
            raise NoValue
        self.spaces()
        if self.rest():
            raise NoValue
        return between == {"\\cup"}, groups, first or (of_set if in_set else "")


def read(text):
    if len(text.encode()) > VALUE_BYTES:
        raise NoValue
    return Reader(text).answer()


# ---- equal (7, 8)

def equal_items(a, b):
    if a[2] or b[2]:
        return a[2] == b[2]
    if a[0] == b[0]:
        return True
    if a[1] == b[1]:
        return False
    whole, other = (a[0], b[0]) if a[1] else (b[0], a[0])
    try:
        return multiply(whole, {(1, 0): Fraction(100)}, Work()) == other
    except NoValue:
        return False


def equal_groups(a, b):
    return a.brackets == b.brackets and len(a.items) == len(b.items) and all(
        map(equal_items, a.items, b.items))


def equal_values(a, b):
    if a[0] != b[0] or len(a[1]) != len(b[1]) or (a[2] and b[2] and a[2] != b[2]):
        return False
    left = list(b[1])
    for group in a[1]:
        own = next((other for other in left if equal_groups(group, other)), None)
        if own is None:
            return False
        left.remove(own)
    return True


def grade(text, gold):
    """Whether two answers are equal, and whether as texts (F3.13)."""
    a, b = answer_of(text), answer_of(gold)
    if max(len(a.encode()), len(b.encode())) > TEXT_BYTES:
        return a == b, True
    a, b = clean(a), clean(b)
    if not b:
        return False, True
    try:
        return equal_values(read(a), read(b)), False
    except NoValue:
        return as_text(a) == as_text(b), True
