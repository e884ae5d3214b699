"""Kernels judged against the exact result, within the bound that their arithmetic allows.

    def rmsnorm(x, w, eps):                      # tensors by the op's names, settings as floats
        return my_kernel(x, w, eps)

    sluice.equiv.assert_equivalent(rmsnorm, "rmsnorm", type="bf16", arrays="torch",
                                   contract="stored=norm")

Inputs are made from a seed, the kernel is called in this process, and `sluice equiv` judges what it
returned: no tolerance, and no other kernel to compare with. `sluice.equiv.conventions(op)` lists an
op's tensors with their axes, and its settings; docs/equivalence.md has all ops in one table.

Errors: NotEquivalent (an AssertionError) where the kernel is different or nothing was decided;
InvalidInput for an op, size or setting that does not exist, and for an answer that cannot be
judged, with its tensor and index; TimeLimit, MemoryLimit and CommandFailed of the judge. What the
kernel raises passes through.
"""
import functools
import json
import os
import re
import secrets
import shlex
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, Mapping, Sequence, Union

from . import _programs, _safetensors
from ._errors import InvalidInput, SluiceError, hidden, mapping_of, path_of
from ._judgement import Cause, Judgement, Output
from ._kernel import Call, Kernel, Place, outputs_by_name, stored
from ._numbers import decimal
from ._programs import Limits
from ._safetensors import Stored
from .gates import AnyGate, Gate, named

__all__ = ["Cause", "Conventions", "Judgement", "NotEquivalent", "Output", "Problem", "Tensor",
           "assert_equivalent", "conventions", "generate", "judge"]

__tracebackhide__ = hidden

Contract = Union[str, Mapping[str, object], None]
"""The arithmetic that a kernel may use (spec E1.2): "out=bf16,stored=norm", or a mapping."""
Settings = Mapping[str, object]
Shape = Union[str, Mapping[str, int], None]
"""Sizes of axes by their letter: {"t": 64, "d": 512}."""

_DECIDING = ("usual", "exact", "wide")  # these claim power (spec E4.2)


class NotEquivalent(SluiceError, AssertionError):
    """A kernel's answer is different, or its inputs decide nothing."""

    def __init__(self, message: str, judgements: "tuple[Judgement, ...]") -> None:
        super().__init__(message)
        self.judgements = judgements
        """of all kinds up to the one that the message is about"""


@dataclass(frozen=True)
class Tensor:
    """A tensor of an op. axes: a letter each, the outermost first; a digit belongs to the letter
    after it; "" is a number."""
    name: str
    axes: str
    values: str
    """"real", "index, below the size v", "0 or 1" and so on"""
    optional: bool


@dataclass(frozen=True)
class Conventions:
    """What an op is called with and returns."""
    op: str
    inputs: "tuple[Tensor, ...]"
    outputs: "tuple[Tensor, ...]"
    settings: "tuple[str, ...]"
    text: str
    """as the command prints them, with defaults and the causes that it knows"""

    def __str__(self) -> str:
        return self.text


@functools.lru_cache(maxsize=None)
def conventions(op: str) -> Conventions:
    """An op's tensors, settings and known causes. InvalidInput for an op that does not exist."""
    text = _programs.run("sluice", ["equiv", f"--op={op}", "--conventions"], Limits()).output
    tensors: "dict[str, list[Tensor]]" = {"input": [], "output": []}
    settings = []
    for line in text.split("\ncauses", maxsplit=1)[0].splitlines():
        if found := re.match(r"  (\w+) +(input|output) +(\S+) +(.*)", line):
            values, _, optional = found[4].partition("; ")
            axes = "" if found[3] == "-" else found[3]
            tensors[found[2]].append(Tensor(found[1], axes, values, bool(optional)))
        elif found := re.match(r"  (\w+) +default ", line):
            settings.append(found[1])
    return Conventions(op, tuple(tensors["input"]), tuple(tensors["output"]), tuple(settings), text)


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return value if isinstance(value, str) else decimal(name, value)[0]


