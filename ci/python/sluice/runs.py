"""Trainings: start them, go on with them, read what they wrote.

    run = sluice.runs.train("run.yaml", {"gate.name": "erf", "run.out": "runs/erf"})
    run.metrics().frame()                        # a pandas DataFrame; ["success"] is an array
    run.to_tensorboard("tensorboard/erf")

A run is the folder that `sluice train` writes (spec F4), also one that still goes on. Trainings are
processes of their own: Ctrl-C, or `timeout`, lets the step at work end and writes a checkpoint,
from which resume() goes on with the bits of a run that was not interrupted; a second Ctrl-C ends it
at once. `memory` is bytes of address space.

Errors: InvalidInput (with the file's place or the key), TimeLimit, MemoryLimit, CommandFailed where
a run diverged, is not the one that was started, or ended otherwise.
"""
import importlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Sequence, Union

import numpy

from . import _programs
from ._errors import CommandFailed, InvalidInput, Unavailable, mapping_of, path_of
from ._programs import Limits, operand
from ._table import Table, lines

__all__ = ["Ledger", "Run", "Study", "Table", "load", "resume", "study", "train"]

AnyPath = Union[str, "os.PathLike[str]"]
Settings = Mapping[str, object]
"""Keys of the configuration, "rl.steps" or nested: {"rl": {"steps": 100}}."""


@dataclass(frozen=True)
class Ledger:
    """What a run was, step by step, in digests (spec F4.4)."""
    numerics: int
    """the version of the specification that its bits have"""
    tensors: "tuple[str, ...]"
    certificate: "str | None"
    """the digest of the gate's proof, where the run is bound to one"""
    steps: Table
    """digests of state, tokens, rewards, log-probs, gradients and parameters"""
    measures: Table
    """the effective update ratio of each update, as exact texts"""
    changes: Table
    """keys with which the run went on otherwise"""


@dataclass(frozen=True)
class Run:
    """A run's folder."""
    path: Path

    @property
    def model(self) -> Path:
        """The model that it ended with, a folder that transformers loads; it appears at the end."""
        return self.path / "model"

    @property
    def config(self) -> str:
        """Its configuration, every key."""
        return (self.path / "config.yaml").read_text("utf-8")

    def _metrics(self, kind: str, phase: "str | None") -> Table:
        if phase not in (None, "sft", "rl"):
            raise InvalidInput(f"phase must be 'rl', 'sft' or None, not '{phase}'")
        return Table(tuple(row for row in lines(self.path / "metrics.jsonl")
                           if row.get("kind") == kind and phase in (None, row.get("phase"))))

    def metrics(self, phase: "str | None" = "rl") -> Table:
        """A row for each rollout ("rl"), or update of the warm start ("sft"); None: both. spec F4.3
        has the columns; `eur` and `clip_ratio` hold a list a row, one number an update."""
        return self._metrics("step", phase)

    def evaluations(self, phase: "str | None" = None) -> Table:
        """phase, step and held_out_success, a share of the held-out problems."""
        return self._metrics("evaluation", phase)

    def samples(self) -> Table:
        """Completions with prompt, answer and reward, some of each rollout."""
        return Table(tuple(lines(self.path / "samples.jsonl")))

    def ledger(self) -> Ledger:
        """Digests of each step. Two runs are the same, bit for bit, where these are."""
        head, *rest = lines(self.path / "ledger.jsonl")
        tables = {kind: Table(tuple(row for row in rest if row.get("kind") == kind))
                  for kind in ("step", "measures", "change")}
        return Ledger(head["numerics"], tuple(head["tensors"]), head.get("certificate"),
                      tables["step"], tables["measures"], tables["change"])

    @property
    def state(self) -> str:
        """The hash of parameters, moments and counters at its end, or at its last step so far: what
        two equal runs share."""
        found = self.summary()
        state = found.get("state") or found.get("last_step_state")
        if state is None:
            raise InvalidInput(f"{self.path}: the run has no step yet, and so no state")
        return str(state)

    def summary(self) -> "dict[str, Any]":
        """What `sluice report --json` says of it."""
        done = _programs.run("sluice", ["report", "--json", operand(self.path)], Limits())
        found: "dict[str, Any]" = json.loads(done.output)
        return found

    def report(self, page: AnyPath) -> None:
        """Writes the page of `sluice report`: curves, completions, hashes, in one file."""
        _programs.run("sluice", ["report", operand(self.path), f"--out={os.fspath(page)}"],
                      Limits())

    def to_tensorboard(self, folder: AnyPath) -> None:
        """Writes every number of metrics and evaluations as a scalar, rl/success and so on. Needs
        PyTorch with tensorboard, or tensorboardX."""
        target = path_of("the folder", folder)
        if os.path.exists(target) and not os.path.isdir(target):
            raise InvalidInput(f"{target}: a file is there: pass a folder")
        writer = _summary_writer(target)
        try:
            for row in (*self.metrics(None).rows, *self.evaluations().rows):
                for name, value in row.items():
                    if isinstance(value, (int, float)) and name != "step":
                        writer.add_scalar(f"{row['phase']}/{name}", value, row["step"])
        finally:
            writer.close()


