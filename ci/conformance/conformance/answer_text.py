"""Answers in a text, and in one spelling: formats.md F3.12, and F3.13, steps 1 and 9."""
import re

WHITE = " \t\n\r"
NOTHING = ("\\left", "\\right", "\\big", "\\Big", "\\bigl", "\\bigr", "\\displaystyle", "\\!",
           "\\,", "\\;", "\\:", "\\$", "$", "\u20ac", "\u00a3", "\u00a5", "\\(", "\\)", "\\[",
           "\\]", "**", "\\boxed")
MARKS = ("{,}", "\\,", "\\;", "\\:", "\\!")
SPELLING = {
    **dict.fromkeys(NOTHING, ""),
    **dict.fromkeys(("\\ ", "\\quad", "~", "\u00a0", *WHITE), " "),
    **dict.fromkeys(("\\dfrac", "\\tfrac", "\\cfrac"), "\\frac"),
    **dict.fromkeys(("\\cdot", "\\times", "\u00d7", "\u00b7", "\u22c5"), "*"),
    **dict.fromkeys(("\\div", "\u00f7"), "/"),
    **dict.fromkeys(("\u2212", "\u2013"), "-"),
    "\\%": "%",
    **dict.fromkeys(("^{\\circ}", "^\\circ", "\\degree", "\u00b0"), "\\circ"),
    "\u03c0": "\\pi ", "\u221e": "\\infty", "\u221a": "\\sqrt", "\u222a": "\\cup",
    **dict.fromkeys(("\\text{ and }", "\\text{and}"), " and "),
    **dict.fromkeys(("\\text{ or }", "\\text{or}"), " or "),
    "\\lbrace": "\\{", "\\rbrace": "\\}"}


# ---- where an answer stands (F3.12)

def closing(text, at):
    """The place of the brace that closes the one before `at`, or None."""
    depth = 1
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            at += 2
            continue
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return at
        at += 1
    return None


def boxed(text):
    """What the last \\boxed{} holds, or the outermost that is closed around it; or None."""
    last = text.rfind("\\boxed{")
    inner = None if last < 0 else closing(text, last + 7)
    if inner is None:
        return None
    for box in re.finditer(r"\\boxed\{", text):
        end = closing(text, box.end())
        if end is not None and end >= inner:
            return text[box.end():end].strip(WHITE)
    raise AssertionError("the last one is around itself")


def answer_of(text):
    """F3.12."""
    inside = boxed(text)
    return text[text.rfind("####") + 4 if "####" in text else 0:].strip(WHITE) \
        if inside is None else inside


# ---- one spelling (F3.13, 1)

def spelt(text, at):
    """What is written in several ways at a place: its length, and what it becomes."""
    for written, becomes in SPELLING.items():
        end = at + len(written)
        if text.startswith(written, at) and not (
                written[0] == "\\" and re.match("[A-Za-z]{2}", text[end - 1:end + 1])):
            return len(written), becomes
    return 1, text[at]


def is_digit(text):
    return bool(re.match("[0-9]", text))


def mark(text, at):
    """What groups digits at a place behind one: its length, or 0."""
    return next((len(m) for m in MARKS if text.startswith(m, at) and
                 re.match("[0-9]{3}(?![0-9])", text[at + len(m):at + len(m) + 4])), 0)


def joined(text):
    """Groups of a space and three digits, joined; other digits stay apart."""
    groups = re.compile("[0-9]{1,3}(?: [0-9]{3}(?![0-9]))+(?! *[0-9/])")
    out, at, before = "", 0, ""
    while at < len(text):
        starts = is_digit(text[at]) and not re.match("[0-9A-Za-z.]", before)
        found = groups.match(text, at) if starts else None
        piece = found.group() if found else text[at]
        before = before if piece == " " else piece[0]
        out += piece.replace(" ", "") if found else piece
        at += len(piece)
    return out


def clean(text):
    """F3.13, step 1."""
    out, at = "", 0
    while at < len(text):
        behind = is_digit(out[-1:])
        grouping = mark(text, at) if behind else 0
        length, becomes = (grouping, "") if grouping else spelt(text, at)
        at += length
        if not becomes and not grouping and behind and is_digit(text[at:at + 1]):
            becomes = " "
        if becomes[:1] == " " and (not out or out[-1] == " "):
            becomes = becomes[1:]
        out += becomes
    out = out.rstrip(" ")
    return joined((out[:-1] if out.endswith(".") else out).strip(" "))


def as_text(text):
    """F3.13, step 9."""
    wrapper = r"\\(?:text|mathrm|mathbf|textbf|textit|mbox|operatorname)\{([^{}]*)\}"
    text = re.sub(wrapper, r" \1 ", text)
    apart = re.split("(?<=[0-9.]) +(?=[0-9.])", text)
    text = " ".join(part.replace(" ", "") for part in apart)
    text = re.sub("\\{([^{}\\\\\x80-\U0010ffff])\\}", r"\1", text)
    return text.lower() if re.fullmatch("[A-Za-z]*", text) else text
