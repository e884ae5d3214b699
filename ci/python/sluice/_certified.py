"""Is what a certificate proves the gate that a trainer runs with (spec G6.1)? Internal."""
import os
from typing import Iterable, Union

import numpy

from . import gates
from ._errors import InvalidInput
from ._gate import Gate

_TRAIN = "`sluice train` with gate.certificate compares those, this does not"
_Sides = dict[str, list[list[str]]]


def _sides(facts: "Iterable[str]") -> _Sides:
    """The records of each side (spec G6.3), split at blanks."""
    found: _Sides = {}
    side: "list[list[str]]" = []
    for line in facts:
        words = line.split(" ")
        if words[0] == "old":
            raise InvalidInput("it is of a gate of two arguments, which no training has")
        if words[0] == "side":
            side = found.setdefault(words[1], [])
        elif words[0] == "require":
            raise InvalidInput(f"it has a requirement, {line}: {_TRAIN}")
        elif words[0] not in ("gate", "digest"):
            side.append(words)
    return found


def _used(gate: Gate, name: str, positive: bool) -> float:
    """The number that the weight is computed with: of a kernel's tau the binary32 one."""
    if name not in gate.parameters:
        raise InvalidInput(f"the gate has no parameter {name}")
    parameter = gate.parameters[name]
    value = parameter.pos if positive else parameter.neg
    kernel = gate.kernels[0 if positive else 1]
    smooth = kernel in ("sigmoid", "erf", "arctan", "softsign")
    return float(numpy.float32(value)) if smooth and name == "tau" else value


def _check_side(records: "list[list[str]]", gate: Gate, positive: bool) -> None:
    verdicts = {words[0]: words[1] for words in records if words[0][0] == "P"}
    for name in ("P1", "P2", "P3", "P4"):
        if verdicts.get(name) != "proved":
            raise InvalidInput(f"{name} is not proved: {verdicts.get(name)}")
    kind, text = next((w[0], " ".join(w[1:])) for w in records if w[0] in ("value", "weight"))
    if text != gate.expression(positive, weight=kind == "weight") or (
            gate.has_value(positive) != (kind == "value")):
        raise InvalidInput(f"it is another gate's, {kind} {text}")
    for words in records:
        if words[0] != "parameter":
            continue
        name, low, high, least, most = words[1:6]
        value = _used(gate, name, positive)
        if not float.fromhex(least) <= value <= float.fromhex(most):
            raise InvalidInput(
                f"{name} is {value!r} here, which is not in the certificate's [{low}, {high}]; "
                "verify(..., for_run=True) widens ranges to the numbers that a training uses")


def demand(gate: Gate, certificate: "Union[str, os.PathLike[str]]") -> None:
    """Raises InvalidInput, with what is missing, unless the file's certificate is accepted by
    `sluice-check`, and proves P1 to P4 of this gate with these parameters, for either sign.

    Stricter than `gate.certificate` of a training: the expression must have the gate's very text,
    and neither has a `require`.
    """
    path = os.fspath(certificate)
    if any("require" in line.split("#")[0].split() for line in gate.text.splitlines()):
        raise InvalidInput(f"{path}: the gate's file has a requirement: {_TRAIN}")
    checked = gates.check(path)
    if not checked:
        raise InvalidInput(f"{path}: the certificate is refused: {checked.text}")
    sign = "A > 0"
    try:
        sides = _sides(checked.facts)
        for sign, name, positive in (("A > 0", "pos", True), ("A <= 0", "neg", False)):
            records = sides.get(name) or sides.get("pos")
            if not records:
                raise InvalidInput("the certificate does not have this sign")
            _check_side(records, gate, positive)
    except InvalidInput as error:
        raise InvalidInput(f"{path}: {sign}: {error}") from error
