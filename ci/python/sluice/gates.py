"""Gates: load them, prove them, have a proof checked, compare and draw them.

    verdict = sluice.gates.verify("erf", ranges={"tau": ("0.5", "20")})
    print(verdict)                                  # the table of `sluice verify`
    sluice.gates.check(verdict.certificate)         # a second program, other arithmetic

A gate is a built-in's name, the path of a gate file (it holds a '/' or ends in .gate), or what
`load` and `parse` give. Numbers are str, Decimal, Fraction or int, and meant exactly; a float means
the shortest decimal that reads back as it, and the verdict says which.

Proofs run in processes of their own: `timeout` is seconds by the clock, `memory` bytes of address
space; Ctrl-C ends them. Errors: InvalidInput (with the place in the file), TimeLimit, MemoryLimit,
Unavailable (this installation has no prover), CommandFailed.
"""
import itertools
import json
import os
import tempfile
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence, Union

import numpy

from . import _programs
from ._errors import InvalidInput, Unavailable, mapping_of, number_of
from ._gate import Gate, Parameter, builtins, load, parse
from ._numbers import Number, decimal, note
from ._programs import Limits
from ._verdict import (
    Certificate, Checked, Comparison, Enclosure, Finding, Interval, Side, Verdict, Witness)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = [
    "Certificate", "Checked", "Comparison", "Enclosure", "Finding", "Gate", "Interval", "Parameter",
    "Side", "Verdict", "Witness", "builtins", "check", "compare", "largest", "load", "parse",
    "plot", "verify",
]

AnyGate = Union[str, "os.PathLike[str]", Gate]
Ranged = Union[Number, Sequence[Number]]

LARGEST_RATIO = 1e6
"""What a picture of a gate shows something of."""

_BINARY32 = {"off": ["--no-float"], "some": ["--fast"], "all": []}


@contextmanager
def named(gate: AnyGate) -> "Iterator[str]":
    """What a command takes for a gate: a name or a path. A loaded gate, whose file may have
    changed since, is written to one for that long."""
    if not isinstance(gate, Gate):
        yield _programs.operand(gate)
        return
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        path = Path(folder, f"{gate.name}.gate")
        path.write_bytes(gate.text.encode("utf-8", "surrogateescape"))
        yield str(path)


def _values_of(gate: AnyGate, named: "Sequence[str]") -> "dict[str, Ranged]":
    """The values that a loaded gate was given, but for those that are named. A command has one
    value for both signs."""
    values: "dict[str, Ranged]" = {}
    if not isinstance(gate, Gate):
        return values
    for name in sorted(gate.bound.difference(named)):
        pos, neg = gate.given[name]  # as it was given: a Decimal may have more digits than a float
        texts = [decimal(name, pos)[0], decimal(name, neg)[0]]
        if Decimal(texts[0]) != Decimal(texts[1]):
            low, high = sorted(texts, key=Decimal)
            raise InvalidInput(
                f"{name} is {texts[0]} for A > 0 and {texts[1]} else: prove the "
                f"range that holds both, ranges={{'{name}': ('{low}', '{high}')}}")
        values[name] = pos
    return values


def _parameters(ranges: "Mapping[str, Ranged]") -> "tuple[list[str], tuple[str, ...]]":
    """The options for values and ranges, and notes on floats."""
    options, notes = [], []
    for name, given in ranges.items():
        ends = list(given) if isinstance(given, (tuple, list)) else [given]
        if len(ends) not in (1, 2):
            raise InvalidInput(f"{name}: pass a value, or a range of two, not {len(ends)}")
        texts = []
        for end in ends:
            text, floating = decimal(name, end)
            texts.append(text)
            if floating:
                notes.append(note(name, text))
        if len(texts) == 2 and Decimal(texts[0]) > Decimal(texts[1]):
            raise InvalidInput(f"{name}: the range begins at {texts[0]}, above its end {texts[1]}")
        options += ["--param", f"{name}={':'.join(texts)}"]
    return options, tuple(notes)


def _verify(gate: AnyGate, ranges: "Mapping[str, Ranged]", extra: "Sequence[str]",
            seconds: float, limits: Limits) -> Verdict:
    options, notes = _parameters({**_values_of(gate, tuple(ranges)), **ranges})
    seconds = number_of("seconds", seconds)
    with named(gate) as name, tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        certificate = Path(folder, "certificate")
        done = _programs.run("sluice", [
            "verify", name, *options, *extra, f"--seconds={seconds:g}", f"--cert={certificate}",
            "--json"], limits)
        return Verdict.of(json.loads(done.output), certificate.read_bytes(), notes)


def verify(gate: AnyGate, ranges: "Mapping[str, Ranged] | None" = None, *, binary32: str = "off",
           for_run: bool = False, seconds: float = 60.0, timeout: "float | None" = None,
           memory: "int | None" = None) -> Verdict:
    """Proves that a gate is admissible, or refutes it (spec G2).

    ranges: for each parameter a value, or a pair of ends to prove for all between them:
        {"tau": ("0.5", "20")}. What is not named has the gate's values.
    binary32: "all" looks at the weight as code, at every binary32 ratio (half a minute of
        processor time); "some" at one block of 4096 in 64; "off" leaves it out.
    for_run: widens values and ranges to binary32 neighbours, as a training needs it
        (gate.certificate).
    seconds: processor time for each sign, after which what is left is UNDECIDED.
    """
    if binary32 not in _BINARY32:
        raise InvalidInput(f"binary32 must be 'off', 'some' or 'all', not '{binary32}'")
    extra = _BINARY32[binary32] + (["--for-run"] if for_run else [])
    ranges = mapping_of("ranges", ranges, '{"tau": ("0.5", "20")}')
    return _verify(gate, ranges, extra, seconds, Limits(timeout, memory))