def _pairs(given: "str | Mapping[str, object]", name: str) -> str:
    """"key=value,..." of a mapping; a list of values is joined by "+"."""
    if isinstance(given, str):
        return given
    given = mapping_of(name, given, '{"t": 64}' if name == "shape" else '{"out": "f32"}')
    return ",".join(
        f"{key}=" + ("+".join(str(x) for x in value) if isinstance(value, (list, tuple))
                     else _text(f"{name}: {key}", value)) for key, value in given.items())


def _options(settings: "Settings | None", contract: Contract) -> "list[str]":
    settings = mapping_of("settings", settings, '{"eps": 1e-5}')
    options = [f"--set={name}={_text(name, value)}" for name, value in settings.items()]
    return options + ([f"--contract={_pairs(contract, 'contract')}"] if contract else [])


@contextmanager
def _gate_option(gate: "AnyGate | None") -> "Iterator[list[str]]":
    """--gate; a gate file's parameters have their defaults."""
    if gate is None:
        yield []
        return
    if isinstance(gate, Gate) and gate.bound:
        values = ", ".join(sorted(gate.bound))
        raise InvalidInput(f"the gate has values ({values}), and a kernel is judged with its "
                           "parameters' defaults: load it without values; tau of a built-in gate "
                           "is settings={'tau_pos': ..., 'tau_neg': ...}")
    with named(gate) as name:
        yield [f"--gate={name}"]


def _judged(files: "Sequence[str]", elements: "int | str | None", gate: "AnyGate | None",
            folder: str, limits: Limits, **about: "str | None") -> Judgement:
    report = Path(folder, "report.json")
    extra = [] if elements is None else [f"--elements={elements}"]
    with _gate_option(gate) as option:
        try:
            done = _programs.run("sluice", ["equiv", *files, *extra, *option, f"--json={report}"],
                                 limits)
        except InvalidInput as error:  # in the caller's words: its files were made here
            text = re.sub(re.escape(folder) + r"/\w+\.safetensors: ", "", str(error))
            raise InvalidInput(text) from None
    return Judgement.of(json.loads(report.read_text("utf-8")), done.output, **about)


@dataclass(frozen=True)
class Problem:
    """Inputs that were generated, and how."""
    op: str
    seed: int
    type: str
    kind: str
    inputs: "Mapping[str, Stored]"
    texts: "Mapping[str, str]"
    options: "tuple[str, ...]"
    gate: "AnyGate | None" = None

    @property
    def settings(self) -> "dict[str, float | str]":
        """The op's settings: numbers as floats, choices as their names."""
        values: "dict[str, float | str]" = {}
        for name in conventions(self.op).settings:
            text = self.texts["sluice." + name]
            try:
                values[name] = float(text)
            except ValueError:
                values[name] = text
        return values

    @property
    def replay(self) -> str:
        """The command that generates the same inputs."""
        gate = [] if self.gate is None else ["--gate=" + (
            os.fspath(self.gate) if isinstance(self.gate, (str, os.PathLike)) else self.gate.name)]
        return shlex.join(["sluice", "equiv", *self.options, *gate, "-o", "inputs.safetensors"])

    def arrays(self, arrays: str = "numpy", device: "str | None" = None) -> "dict[str, Any]":
        """Inputs by name, in memory of their own: NumPy's arrays, or with arrays="torch" tensors,
        on `device`. bfloat16 is tensors alone."""
        place = Place.of(arrays, device)
        return {name: place.array(name, tensor) for name, tensor in self.inputs.items()}

    def judge(self, outputs: "Mapping[str, Any]", *, without: "Sequence[str]" = (),
              elements: "int | str | None" = None, timeout: "float | None" = None,
              memory: "int | None" = None) -> Judgement:
        """Judges outputs by name, as `conventions(op)` has them; optional ones may be missing.

        without: inputs that the kernel did not have, which the op can do without.
        elements: of each output at most, or "all"; None is 65,536.
        timeout, memory: limits of the judge, in seconds and bytes.
        """
        answer = {name: stored(name, value) for name, value in outputs.items()}
        with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
            path = Path(folder, "outputs.safetensors")
            if without:
                answer = {**{name: tensor for name, tensor in self.inputs.items()
                             if name not in without}, **answer}
            _safetensors.write(path, answer, self.texts)
            files = [f"--dump={path}" if without else f"--judge={path}"]
            if not without:
                inputs = Path(folder, "inputs.safetensors")
                _safetensors.write(inputs, self.inputs, self.texts)
                files.append(f"--inputs={inputs}")
            return _judged(files, elements, self.gate, folder, Limits(timeout, memory),
                           kind=self.kind, type=self.type, replay=self.replay)


