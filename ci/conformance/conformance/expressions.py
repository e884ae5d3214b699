"""Expressions of tokenizers: formats.md F7.3, for Python's re; classes become lists of ranges."""
import functools
import re
import unicodedata

END = 0x110000
WHITE = [*range(9, 14), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
         0x205F, 0x3000]
CIRCLED = [*range(0x24B6, 0x24EA), *range(0x1F130, 0x1F14A), *range(0x1F150, 0x1F16A),
           *range(0x1F170, 0x1F18A)]        # the Alphabetic ones that are not L, M or Nl
HEX = [*b"0123456789ABCDEFabcdef"]
OUT_OF_CLASS = (0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE)
OTHER_CASES = {"s": {0x17F}, "k": {0x212A}}
CONTROLS = {"r": "\r", "n": "\n", "t": "\t", "f": "\f", "v": "\v", "a": "\a", "e": "\x1b"}


@functools.cache
def categories():
    """The code points of each general category."""
    found = {}
    for c in range(END):
        found.setdefault(unicodedata.category(chr(c)), []).append(c)
    return found


@functools.cache
def category(name):
    """The code points of a category, L or Lu."""
    return frozenset(c for key, points in categories().items() if key.startswith(name)
                     for c in points)


@functools.cache
def named(letter):
    """What `s`, `d`, `h` and `w` stand for, in a class."""
    if letter == "w":
        return frozenset().union(*map(category, ("L", "M", "Nl", "Nd", "Pc")), CIRCLED)
    return {"s": frozenset(WHITE), "h": frozenset(HEX)}.get(letter) or category("Nd")


def others(points):
    return frozenset(range(END)) - points


def written(points):
    """A class of re."""
    runs = []
    for c in sorted(points):
        if runs and runs[-1][1] == c - 1:
            runs[-1][1] = c
        else:
            runs.append([c, c])
    return "[" + "".join(f"\\U{a:08x}-\\U{b:08x}" for a, b in runs) + "]" if runs else "(?!)"


class Translator:
    """From the left, one part after the other."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def match(self, pattern):
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def refuse(self):
        raise ValueError(f"expression {self.text!r}: character {self.at + 1} is not read here")

    def escape(self, in_class):
        """What stands behind a backslash: a set of code points, or a character."""
        if found := self.match(r"p\{(\^?)([A-Z][a-z]?)\}|P\{()([A-Z][a-z]?)\}"):
            points = category(found.group(2) or found.group(4))
            return others(points) if found.group(1) or found.group(4) else points
        if found := self.match("[sdhwSDHW]"):
            letter = found.group()
            points = named(letter.lower())
            if letter in "wW" and not in_class:
                points = points | frozenset(OUT_OF_CLASS)
            return others(points) if letter.isupper() else points
        if found := self.match(r"x\{([0-9A-Fa-f]+)\}|x([0-7][0-9A-Fa-f])|u([0-9A-Fa-f]{4})"):
            return chr(int(next(x for x in found.groups() if x), 16))
        if found := self.match("[rntfvae]"):
            return CONTROLS[found.group()]
        if found := self.match(r"[!-/:-@\[-`{-~]"):
            return found.group()
        return self.refuse()

    def item(self):
        """A character or an escape of a class."""
        if self.match(r"\\"):
            return self.escape(True)
        found = self.match(r"[^\[\]&]")
        return found.group() if found else self.refuse()

    def of_class(self):
        """A class, behind its bracket."""
        negated, points = self.match(r"\^"), set()
        while not self.match(r"\]"):
            first = self.item()
            if isinstance(first, frozenset):
                points |= first
            elif self.match(r"-(?!\])"):
                points.update(range(ord(first), ord(self.item()) + 1))
            else:
                points.add(ord(first))
        return written(others(frozenset(points)) if negated else points)

    def group(self, ignore_case):
        """A group, behind what opens it."""
        inner = self.alternatives(ignore_case)
        if not self.match(r"\)"):
            self.refuse()
        return inner + ")"

    def atom(self, ignore_case):
        if self.match(r"\("):
            found = self.match(r"\?(?:i:|:|>|=|!|<=|<!)")
            kind = found.group() if found else "?:"
            return f"({'?:' if kind == '?i:' else kind}" + self.group(ignore_case or kind == "?i:")
        if self.match(r"\["):
            return self.of_class()
        if self.match(r"\."):
            return r"[^\n]"
        if found := self.match(r"\\([Az])"):
            return r"\A" if found.group(1) == "A" else r"\Z"
        if self.match(r"\\"):
            one = self.escape(False)
            if isinstance(one, frozenset):
                return written(one)
        else:
            found = self.match(r"[^*+?()\[\]{}|^$]")
            one = found.group() if found else self.refuse()
        if ignore_case and one.isascii() and one.isalpha():
            letter = one.lower()
            return written({ord(letter), ord(one.upper())} | OTHER_CASES.get(letter, set()))
        return re.escape(one)

    def alternatives(self, ignore_case):
        out = ""
        while self.at < len(self.text) and self.text[self.at] != ")":
            if self.match(r"\|"):
                out += "|"
                continue
            out += self.atom(ignore_case)
            if found := self.match(r"[*+?][+?]?|\{[0-9]+\}|\{(?:[0-9]+,[0-9]*|,[0-9]+)\}\??"):
                out += found.group().replace("{,", "{0,")
        return out


@functools.cache
def compiled(text):
    """An expression of the file as one of re."""
    reader = Translator(text)
    out = reader.alternatives(False)
    if reader.at < len(text):
        reader.refuse()
    return re.compile(out)