def largest(gate: AnyGate, parameter: str = "tau", *, seconds: float = 60.0,
            timeout: "float | None" = None, memory: "int | None" = None) -> Verdict:
    """Finds the largest interval of a parameter, around its default and within the file's range,
    for which the gate is admissible, and proves it: `sides[i].largest` of the verdict."""
    extra = ["--no-float", f"--largest={parameter}"]
    if isinstance(gate, Gate) and parameter in gate.bound:
        raise InvalidInput(f"{parameter} was given a value: load the gate without one, and its "
                           "default is where the search begins")
    return _verify(gate, {}, extra, seconds, Limits(timeout, memory))


def check(certificate: "Union[Certificate, Verdict, str, os.PathLike[str]]", *,
          timeout: "float | None" = None, memory: "int | None" = None) -> Checked:
    """Has a certificate checked by `sluice-check`, which shares no code with the prover.

    certificate: a Certificate, a Verdict (its certificate), or a file's path.
    """
    limits = Limits(timeout, memory)
    with tempfile.TemporaryDirectory(prefix="sluice-") as folder:
        if isinstance(certificate, Verdict):
            certificate = certificate.certificate
        if isinstance(certificate, Certificate):
            path = str(Path(folder, "certificate"))
            certificate.save(path)
        else:
            path = _programs.operand(certificate)
        done = _programs.run("sluice-check", [path], limits)
        facts: "tuple[str, ...]" = ()
        accepted = done.code == 0
        if accepted:
            facts = tuple(_programs.run("sluice-check", ["--facts", path],
                                        limits).output.splitlines())
            # By its exit status and its first word: by neither alone.
            accepted = bool(facts) and facts[0].startswith("gate ")
        text = (done.output + done.errors).replace(folder + "/", "").strip()
        return Checked(accepted, text, facts if accepted else ())


def _with_values(name: str, gate: AnyGate) -> str:
    """A gate as `sluice compare` takes it: parameters after commas."""
    return ",".join([name, *(f"{parameter}={decimal(parameter, value)[0]}"
                             for parameter, value in _values_of(gate, ()).items())])


def compare(*gates: AnyGate, match: "str | None" = None, vary: str = "tau",
            spread: "Number | Sequence[Number]" = (), negative: bool = False, seconds: float = 30.0,
            timeout: "float | None" = None, memory: "int | None" = None) -> Comparison:
    """Half-widths, suprema of r f' and effective update ratios (EUR) side by side.

    gates: as "sigmoid,tau=10" too. match: "eur", "half-width" or "sup": a parameter of each further
    gate, `vary`, is chosen so that this is as the first gate has it. spread: standard deviations of
    log r for EUR, up to four. negative: the gates of A <= 0.
    """
    if not gates:
        raise InvalidInput("compare needs a gate or more")
    if isinstance(spread, str) or not isinstance(spread, (Sequence, numpy.ndarray)):
        spread = (spread,)
    for gate in gates[1:] if match else ():
        if vary in gate.bound if isinstance(gate, Gate) else f",{vary}=" in os.fspath(gate):
            raise InvalidInput(f"{gate} has a value of {vary}, which match would choose: leave it "
                               "out, or vary another parameter")
    options = [f"--seconds={number_of('seconds', seconds):g}", f"--vary={vary}", "--json"]
    options += [f"--match={match}"] if match else []
    options += ["--negative"] if negative else []
    options += [f"--spread={decimal('spread', value)[0]}" for value in spread]

    def run(names: "list[str]", rest: "Sequence[AnyGate]") -> Comparison:
        if rest:
            with named(rest[0]) as name:
                return run([*names, _with_values(name, rest[0])], rest[1:])
        done = _programs.run("sluice", ["compare", *options, *names], Limits(timeout, memory))
        found = json.loads(done.output)
        if match and all(row["match"] == "no parameter" for row in found["gates"][1:]):
            raise InvalidInput(f"none of the further gates has a parameter {vary} to match by")
        return Comparison(found["side"], found["match"], tuple(found["gates"]))
    return run([], gates)


def plot(*gates: AnyGate, r_max: float = 4.0, negative: bool = False) -> "Figure":
    """Draws f, f' and r f' over 0 <= r <= r_max, a line for each gate. Needs Matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise Unavailable("gates.plot needs Matplotlib: pip install matplotlib") from error
    if not gates:
        raise InvalidInput("plot needs a gate or more")
    r_max = number_of("r_max", r_max)
    if not 0 < r_max <= LARGEST_RATIO:
        raise InvalidInput(f"r_max must be above 0 and at most {LARGEST_RATIO:g}, not {r_max:g}")
    r = numpy.linspace(0.0, r_max, 1001, dtype=numpy.float32)
    figure = Figure(figsize=(10.5, 3.2), layout="constrained")
    axes: Any = figure.subplots(1, 3)
    for gate, style in zip(gates, itertools.cycle(("-", "--", "-.", ":"))):
        loaded = gate if isinstance(gate, Gate) else load(gate)
        f, w = loaded.evaluate(r, positive=not negative)
        label = repr(loaded)[len("<gate "):-1]
        for axis, values in zip(axes, (f, w, r * w)):
            axis.plot(r, values, style, label=label)
    for axis, title in zip(axes, ("f", "f'", "r f'")):
        axis.set_title(title)
        axis.set_xlabel("importance ratio r")
        axis.axvline(1.0, color="0.8", linewidth=0.8, zorder=0)
    axes[0].legend(fontsize="small")
    return figure