def generate(op: str, *, seed: int, type: str = "f32", kind: str = "usual", shape: Shape = None,
             settings: "Settings | None" = None, contract: Contract = None,
             gate: "AnyGate | None" = None) -> Problem:
    """Inputs of an op from a seed, the same everywhere.

    seed: from 0 to 2^52. type: "f32", "bf16", "f16" or "f64", of all real inputs. kind: "usual",
    "cancelling", "wide", "subnormal", "ties", "masked" or "exact". shape: the size of each
    letter of the axes; the op's own where None. settings: {"eps": 1e-5}, floats as their shortest
    decimal.
    contract: spec E1.2. gate: of gated_loss, as sluice.gates has it.
    """
    options = [f"--gen={op}", f"--seed={seed}", f"--type={type}", f"--kind={kind}"]
    options += [f"--shape={_pairs(shape, 'shape')}"] if shape else []
    options += _options(settings, contract)
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        path = Path(folder, "inputs.safetensors")
        with _gate_option(gate) as option:
            _programs.run("sluice", ["equiv", *options, *option, f"--output={path}"], Limits())
        inputs, texts = _safetensors.read(path)
    return Problem(op, seed, type, kind, inputs, texts, tuple(options), gate)


def judge(dump: "Union[str, os.PathLike[str], Mapping[str, Any]]", op: "str | None" = None, *,
          settings: "Settings | None" = None, contract: Contract = None,
          gate: "AnyGate | None" = None, layouts: "Mapping[str, str] | None" = None,
          elements: "int | str | None" = None, seed: int = 1, timeout: "float | None" = None,
          memory: "int | None" = None) -> Judgement:
    """Judges inputs and outputs of your own: of a training step, of any framework.

    dump: arrays by the op's names, inputs and outputs together, or a file (safetensors, .npz).
    op: needed where no file says it. layouts: axes that are in another order, {"w": "kn"}.
    contract, settings, gate: as the kernel has them. elements: of each output at most, or "all".
    seed: of the sample, where an output has more. timeout, memory: limits of the judge.
    """
    options = [*([f"--op={op}"] if op else []), *_options(settings, contract), f"--seed={seed}"]
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        if isinstance(dump, Mapping):
            if op is None:
                raise InvalidInput("arrays do not say their op: pass op=\"linear\" or another")
            path = Path(folder, "dump.safetensors")
            texts = {f"sluice.layout.{name}": axes for name, axes in (layouts or {}).items()}
            _safetensors.write(path, {name: stored(name, x) for name, x in dump.items()}, texts)
        elif layouts:
            raise InvalidInput("a file says its layouts itself, as sluice.layout.NAME")
        else:
            path = Path(path_of("dump", dump))
        return _judged([f"--dump={path}", *options], elements, gate, folder,
                       Limits(timeout, memory))


