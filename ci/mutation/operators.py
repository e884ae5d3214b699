"""The small wrong changes of ci/mutants, made on the tokens of a C source that clang-format laid
out: a binary operator has spaces on both sides, a pointer's or a sign's does not."""
import collections
import re

TOKEN = re.compile(r"""
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<directive>^[ \t]*\#(?:\\\n|[^\n])*)
  | (?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
  | (?P<number>(?:0[xX][0-9a-fA-F.]+(?:[pP][+-]?\d+)?|\d[\d.]*(?:[eE][+-]?\d+)?)[a-zA-Z]*)
  | (?P<name>[A-Za-z_]\w*)
  | (?P<op>->|\+\+|--|<<=|>>=|<<|>>|[-+*/%&|^<>=!]=|&&|\|\||.)
""", re.VERBOSE | re.DOTALL | re.MULTILINE)

ARITHMETIC = {"+": "-*", "-": "+*", "*": "/+", "/": "*-", "%": "/", "&": "|", "|": "&", "^": "&"}
COMPARISON = {"<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="),
              "==": ("!=",), "!=": ("==",)}
SWAPPED = {"&&": "||", "||": "&&", "+=": "-=", "-=": "+=", "*=": "/=", "/=": "*=", "<<": ">>",
           ">>": "<<", "|=": "&=", "&=": "|=", "++": "--", "--": "++"}
CALLS = {"fminf": "fmaxf", "fmaxf": "fminf", "fmin": "fmax", "fmax": "fmin", "fabsf": "",
         "fabs": "", "ceil": "floor", "floor": "ceil", "sqrt": "",
         "sqrtf": "", "copysign": ""}
KEYWORDS = set("""if else for while do return switch case default break continue goto sizeof const
    static inline typedef struct enum union extern void int float double unsigned char""".split())

Token = collections.namedtuple("Token", "kind text begin end")


class Mutant(collections.namedtuple("Mutant", "file begin end text what line lines")):
    """text in place of the characters [begin, end); lines: its lines before and after, joined."""

    def apply(self, source):
        return source[:self.begin] + self.text + source[self.end:]

    def describe(self):
        return f"{self.file}:{self.line}: {self.what}\n  - {self.lines[0]}\n  + {self.lines[1]}"


def tokens_of(text, at=0):
    """Names, numbers and operators; of a macro, what it stands for."""
    found = []
    for m in TOKEN.finditer(text):
        if m.lastgroup == "directive":
            define = re.match(r"\s*#define \w+(\([^)]*\))?", m[0])
            if define:
                blank = " " * define.end() + m[0][define.end():].replace("\\\n", "  ")
                found += [t._replace(kind="macro" if t.text == ";" else t.kind)
                          for t in tokens_of(blank, at + m.start())]
                found.append(Token("macro", ";", at + m.end(), at + m.end()))
        elif m.lastgroup != "comment" and not m[0].isspace():
            found.append(Token(m.lastgroup, m[0], at + m.start(), at + m.end()))
    return found


def partners(tokens):
    """The index of the bracket that belongs to each bracket."""
    stack, partner = [], {}
    for i, t in enumerate(tokens):
        if t.kind == "op" and t.text in "([{":
            stack.append(i)
        elif t.kind == "op" and t.text in ")]}" and stack:
            partner[i] = stack.pop()
            partner[partner[i]] = i
    return partner


class Source:
    def __init__(self, text):
        self.text, self.tokens = text, tokens_of(text)
        self.partner = partners(self.tokens)

    def word(self, i):
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def between(self, first, last):
        """The text of tokens first to last."""
        return self.text[self.tokens[first].begin:self.tokens[last].end]

    def arguments(self, opening):
        """(first, last) token of each argument of the call whose bracket opens there."""
        closing, i, first, found = self.partner.get(opening, 0), opening + 1, opening + 1, []
        while i < closing:
            if self.word(i) == ",":
                found.append((first, i - 1))
                first = i + 1
            i = self.partner[i] + 1 if self.word(i) in ("(", "[", "{") else i + 1
        return found + [(first, closing - 1)] if closing > first else found

    def operand_before(self, i):
        """The first token of the name, call or element that ends before token i."""
        start = i - 1
        while start > 0:
            if self.word(start) in (")", "]"):
                start = self.partner[start]
                if self.tokens[start - 1].kind != "name" or self.word(start - 1) in KEYWORDS:
                    break
                start -= 1
            if self.word(start - 1) not in (".", "->"):
                break
            start -= 2
        return start

    def is_binary(self, i):
        t = self.tokens[i]
        return self.text[t.begin - 1].isspace() and self.text[t.end:t.end + 1].isspace()


def constants(number):
    """What may stand in a number's place."""
    suffix = re.search(r"[uUlLfF]*$", number)[0] if not number.startswith("0x") else \
        re.search(r"(?<=[pP])[+-]?\d+([fF]?)$|([uUlL]*)$", number)
    if isinstance(suffix, re.Match):
        if "p" not in number:
            return [f"({number} + 1)"]
        mantissa, exponent = number.split("p")
        end = "f" if exponent.endswith("f") else ""
        changed = [f"{mantissa}p{int(exponent.rstrip('f')) + 1:+d}{end}"]
        if len(mantissa) > 4:  # the last bit of a constant with a fraction
            changed.append(f"{mantissa[:-1]}{int(mantissa[-1], 16) ^ 1:x}p{exponent}")
        return changed
    value = number[:len(number) - len(suffix)]
    if "." in value or "e" in value:
        return [f"{0.0 if float(value) == 1 else float(value) + 1}{suffix}",
                f"{float(value) * 2}{suffix}"][:1 + (float(value) not in (0, 1))]
    n = int(value)
    return [f"{n + 1}{suffix}"] + ([f"{n - 1}{suffix}"] if n else [])


