"""Rewards of completions, and numbers as they stand in texts: formats.md F3.6 to F3.9."""
import re

from . import grading

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


WHITE = " \t\n\r"                  # F3.8


def between(text, tags):
    """What stands between the answer tags, or None (F3.8)."""
    begin = text.find(tags[2])
    end = -1 if begin < 0 else text.find(tags[3], begin + len(tags[2]))
    return None if end < 0 else text[begin + len(tags[2]):end].strip(WHITE)


def template(text, tags):
    """format (F3.8)."""
    text = text.strip(WHITE)
    begins, ends = text.startswith(tags[0]), text.endswith(tags[3])
    if not (begins and ends):
        return 0.25 if begins or ends else 0.0
    places = [[i for i in range(len(text)) if text.startswith(tag, i)] for tag in tags]
    if any(len(place) != 1 for place in places):
        return 0.5
    at = [place[0] for place in places]
    behind = [place + len(tag) for place, tag in zip(at, tags)]
    ordered = all(here <= there for here, there in zip(behind, at[1:]))
    return 1.0 if ordered and not text[behind[1]:at[2]].strip(WHITE) else 0.5


def length(tokens, limit, buffer):
    """length (F3.9)."""
    if tokens <= limit - buffer:
        return 0.0
    return -1.0 if tokens >= limit else -((tokens - (limit - buffer)) / buffer)


def tags_of(config):
    """The four tags of a run (F3.8)."""
    return [config[f"reward.{name}"] for name in
            ("think_open", "think_close", "answer_open", "answer_close")]


class Rewards:
    """The rewards of a run's completions (F3.6, F3.7)."""

    def __init__(self, config, tokenizer, kind):
        self.tokenizer, self.kind = tokenizer, kind
        self.tags = tags_of(config)
        self.tagged = config["reward.answer_in"] == "tags"
        self.limit = config["reward.length_limit"] or config["rl.max_new_tokens"]
        self.buffer = config["reward.length_buffer"]
        language = config["task.name"] in ("gsm8k", "math", "mixture")
        given = config["reward.weights"] or {kind: "1", **({"format": "1"} if language else {})}
        self.weights = {name: float(given[name]) for name in
                        ("exact", "numeric", "math", "format", "length") if name in given}

    def text(self, completion):
        """The characters up to the end token; None where an id is none."""
        ended = completion and completion[-1] == self.tokenizer.END
        ids = completion[:-1] if ended else completion
        if any(i < 2 or i >= self.tokenizer.size for i in ids):
            return None
        return "".join(self.tokenizer.alphabet[i - 2] for i in ids)

    def answer(self, completion, answer, kind):
        """F3.6, of the ids after the prompt."""
        text = self.text(completion)
        if text is None or completion[-1] != self.tokenizer.END:
            return 0.0
        if self.tagged:
            text, inside = between(text, self.tags), between(answer, self.tags)
            answer = answer if inside is None else inside
        return 0.0 if text is None else of_text(text, answer, kind)

    def success(self, completion, answer):
        """The answer's component (F3.7)."""
        return self.answer(completion, answer, self.kind)

    def reward(self, completion, answer):
        """F3.7."""
        text, total = self.text(completion), 0.0
        for name, weight in self.weights.items():
            if name in ("exact", "numeric", "math"):
                value = self.answer(completion, answer, name)
            elif name == "format":
                value = 0.0 if text is None else template(text, self.tags)
            else:
                value = length(len(completion), self.limit, self.buffer)
            total = total + weight * value
        return total


def of_text(text, answer, kind):
    """F3.6, steps 3 and 4."""
    if kind == "math":
        return float(grading.grade(text, answer)[0])
    if kind == "exact":
        return float(text == answer)
    _, last = numbers(text)
    return float(last is not None and last == numbers(answer)[1])