def _summary_writer(folder: str) -> Any:
    for module in ("torch.utils.tensorboard", "tensorboardX"):
        try:
            return importlib.import_module(module).SummaryWriter(folder)
        except ImportError:
            pass
    raise Unavailable("to_tensorboard needs a SummaryWriter: pip install tensorboard beside "
                      "PyTorch, or pip install tensorboardX")


def load(path: AnyPath) -> Run:
    """A run's folder. InvalidInput where it has no metrics.jsonl."""
    run = Run(Path(path_of("the run", path)))
    if not (run.path / "metrics.jsonl").is_file():
        raise InvalidInput(f"{run.path}: there is no metrics.jsonl: is this the folder of a run?")
    return run


def _value(key: str, value: object) -> str:
    """A value as YAML reads it."""
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    if isinstance(value, str):
        return value
    if isinstance(value, (numpy.integer, numpy.floating, numpy.bool_)):
        value = value.item()
    if value is None or not isinstance(value, (bool, int, float, list, tuple)):
        raise InvalidInput(f"{key}: a {type(value).__name__} is no value of a key: pass a text, a "
                           "number, True or False")
    return json.dumps(value)


def _set_options(settings: "Settings | None", above: str = "") -> "list[str]":
    options = []
    settings = mapping_of("settings", settings, '{"rl.steps": 100}')
    for name, value in settings.items():
        if isinstance(value, Mapping):
            options += _set_options(value, f"{above}{name}.")
        else:
            options.append(f"--set={above}{name}={_value(above + name, value)}")
    return options


def _run(command: str, arguments: "Sequence[str]", limits: Limits) -> Run:
    try:
        done = _programs.run("sluice", [command, "--json", "--quiet", *arguments], limits,
                             gently=True)
    except InvalidInput as error:  # in the caller's words: his settings have keys and no numbers
        raise InvalidInput(re.sub(r"^--set \d+: ", "", str(error))) from None
    if done.code != _programs.DONE:
        text = done.errors.strip() or done.output.strip()
        raise CommandFailed(text.removeprefix(f"sluice {command}: error: "))
    found = json.loads(done.output.strip().splitlines()[-1])
    return Run(Path(found["run"]).absolute())


def train(config: AnyPath = "default", settings: "Settings | None" = None, *,
          timeout: "float | None" = None, memory: "int | None" = None) -> Run:
    """Trains to the end, and returns the run.

    config: a YAML file, or "default". settings: keys that it gets other values for; `run.out` is
    the run's folder, which must not be there. timeout: seconds, after which the run writes a
    checkpoint and TimeLimit is raised.
    """
    return _run("train", [operand(config), *_set_options(settings)], Limits(timeout, memory))


def resume(run: "Run | AnyPath", settings: "Settings | None" = None, *,
           timeout: "float | None" = None, memory: "int | None" = None) -> Run:
    """Goes on from the newest checkpoint. settings: keys that cannot affect the result, or a larger
    rl.steps; others are refused by name."""
    path = run.path if isinstance(run, Run) else Path(run)
    return _run("resume", [operand(path), *_set_options(settings)], Limits(timeout, memory))


@dataclass(frozen=True)
class Study:
    """A table of runs, and what they show together (docs/study.md)."""
    path: Path
    results: "Mapping[str, Any]"
    """study.json: clip_ratio, exercised, findings, arms, runs"""

    @property
    def page(self) -> Path:
        """study.html."""
        return self.path / "study.html"

    @property
    def findings(self) -> "dict[str, str]":
        """The verdict on each finding of the paper, by its key."""
        return {found["key"]: found["verdict"] for found in self.results["findings"]}

    def runs(self) -> "dict[tuple[str, int], Run]":
        """The finished runs, by arm and seed."""
        return {(row["arm"], row["seed"]): Run(self.path / row["arm"] / f"seed-{row['seed']}")
                for row in self.results["runs"] if row["finished"]}


def study(file: AnyPath, *, seeds: "Sequence[int] | None" = None, jobs: "int | None" = None,
          timeout: "float | None" = None, memory: "int | None" = None) -> Study:
    """Trains every arm of a study under every seed, and compares them. Finished runs are kept, and
    what was interrupted goes on, when it is called again.

    file: docs/study.md describes it. seeds: in place of the file's. jobs: runs at a time, one
    thread each; None is one a core. A run that fails does not stop the others: CommandFailed then
    names it.
    """
    options = [f"--seeds={','.join(str(seed) for seed in seeds)}"] if seeds is not None else []
    options += [f"--jobs={jobs}"] if jobs is not None else []
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        results = Path(folder, "study.json")
        done = _programs.run("sluice", ["study", operand(file), *options, f"--json={results}"],
                             Limits(timeout, memory), gently=True)
        if done.code != _programs.DONE:
            raise CommandFailed(done.errors.strip() or done.output.strip())
        (page,) = re.findall(r"^page: (.*)$", done.errors, re.M)
        return Study(Path(page).absolute().parent, json.loads(results.read_text("utf-8")))