@dataclass(frozen=True)
class _Request:
    """What assert_equivalent was asked for, of one kind of inputs."""
    op: str
    arrays: str
    device: "str | None"
    elements: "int | str | None"
    limits: Limits

    def judge(self, kernel: Kernel, problem: Problem) -> Judgement:
        """Calls the kernel and has its answer judged."""
        __tracebackhide__ = True  # pylint: disable=unused-variable  # pytest shows the caller
        known = conventions(self.op)
        optional = {tensor.name: tensor.optional for tensor in known.inputs}
        given = {name: optional[name] for name in problem.inputs}
        call = Call.of(kernel, self.op, given, problem.settings)
        values = {**problem.arrays(self.arrays, self.device), **problem.settings}
        returned = call(kernel, values)
        answer = outputs_by_name(returned, self.op, tuple(x.name for x in known.outputs))
        return problem.judge(answer, without=[name for name in given if not call.takes(name)],
                             elements=self.elements, timeout=self.limits.seconds,
                             memory=self.limits.memory)


def _message(judgement: Judgement, replay: str) -> str:
    lines = [judgement.summary(), "", *judgement.text.splitlines(), "", f"replays with {replay}"]
    return "\n".join(lines + [f"its inputs: {judgement.replay}"])


def _call(op: str, given: "Mapping[str, object]") -> str:
    """The line that calls it again."""
    defaults = {"type": "f32", "arrays": "numpy"}
    options = [f"{name}={value!r}" for name, value in given.items()
               if value is not None and value != defaults.get(name)]
    return f"assert_equivalent(kernel, {op!r}, {', '.join(options)})"


def assert_equivalent(
        kernel: Kernel, op: str, *, contract: Contract = None, type: str = "f32",
        kinds: "str | Sequence[str]" = ("usual", "exact"), shape: Shape = None,
        settings: "Settings | None" = None, gate: "AnyGate | None" = None,
        arrays: str = "numpy", device: "str | None" = None, seed: "int | None" = None,
        elements: "int | str | None" = None, timeout: "float | None" = None,
        memory: "int | None" = None, replay: "str | None" = None) -> "tuple[Judgement, ...]":
    """Calls a kernel on generated inputs of each kind; NotEquivalent unless its answers lie within
    the bound of its contract. Returns a judgement for each kind.

    kernel: is called with the op's inputs and settings whose names its parameters have; an input
        that the op can do without may be missing. It returns the outputs: an array, a tuple in the
        op's order (None for one that it lacks), or a mapping.
    op: "rmsnorm", "attention", "gated_loss", ...; conventions(op) has its tensors and axes.
    contract: the arithmetic that the kernel may use, "order=blocks:8,stored=p" (spec E1.2).
    type: of real inputs, "f32", "bf16", "f16" or "f64"; answers are stored so, or finer, unless the
        contract has `out`.
    kinds: "usual", "exact" and "wide" inputs must decide; "cancelling", "subnormal", "ties" and
        "masked" ones may be inconclusive.
    shape, settings, gate: as generate() has them.
    arrays: "numpy" or "torch", what the kernel is given; device: of tensors.
    seed: drawn where None; the error has the line that replays it.
    elements, timeout, memory: as Problem.judge has them.
    replay: what the error says in place of this call.
    """
    __tracebackhide__ = True  # pylint: disable=unused-variable
    kinds = (kinds,) if isinstance(kinds, str) else kinds
    if not kinds:
        raise InvalidInput("kinds is empty: pass (\"usual\", \"exact\")")
    seed = secrets.randbits(32) if seed is None else seed
    request = _Request(op, arrays, device, elements, Limits(timeout, memory))
    judgements = []
    for kind in kinds:
        again = replay or _call(op, dict(
            seed=seed, kinds=[kind], type=type, contract=contract, shape=shape, settings=settings,
            gate=gate, arrays=arrays, device=device, elements=elements))
        problem = generate(op, seed=seed, type=type, kind=kind, shape=shape, settings=settings,
                           contract=contract, gate=gate)
        judgement = request.judge(kernel, problem)
        judgements.append(judgement)
        undecided = judgement.outcome == "inconclusive"
        if judgement.outcome == "different" or undecided and kind in _DECIDING:
            raise NotEquivalent(_message(judgement, again), tuple(judgements))
    if not any(judgements):
        raise NotEquivalent(_message(judgements[0], again), tuple(judgements))
    return tuple(judgements)
