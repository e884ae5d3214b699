"""Everything that spec/vectors records, in stages: what `ci/conformance/check` runs."""
import functools
import multiprocessing
import time
import unittest
from pathlib import Path

from . import chats, digests, evaluation, examples, grading, plants, records, sweep, tasks, texts

TESTS = Path(__file__).resolve().parent.parent / "tests"
SWEPT = ("exp", "rsqrt")            # about ten minutes each
SHORT = ("variants", "signs", "mixed", "equations", "rewards", "eur", "cosine", "dynamic", "words")
LONG = ("run", "chunks")


def of_examples(vectors):
    count, lines = examples.check(vectors / "examples")
    return not lines and count > 0, lines + [f"{count} examples, {len(lines)} outputs differ"]


def grades(vectors):
    """How many pairs grades.jsonl has, and those that are graded otherwise (F3.13)."""
    rows = [row for _, row in tasks.json_lines(vectors / "grades.jsonl")]
    said = {True: "text", False: "value"}
    wrong = []
    for row in rows:
        equal, by_text = grading.grade(row["text"], row["gold"])
        if (equal, said[by_text]) != (row["equal"], row["by"]):
            wrong.append(f"{row}: equal {equal} by {said[by_text]}")
    return len(rows), wrong


def of_grades(vectors):
    count, lines = grades(vectors)
    return not lines and count > 400, lines + [f"{count} pairs, {len(lines)} graded otherwise"]


def of_sampled(vectors):
    count, lines = evaluation.differences(vectors)
    return not lines and count > 1, lines + [f"{count} lines and the figures of an evaluation"]


def of_ids(vectors):
    count, lines = texts.ids(vectors)
    return not lines and count > 500, lines + [f"{count} texts of tokenizers, {len(lines)} "
                                               "encoded or decoded otherwise"]


def of_conversations(vectors):
    count, lines = texts.conversations(vectors)
    return not lines and count > 100, lines + [f"{count} conversations, {len(lines)} otherwise"]


def of_chats(name, vectors):
    count, lines = TEXTS[name](vectors)
    return not lines and count > 10, lines + [f"{count} of F7.10 to F7.12, {len(lines)} otherwise"]


def of_tests(_):
    suite = unittest.defaultTestLoader.discover(str(TESTS))
    with open("/dev/null", "w", encoding="ascii") as nowhere:
        result = unittest.TextTestRunner(stream=nowhere).run(suite)
    failed = result.failures + result.errors
    return not failed and result.testsRun > 0, [text for _, text in failed] + [
        f"{result.testsRun} tests, {len(failed)} failed"]


def of_run(name, vectors):
    path = vectors / f"{name}.yaml"
    found = records.train(path)
    lines = records.differences(path, found)
    return not lines, lines + [f"state {found.state}, ledger {found.ledger}, "
                               f"measures {found.measures}"]


def of_sweep(name, vectors):
    found = digests.hexadecimal(sweep.digest(name))
    good = found == sweep.recorded(vectors / "functions.txt")[name]
    return good, [f"all inputs: {found}{'' if good else ', not as recorded'}"]


TEXTS = {"grades": grades, "sampled": evaluation.differences, "ids": texts.ids,
         "conversations": texts.conversations, "folders": chats.folders, "counted": chats.counted,
         "chats": chats.chats}


def seen(name, vectors):
    """The first line in which a planted fault is seen, or None."""
    where = plants.PLANTS[name][1]
    with plants.planted(name):
        if where in TEXTS:
            return next(iter(TEXTS[where](vectors)[1]), None)
        if where not in SHORT:
            return next(iter(examples.check(vectors / "examples", where)[1]), None)
        path = vectors / f"{where}.yaml"
        try:
            return next(iter(records.differences(path, records.train(path))), None)
        except ValueError as error:
            return f"{path}: {error}"


def of_plants(quick, vectors):
    """Every planted fault must be seen where its row says."""
    names = [name for name, row in plants.PLANTS.items() if not quick or row[1] not in SHORT]
    missed = [name for name in names if not seen(name, vectors)]
    lines = [f"NOT noticed: {name}: {plants.PLANTS[name][0]}" for name in missed]
    return not missed and bool(names), lines + [
        f"{len(names) - len(missed)} of {len(names)} faults noticed"]


def stages(quick):
    """Names and functions, the longest first, which shortens a check of several jobs."""
    of = {} if quick else {
        **{f"sweep {name}": functools.partial(of_sweep, name) for name in SWEPT},
        **{name: functools.partial(of_run, name) for name in LONG}}
    return {**of, "plants": functools.partial(of_plants, quick), "tests": of_tests,
            "examples": of_examples, "grades": of_grades, "sampled": of_sampled,
            "ids": of_ids, "conversations": of_conversations,
            **{name: functools.partial(of_chats, name) for name in ("folders", "counted", "chats")},
            **{name: functools.partial(of_run, name) for name in SHORT}}


def timed(name, quick, vectors):
    started = time.monotonic()
    good, lines = stages(quick)[name](vectors)
    return name, good, lines, time.monotonic() - started


def everything(vectors, quick, jobs, only):
    """All stages, or those named; prints what each says and its seconds."""
    started, bad = time.monotonic(), []
    names = only or list(stages(quick))
    if set(names) - set(stages(quick)):
        raise ValueError("stages are " + ", ".join(stages(quick)))
    work = functools.partial(timed, quick=quick, vectors=Path(vectors))
    with multiprocessing.Pool(jobs) as pool:
        for name, good, lines, seconds in pool.imap_unordered(work, names):
            print(f"{name:<14} {seconds:7.1f} s  " + "\n".join(lines), flush=True)
            bad += [] if good else [name]
    print(f"{'all':<14} {time.monotonic() - started:7.1f} s  "
          + ("as recorded" if not bad else "NOT as recorded: " + ", ".join(bad)))
    return 1 if bad else 0
