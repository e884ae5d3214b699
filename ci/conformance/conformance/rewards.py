"""Rewards of completions, and numbers as they stand in texts: formats.md F3.6."""
import re

SIGNS, CURRENCIES = "-+\u2212", "$\u20ac\u00a3\u00a5"
GROUPED = re.compile(r"([1-9][0-9]{0,2}(?:,[0-9]{3}(?![0-9]))+)(?:\.([0-9]+))?")
COMMA = re.compile(r"([0-9]+),([0-9]+)(?!,[0-9]|[0-9])")
PLAIN = re.compile(r"([0-9]*)(?:\.([0-9]+))?")
START = re.compile(r"\.?[0-9]")
EXPONENT = re.compile(rf"[eE]([{SIGNS}]?)([0-9]+)(?![0-9A-Za-z])")
TERM = re.compile(r"[0-9A-Za-z)]\Z")
OPERATOR = re.compile(r"([0-9A-Za-z)])(/|\^\{?)\Z")


def mantissa(text, at):
    """Digits before and after the point, and the end, of the number that starts here (5, 6)."""
    found = GROUPED.match(text, at)
    if not found and not re.search(r"[0-9],\Z", text[:at]):
        found = COMMA.match(text, at)
    found = found or PLAIN.match(text, at)
    return found.group(1).replace(",", ""), found.group(2) or "", found.end()


def before(text, at):
    """Where a number begins whose digits start here, and whether it is negative (8)."""
    begin = at - (text[:at].endswith(tuple(CURRENCIES)))
    left = text[:begin].rstrip(" ")
    if not left or left[-1] not in SIGNS:
        return begin, False
    place, apart = len(left) - 1, len(left) < begin
    rest = text[:place].rstrip(" ") if apart else text[:place]
    return (begin, False) if TERM.search(rest) else (place, left[-1] != "+")


def normal(negative, whole, fraction, exponent):
    """A value as sign, digits without zeros at both ends, and place of the point (11)."""
    digits, point = whole + fraction, len(whole) + exponent
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    return (negative, digits, point) if digits else (False, "", 0)


def numbers(text):
    """How many numbers a text holds, and the last one: a value (see `normal`) or None (5 to 10)."""
    count, last, at = 0, None, 0
    while at < len(text):
        if not START.match(text, at):
            at += 1
            continue
        whole, fraction, end = mantissa(text, at)
        begin, negative = before(text, at)
        exponent, known = 0, True
        power = EXPONENT.match(text, end)
        if power:
            end, digits = power.end(), power.group(2).lstrip("0")
            known = len(digits) <= 9
            exponent = int(digits or "0") if known else 0
            exponent = exponent if power.group(1) in ("", "+") else -exponent
        at = end
        operator = OPERATOR.search(text[:begin])
        if operator and operator.group(2) != "/" and operator.group(1).isalpha():
            continue
        known = known and not operator and not re.match(r"\^|/[0-9]", text[end:end + 2])
        if not (operator and count and last is None):
            count += 1
        last = normal(negative, whole, fraction, exponent) if known else None
    return count, last


def is_one_number(text):
    """Whether a text is one number (10)."""
    count, last = numbers(text)
    return count == 1 and last is not None


def reward(completion, answer, tokenizer, numeric):
    """F3.6, 0 or 1, of the ids after the prompt."""
    if not completion or completion[-1] != tokenizer.END:
        return 0.0
    if any(i < 2 or i >= tokenizer.size for i in completion[:-1]):
        return 0.0
    return of_text("".join(tokenizer.alphabet[i - 2] for i in completion[:-1]), answer, numeric)


def of_text(text, answer, numeric):
    """F3.6, steps 3 and 4."""
    if not numeric:
        return float(text == answer)
    _, last = numbers(text)
    return float(last is not None and last == numbers(answer)[1])
