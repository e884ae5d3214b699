#!/usr/bin/env python3
"""A row of a table for each file of completions that `sluice eval --samples 1` kept, and examples.

Usage: figures.py [--examples N] NAME=FILE...
Format is the share of completions that have the whole template; intervals are Wilson's at 95 %.
Exit codes: 0, 2 usage, 3 a file that holds no completions.
"""
import argparse
import json
import math
import sys


def wilson(hits, trials):
    """The interval of a share at 95 %."""
    z, share = 1.959963984540054, hits / trials
    middle = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2))
    half /= 1 + z * z / trials
    return max(0, middle - half), min(1, middle + half)


def share(hits, trials):
    """A share with its interval, as a cell of a table."""
    low, high = wilson(hits, trials)
    return f"{100 * hits / trials:.1f} % ({100 * low:.1f} to {100 * high:.1f})"


def read(path):
    """The completions of a file."""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    if len(lines) < 2 or lines[0].get("kind") != "evaluation":
        raise ValueError("no completions of an evaluation")
    return lines[1:]


def main():
    """Prints the table, then the examples."""
    options = argparse.ArgumentParser(usage=__doc__)
    options.add_argument("--examples", type=int, default=0)
    options.add_argument("files", nargs="+", metavar="NAME=FILE")
    given, kept = options.parse_args(), {}
    for entry in given.files:
        name, _, path = entry.partition("=")
        try:
            kept[name] = read(path)
        except (OSError, ValueError) as error:
            print(f"{path}: {error}", file=sys.stderr)
            return 3
    print("| | right answers | whole format | ended | tokens |\n|---|---|---|---|---|")
    for name, lines in kept.items():
        count = len(lines)
        print(f"| {name} | {share(sum(line['correct'] for line in lines), count)} "
              f"| {share(sum(line['format'] == 1 for line in lines), count)} "
              f"| {100 * sum(line['ended'] for line in lines) / count:.0f} % "
              f"| {sum(len(line['ids']) for line in lines) / count:.1f} |")
    for i in range(given.examples):
        print()
        for name, lines in kept.items():
            line = lines[i]
            print(f"problem {line['problem']}, {name}, {'right' if line['correct'] else 'wrong'}: "
                  f"{json.dumps(line['completion'], ensure_ascii=False)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
