#!/usr/bin/env python3
"""Word problems with two-digit numbers and one or two operations, as JSON lines for task math.

Usage: problems.py FOLDER [--seed S] [--train N] [--held-out M]
Writes FOLDER/train.jsonl and FOLDER/held-out.jsonl, lines {"problem", "solution", "answer"}. The
same options give the same bytes. No expression stands twice, nor in both files; sums are the same
in any order.
Solutions are of three styles, so that a warm start leaves several ways to go on: the expression
alone, a sentence with it, and each operation said before it is done.
"""
import argparse
import json
import os
import random
import sys

NAMES = ("Tom", "Ana", "Raj", "Mia", "Leo", "Zoe", "Sam", "Ivy", "Ben", "Eva", "Max", "Ada")
THINGS = ("apples", "books", "coins", "cards", "shells", "pens", "stamps", "beads", "eggs", "keys")
MOST = 10000
# Each shape: its texts, and its operations on numbers a, b, c.
SHAPES = (
    (("{name} has {a} {things} and buys {b} more. How many {things} does {name} have now?",
      "There are {a} {things} in a bag and {b} in a box. How many {things} are there in all?"),
     "+"),
    (("{name} had {a} {things} and gave away {b}. How many {things} are left?",
      "Of {a} {things}, {name} sold {b}. How many {things} does {name} still have?"), "-"),
    (("{name} fills {a} boxes with {b} {things} each. How many {things} is that?",
      "A shelf holds {b} {things}. How many {things} do {a} shelves hold?"), "*"),
    (("{name} has {a} {things}, loses {b} and finds {c}. How many {things} does {name} have?",
      "From {a} {things} {name} takes {b}, then puts {c} back. How many {things} are there now?"),
     "-+"),
    (("{name} has {a} {things}, gets {b} and then {c} more. How many {things} is that in all?",
      "Three jars hold {a}, {b} and {c} {things}. How many {things} do they hold together?"), "++"),
)


def apply(sign, x, y):
    """One operation."""
    return x + y if sign == "+" else x - y if sign == "-" else x * y


def spoken(sign, x, y):
    """An operation, said."""
    return (f"Add {y} to {x}" if sign == "+" else f"Take {y} from {x}" if sign == "-"
            else f"{x} times {y}")


def numbers(draw, signs):
    """The numbers of a problem; differences are above 0."""
    if signs[0] == "*":
        a, b = draw.randint(2, 9), draw.randint(11, 49)
    else:
        a, b = draw.randint(11, 79), draw.randint(11, 79)
        if signs[0] == "-":
            a, b = max(a, b) + 5, min(a, b)
    return (a, b, draw.randint(11, 49))[:len(signs) + 1]


def solution(draw, signs, values):
    """The reasoning, and the answer."""
    style, total, parts = draw.randrange(3), values[0], []
    for sign, value in zip(signs, values[1:]):
        result = apply(sign, total, value)
        words = f"{spoken(sign, total, value)}: " if style == 2 else ""
        parts.append(f"{words}{total} {sign} {value} = {result}")
        total = result
    if style == 1:
        return f"{'First' if len(parts) > 1 else 'Here'} {', then '.join(parts)}.", total
    return (", " if style == 0 else ". ").join(parts), total


def problem(draw):
    """One problem: what it computes, and its line."""
    texts, signs = draw.choice(SHAPES)
    values = numbers(draw, signs)
    words = {"name": draw.choice(NAMES), "things": draw.choice(THINGS), **dict(zip("abc", values))}
    reasoning, answer = solution(draw, signs, values)
    line = {"problem": draw.choice(texts).format(**words), "solution": reasoning,
            "answer": str(answer)}
    return (signs, tuple(sorted(values)) if set(signs) == {"+"} else values), line


def take(draw, count, seen):
    """COUNT lines whose expressions are not among those SEEN, which grow."""
    lines = []
    while len(lines) < count:
        expression, line = problem(draw)
        if expression not in seen:
            seen.add(expression)
            lines.append(json.dumps(line) + "\n")
    return lines


def number(text):
    """A count of problems, far below the number of expressions that there are."""
    if not text.isdecimal() or int(text) > MOST:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to {MOST}, found '{text}'")
    return int(text)


def main():
    """The command."""
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("folder")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--train", type=number, default=1000)
    options.add_argument("--held-out", type=number, default=500)
    given = options.parse_args()
    draw, seen = random.Random(given.seed), set()
    files = {"held-out.jsonl": take(draw, given.held_out, seen),
             "train.jsonl": take(draw, given.train, seen)}
    os.makedirs(given.folder, exist_ok=True)
    for name, lines in files.items():
        with open(os.path.join(given.folder, name), "w", encoding="ascii") as file:
            file.writelines(lines)


if __name__ == "__main__":
    sys.exit(main())
