"""The command line: python -m conformance --numerics 1 COMMAND; see --help."""
import argparse
import json
import re
import sys
import time

from . import configuration, digests, examples, numerics, plants, sweep
from .training import Run

VERSIONS = ("1",)


def stated_hash(path):
    """The hash of a `# state` line of a run file, or None."""
    with open(path, encoding="utf-8") as file:
        match = re.search(r"^# state ([0-9a-f]{32})$", file.read(), re.MULTILINE)
    return match and match.group(1)


def run(arguments):
    """Train as a file says; the states of its ledger, and a comparison of the last."""
    started = time.monotonic()
    ledger = open(arguments.ledger, "w", encoding="utf-8") if arguments.ledger else None

    def report(line):
        seconds = f"{time.monotonic() - started:8.1f} s"
        if line["kind"] == "evaluation":
            print(f"{line['phase']} {line['step']:5d} evaluation {line['held_out_success']:.9g} "
                  f"{seconds}", flush=True)
            return
        print(f"{line['phase']} {line['step']:5d} {line['state']} {seconds}", flush=True)
        if ledger:
            ledger.write(json.dumps(line, separators=(",", ":")) + "\n")

    final = Run(configuration.read(arguments.file), report).train()
    expected = stated_hash(arguments.file)
    print(f"state {final}")
    if expected and expected != final:
        print(f"{arguments.file}: expected state {expected}")
        return 1
    return 0


def check_examples(arguments):
    """Check every example of a folder."""
    count, lines = examples.check(arguments.folder)
    print("\n".join(lines + [f"{count} examples, {len(lines)} outputs differ"]))
    return 1 if lines or not count else 0


def check_plants(arguments):
    """Every planted fault must be seen on an example or, if not there, on a short run."""
    missed = 0
    for name, (what, *_) in plants.PLANTS.items():
        with plants.planted(name):
            lines = [line for folder in arguments.folders for line in examples.check(folder)[1]]
            lines = lines or other_state(arguments.run)
        missed += not lines
        print(f"{name}: {what}: " + (f"seen: {lines[0]}" if lines else "NOT SEEN"), flush=True)
    print(f"{len(plants.PLANTS)} faults, {missed} not seen")
    return 1 if missed else 0


def other_state(path):
    """A line that says how a run ends where that is not in the stated state."""
    try:
        final = Run(configuration.read(path), lambda line: None).train()
    except ValueError as error:
        return [f"{path}: {error}"]
    return [] if final == stated_hash(path) else [f"{path}: ended in state {final}"]


def check_functions(arguments):
    """The digests over all inputs of functions, minutes each (F5.2)."""
    recorded, wrong = sweep.recorded(arguments.file), 0
    for name in arguments.names or recorded:
        started, found = time.monotonic(), digests.hexadecimal(sweep.digest(name))
        wrong += found != recorded[name]
        print(f"{name} {found} {'as' if found == recorded[name] else 'NOT as'} recorded, "
              f"{time.monotonic() - started:.0f} s", flush=True)
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--numerics", required=True, help="version of the numerics")
    parser.add_argument("--plant", choices=plants.PLANTS, help="put in a fault: must be seen")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("run")
    command.add_argument("file")
    command.add_argument("--ledger", help="write the lines of F4.4 to this file")
    command.set_defaults(do=run)
    command = commands.add_parser("examples")
    command.add_argument("folder")
    command.set_defaults(do=check_examples)
    command = commands.add_parser("plants")
    command.add_argument("run", help="a short run file")
    command.add_argument("folders", nargs="+", help="folders of examples")
    command.set_defaults(do=check_plants)
    command = commands.add_parser("sweep")
    command.add_argument("file", help="spec/vectors/functions.txt")
    command.add_argument("names", nargs="*", help="functions; all of the file if none is named")
    command.set_defaults(do=check_functions)
    arguments = parser.parse_args()
    if arguments.numerics not in VERSIONS:
        parser.error(f"numerics version {arguments.numerics} is not known here; version 1 is")
    try:
        numerics.check_environment()
        with plants.planted(arguments.plant):
            return arguments.do(arguments)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
