"""ci/peers: the table of issue 17, measured here in turns with the peers.

    ci/peers [BUILD] [--quick] [--only ROW,...] [--threads 1,2] [--write FILE] [--resume] [--list]

All of it takes less than half an hour on a quiet machine, prints each row as it comes, and writes
ci/results/peers-CPU.md; part of it (--quick: three pairs, without the large models; --only) writes
no page unless --write names one. Each row is kept in rows.jsonl of the work folder when it is done:
--resume goes on from there, for the rows that are missing.

Exit codes: 0 measured, 1 some rows were not, with the reason in the table, 2 wrong options, 5
something that is needed is not here.
"""
import argparse
import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from measure import Result, number, take_turns, time_text
from page import file_name, page, processor, products_text, table
from rows import ROWS, Bench, function_ns
from sides import SideError

QUICK_PAIRS = 3


def options(argv):
    parser = argparse.ArgumentParser(prog="ci/peers", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--work", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--parse", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="three pairs, no large models")
    parser.add_argument("--only", help="rows, by the names that --list prints")
    parser.add_argument("--threads", default="1,2", help="1, 2 or 1,2 (default)")
    parser.add_argument("--write", metavar="FILE", help="the page")
    parser.add_argument("--resume", action="store_true", help="keep the rows that are done")
    parser.add_argument("--list", action="store_true", help="the names of the rows")
    given = parser.parse_args(argv)
    names = given.only.split(",") if given.only else list(ROWS)
    for name in names:
        if name not in ROWS:
            parser.error(f"no row '{name}': --list prints them")
    if given.threads not in ("1", "2", "1,2"):
        parser.error(f"--threads {given.threads}: 1, 2 or 1,2")
    given.rows = [n for n in names if given.only or not (given.quick and ROWS[n].large)]
    given.threads = [int(t) for t in given.threads.split(",")]
    return given


def available_gib():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) / 2**20 for line in file
                    if line.startswith("MemAvailable:"))


class Driver:
    def __init__(self, bench, given, vectors):
        self.bench, self.given, self.vectors, self.functions = bench, given, vectors, None

    def result(self, name, threads):
        """A row measured; what hinders that becomes its error."""
        row = ROWS[name]
        pairs = min(row.pairs, QUICK_PAIRS) if self.given.quick else row.pairs
        result = Result(name, threads, row.goal, [], [])
        try:
            if available_gib() < row.gib:
                raise SideError(f"needs {row.gib:g} GiB, and {available_gib():.1f} are free")
            if row.times:
                result.ours, result.peer = row.times(self.bench, self.vectors, pairs)
            else:
                self.measure(row, result, pairs)
        except (SideError, ValueError) as error:
            result.error = str(error)
        return result

    def measure(self, row, result, pairs):
        ours, peer = row.sides(self.bench, result.threads)
        peak = self.bench.asked(result.threads, "peak") if row.floor else None
        try:
            result.ours, result.peer, rates = take_turns(pairs, ours.measure, peer.measure,
                                                         peak.ask if peak else lambda: None)
            if peak:
                floor = row.floor(ours.program.ready) if callable(row.floor) else row.floor
                result.floors = [self.floor_seconds(floor, rate, result.threads)
                                 for rate in rates]
        finally:
            for side in (ours, peer):
                if getattr(side, "program", None) not in self.bench.kept():
                    side.stop()
            if peak:
                peak.stop()

    def floor_seconds(self, floor, rate, threads):
        if floor.functions and self.functions is None:
            self.functions = function_ns(self.bench, self.vectors)
        return floor.seconds(rate["gflops"], rate["gbytes"], self.functions, threads)


def say(result, seconds):
    row = ROWS[result.key]
    if result.error:
        text = "not measured: " + result.error
    else:
        text = (f"{time_text(statistics.median(result.ours))} against "
                f"{time_text(statistics.median(result.peer))}: ratio {number(result.ratio)} "
                f"({number(min(result.ratios))} to {number(max(result.ratios))}), "
                f"goal {number(result.bound)}: {result.verdict}")
    print(f"{row.work}, threads: {result.threads}: {text} [{seconds:.0f} s]", file=sys.stderr,
          flush=True)


def kept(path, given):
    """Results of an earlier run that --resume keeps, by (row, threads)."""
    if not given.resume or not os.path.exists(path):
        open(path, "w", encoding="utf-8").close()
        return {}
    with open(path, encoding="utf-8") as file:
        found = [Result(**json.loads(line)) for line in file]
    return {(r.key, r.threads): r for r in found if not r.error}


def measured(driver, given, path):
    """All rows that were asked for, those of one thread first; each is kept when it is done."""
    done = kept(path, given)
    for threads in given.threads:
        for name in given.rows:
            if threads not in ROWS[name].threads or (name, threads) in done:
                continue
            begin = time.monotonic()
            result = driver.result(name, threads)
            done[name, threads] = result
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(dataclasses.asdict(result)) + "\n")
            say(result, time.monotonic() - begin)
        driver.bench.close()
    return [done[name, threads] for name in given.rows for threads in given.threads
            if (name, threads) in done]


def machine_text(bench):
    name, _, family, model, vectors = processor(open("/proc/cpuinfo", encoding="utf-8").read())
    versions = ", ".join(f"{p} {importlib.metadata.version(p)}"
                         for p in ("torch", "transformers", "trl", "numpy"))
    priority = os.getpriority(os.PRIO_PROCESS, 0)
    return (f"{name} (family {family}, model {model}), {os.cpu_count()} processors, {vectors}; "
            f"{bench.run('version').splitlines()[0]}; Python {platform.python_version()}, "
            f"{versions}; glibc {platform.libc_ver()[1]}"
            + (f"; nice {priority}" if priority else "") + ".")


def mkl_verbose():
    """What PyTorch's first product prints."""
    done = subprocess.run(
        [sys.executable, "-c", "import torch; torch.ones(8, 8) @ torch.ones(8, 8)"],
        capture_output=True, text=True, check=False, env={**os.environ, "MKL_VERBOSE": "1"})
    return done.stdout


def main(argv):
    given = options(argv)
    if given.list:
        print("\n".join(f"{name:20} {row.work}" for name, row in ROWS.items()))
    if given.list or given.parse:
        return 0
    source = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(__file__))))
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        cpu = file.read()
    os.makedirs(given.work, exist_ok=True)
    bench = Bench(os.path.join(given.build, "sluice"), source, given.work)
    facts = {"cpu": processor(cpu)[0], "machine": machine_text(bench),
             "products": products_text(mkl_verbose(), processor(cpu)[4]),
             "before": os.getloadavg()[0], "processors": os.cpu_count()}
    results = measured(Driver(bench, given, processor(cpu)[4]), given,
                       os.path.join(given.work, "rows.jsonl"))
    facts["after"] = os.getloadavg()[0]
    whole = not given.quick and not given.only and given.threads == [1, 2]
    out = given.write or (whole and os.path.join(source, "ci", "results", file_name(cpu)))
    if out:
        with open(out, "w", encoding="utf-8") as file:
            file.write(page(facts, ROWS, results))
        print(f"written: {out}", file=sys.stderr)
    print(table(ROWS, results))
    return 1 if any(r.error for r in results) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
