"""The command line: python3 -m conformance --numerics 2 COMMAND; see --help.

Each command ends with status 0 where every bit is as recorded, 1 where one is not, 2 where the
input is refused.
"""
import argparse
import sys
import time

from . import check, digests, examples, numerics, plants, records, sweep, training

VERSION = str(training.NUMERICS)


def run(arguments):
    """Train as a file says: the states of its ledger, then a comparison of ledger and state."""
    started = time.monotonic()

    def report(line):
        if line["kind"] in ("ledger", "measures"):
            return
        shown = line["state"] if line["kind"] == "step" else \
            f"evaluation {line['held_out_success']:.9g}"
        print(f"{line['phase']} {line['step']:5d} {shown} {time.monotonic() - started:8.1f} s",
              flush=True)

    found = records.train(arguments.file, report)
    if arguments.ledger:
        with open(arguments.ledger, "w", encoding="utf-8") as file:
            file.write(found.text)
    print(f"state {found.state}\nledger {found.ledger}\nmeasures {found.measures}")
    lines = records.differences(arguments.file, found)
    print("\n".join(lines + ["as recorded" if not lines else "NOT as recorded"]))
    return 1 if lines else 0


def check_examples(arguments):
    """Check every example of a folder."""
    count, lines = examples.check(arguments.folder)
    print("\n".join(lines + [f"{count} examples, {len(lines)} outputs differ"]))
    return 1 if lines or not count else 0


def check_functions(arguments):
    """The digests over all inputs of functions, minutes each (F5.2)."""
    recorded, wrong = sweep.recorded(arguments.file), 0
    for name in arguments.names or recorded:
        started, found = time.monotonic(), digests.hexadecimal(sweep.digest(name))
        wrong += found != recorded[name]
        print(f"{name} {found} {'as' if found == recorded[name] else 'NOT as'} recorded, "
              f"{time.monotonic() - started:.0f} s", flush=True)
    return 1 if wrong else 0


def parse():
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("--numerics", default=VERSION, help="version of the numerics")
    parser.add_argument("--plant", choices=plants.PLANTS, help="put in a fault: must be seen")
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("check", help="everything, with the seconds of each stage")
    command.add_argument("vectors", help="the folder spec/vectors")
    command.add_argument("--quick", action="store_true", help="leave out what takes minutes")
    command.add_argument("--jobs", type=int, default=1, help="stages at the same time")
    command.add_argument("--only", nargs="+", default=[], help="these stages")
    command.set_defaults(do=lambda given: check.everything(given.vectors, given.quick, given.jobs,
                                                           given.only))
    command = commands.add_parser("run", help="one run file")
    command.add_argument("file")
    command.add_argument("--ledger", help="write the ledger (F4.4) to this file")
    command.set_defaults(do=run)
    command = commands.add_parser("examples", help="a folder of examples")
    command.add_argument("folder")
    command.set_defaults(do=check_examples)
    command = commands.add_parser("sweep", help="all inputs of functions")
    command.add_argument("file", help="spec/vectors/functions.txt")
    command.add_argument("names", nargs="*", help="functions; all of the file if none is named")
    command.set_defaults(do=check_functions)
    arguments = parser.parse_args()
    if arguments.numerics != VERSION:
        parser.error(f"numerics version {arguments.numerics} is not known here; "
                     f"version {VERSION} is")
    return arguments


def main():
    arguments = parse()
    try:
        numerics.check_environment()
        with plants.planted(arguments.plant):
            return arguments.do(arguments)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