def of_operator(s, i):
    t, word = s.tokens[i], s.word(i)
    if word in ARITHMETIC and s.is_binary(i):
        for other in ARITHMETIC[word]:
            yield t.begin, t.end, other, f"{word} to {other}"
    elif word in COMPARISON and s.is_binary(i):
        for other in COMPARISON[word]:
            yield t.begin, t.end, other, f"{word} to {other}"
    elif word in SWAPPED:
        yield t.begin, t.end, SWAPPED[word], f"{word} to {SWAPPED[word]}"
    elif word == "-" and s.tokens[i + 1].begin == t.end:
        yield t.begin, t.end, "", "sign left out"
    elif word == "!":
        yield t.begin, t.end, "!!", "condition negated"
    elif word == "?":
        first = s.operand_before(i)
        if s.word(first - 1) in ("=", "(", ",", "return", ":", "?"):  # all of the condition
            yield s.tokens[first].begin, s.tokens[i - 1].end, \
                f"!({s.between(first, i - 1)})", "condition negated"
    elif word == "[" and s.tokens[i - 1].kind == "name" and s.word(i + 1) != "]":
        if s.tokens[i - 2].kind != "name" or s.word(i - 2) == "return":  # no declaration
            index = s.between(i + 1, s.partner[i] - 1)
            for sign in "+-":
                yield s.tokens[i].end, s.tokens[s.partner[i]].begin, f"({index}) {sign} 1", \
                    f"index {sign} 1"


def of_call(s, i):
    t, arguments = s.tokens[i], s.arguments(i + 1)
    texts = [s.between(*a) for a in arguments]
    end = s.tokens[s.partner[i + 1]].end
    if t.text in ("fma", "fmaf", "SL_STEP64") and len(texts) == 3:
        a, b, c = texts
        for text, what in ((f"{t.text}(-({a}), {b}, {c})", "product's sign in fma"),
                           (f"{t.text}({a}, {b}, -({c}))", "addend's sign in fma"),
                           (f"{t.text}({c}, {b}, {a})", "operands of fma swapped"),
                           (f"(({a}) * ({b}) + ({c}))", "fma rounded twice")):
            yield t.begin, end, text, what
    elif t.text == "smaller":
        for x in texts:
            yield t.begin, end, f"({x})", "the smaller of two"
    elif t.text in CALLS:
        other = CALLS[t.text]
        yield t.begin, end, f"{other}({', '.join(texts)})" if other else f"({texts[0]})", \
            f"{t.text} to {other or 'its argument'}"


def of_statement(s, i):
    """A whole assignment or call that begins at token i."""
    before = s.word(i - 1)
    if not (before in ("{", "}", ";", "else") or before == ")" and
            s.word(s.partner.get(i - 1, 0) - 1) in ("if", "for", "while")):
        return
    if s.word(i) in KEYWORDS - {"continue", "break"} or s.tokens[i + 1].kind == "name":
        return
    end = i
    while s.word(end) not in (";", "{", "}", ""):
        end = s.partner.get(end, end) + 1
    body = [s.word(k) for k in range(i, end)]
    is_call = s.word(i + 1) == "(" or s.word(i) in ("continue", "break")
    if s.word(end) == ";" and s.tokens[end].kind == "op" and \
            (is_call or any(w in SWAPPED or w == "=" for w in body)):
        text = s.between(i, end - 1)
        yield s.tokens[i].begin, s.tokens[end - 1].end, re.sub(r"[^\n]", "", text), \
            "statement removed"


def of_control(s, i):
    t = s.tokens[i]
    if t.text in ("if", "while") and s.word(i + 1) == "(":
        inner = s.between(i + 2, s.partner[i + 1] - 1)
        yield s.tokens[i + 1].end, s.tokens[s.partner[i + 1]].begin, f"!({inner})", \
            "condition negated"
    if t.text == "for":
        inside = [k for k in range(i + 2, s.partner[i + 1]) if s.word(k) == "<"]
        if inside:
            at = s.tokens[inside[0]].begin
            yield at, at, "+ 1 ", "one turn of the loop left out"


def changes(s):
    for i, t in enumerate(s.tokens):
        if t.kind == "number":
            for text in constants(t.text):
                yield t.begin, t.end, text, "constant"
        if t.kind == "op":
            yield from of_operator(s, i)
            if t.text == "(" and s.word(i + 1) == "float" and s.word(i + 2) == ")":
                yield t.begin, s.tokens[i + 2].end, "", "rounding to binary32 left out"
        if t.kind == "name" and s.word(i + 1) == "(" and i + 1 in s.partner:
            yield from of_control(s, i) if t.text in KEYWORDS else of_call(s, i)
        if t.kind == "name" or t.text == "*":
            yield from of_statement(s, i)


def mutants_of(file, text):
    """All mutants of a file, in the order of the text."""
    found = []
    for begin, end, new, what in changes(Source(text)):
        first = text.rfind("\n", 0, begin) + 1
        last = text.find("\n", end)
        after = text[first:begin] + new + text[end:last]
        lines = (" ".join(text[first:last].split()), " ".join(after.split()))
        found.append(Mutant(file, begin, end, new, what, text.count("\n", 0, begin) + 1, lines))
    return sorted(set(found))
