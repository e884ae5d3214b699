"""Gates: files and built-ins, with their parameters bound (spec/gates.md). Internal: see gates."""
import ctypes
import itertools
import math
import os
import weakref
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Mapping, Union

import numpy

from . import _arrays
from ._errors import InvalidInput, path_of
from ._library import (
    FAMILIES, Error, GateParameter, GateParameterInfo, GateStruct, fail, lib)
from ._numbers import decimal

Value = Any
"""A parameter's value: a number, or a pair of them, for A > 0 and for A <= 0."""


@dataclass(frozen=True)
class Parameter:
    """A parameter of a gate: the range that its file declares, and its values."""
    name: str
    low: float
    high: float
    pos: float
    """for advantages above 0"""
    neg: float
    """for all others"""


def _pair(name: str, value: Value) -> "tuple[Value, Value]":
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise InvalidInput(f"{name}: pass one value, or two: for A > 0 and for A <= 0")
    return pair[0], pair[1]


def _bound(values: "Mapping[str, Value]") -> "tuple[tuple[str, float, float], ...]":
    """Name, value for A > 0 and value for A <= 0, of each that is given."""
    rows = []
    for name, value in values.items():
        pos, neg = _pair(name, value)
        rows.append((name, _binary64(name, pos), _binary64(name, neg)))
    return tuple(rows)


def _binary64(name: str, value: Value) -> float:
    if type(value) is float and math.isfinite(value):  # the shortest decimal reads back as it
        return value
    return float(decimal(name, value)[0])


_numbers = itertools.count()
_by_key: "weakref.WeakValueDictionary[str, Gate]" = weakref.WeakValueDictionary()


def by_key(key: str) -> "Union[str, Gate]":
    """The loaded gate of a key; a name or a path as it is."""
    if not key.startswith("<"):
        return key
    found = _by_key.get(key)
    if found is None:
        raise InvalidInput("the loaded gate of this call is no longer there: keep it as long as "
                           "what was compiled with it")
    return found


class Gate:
    """A gate with its parameters bound: what `load` and `parse` give."""

    def __init__(self, text: str, file: str, values: "Mapping[str, Value]") -> None:
        rows = _bound(values)
        given = (GateParameter * max(len(rows), 1))()
        for row, (name, pos, neg) in zip(given, rows):
            row.name, row.value[0], row.value[1] = name.encode(), neg, pos
        error, self.struct = Error(), GateStruct()
        self._owner = ctypes.c_void_p()
        try:
            raw = text.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            raise InvalidInput(f"{file}: the text holds half of a character") from None
        if lib.sl_gate_parse(ctypes.byref(self.struct), ctypes.byref(self._owner), raw, len(raw),
                             os.fsencode(file), given, len(rows), ctypes.byref(error)):
            fail(error)
        self.given = {name: _pair(name, value) for name, value in values.items()}
        """the values that it was given, for A > 0 and for A <= 0, as they were given"""
        self.text = text
        """the gate file"""
        self.file = file
        """the name that errors print"""
        self.bound = frozenset(name for name, _, _ in rows)
        """the parameters that were given values"""
        self.objectives: "dict[tuple[Any, ...], Any]" = {}
        """what `_compute.settings_of` made of it"""
        self.key = f"<{next(_numbers)}>"
        """a name by which an operator's call finds it (by_key)"""
        _by_key[self.key] = self

    def __reduce__(self) -> "tuple[Any, ...]":
        """A copy, or what pickle reads, is made from the text anew: what the library holds for a
        gate has one owner."""
        return Gate, (self.text, self.file, self.given)

    def __del__(self) -> None:
        if lib is not None and getattr(self, "_owner", None):
            lib.sl_gate_definition_free(self._owner)

    @property
    def name(self) -> str:
        """What the file calls it."""
        return str(lib.sl_gate_definition_name(self._owner).decode())

    @property
    def citation(self) -> str:
        """The publication or purpose that the file names."""
        return str(lib.sl_gate_definition_citation(self._owner).decode("utf-8", "replace"))

    @property
    def kernels(self) -> "tuple[str, str]":
        """What computes it in a loss, for A > 0 and for A <= 0: a family, or "expression"."""
        return FAMILIES[self.struct.family[1]], FAMILIES[self.struct.family[0]]

    @property
    def parameters(self) -> "dict[str, Parameter]":
        """Its parameters by name."""
        found = {}
        for i in range(lib.sl_gate_definition_parameters(self._owner)):
            info: GateParameterInfo = lib.sl_gate_definition_parameter(self._owner, i)
            name = info.name.decode()
            found[name] = Parameter(name, info.low, info.high, info.value[1], info.value[0])
        return found

    def has_value(self, positive: bool = True) -> bool:
        """False where the file declares f' alone (a weight)."""
        return bool(lib.sl_gate_definition_has_value(self._owner, int(positive)))

    def expression(self, positive: bool = True, weight: bool = False) -> "str | None":
        """f, or with weight f', as text; None where there is none."""
        buffer = ctypes.create_string_buffer(65536)
        found = lib.sl_gate_definition_expression(self._owner, int(positive), int(weight), buffer,
                                                  len(buffer))
        return buffer.value.decode() if found else None

    def evaluate(self, ratios: object, positive: bool = True) \
            -> "tuple[numpy.ndarray[Any, Any], numpy.ndarray[Any, Any]]":
        """f and f' at ratios, by the file's expression (spec G3.1).

        ratios: float32, of any shape; f and f' have the same. f is NaN where the gate is a weight.
        """
        r = _arrays.floats("ratios", ratios)
        f, w = numpy.empty_like(r), numpy.empty_like(r)
        lib.sl_gate_evaluate(self._owner, int(positive), _arrays.address(r), _arrays.address(f),
                             _arrays.address(w), r.size)
        return f, w

    def __repr__(self) -> str:
        values = ", ".join(
            f"{p.name}={p.pos:g}" if p.pos == p.neg else f"{p.name}=({p.pos:g}, {p.neg:g})"
            for p in self.parameters.values())
        return f"<gate {self.name}{': ' if values else ''}{values}>"


def is_path(name: str) -> bool:
    """Whether it is a file and not a built-in, by the rule of the commands."""
    return "/" in name or name.endswith(".gate")


def _text(name: str) -> str:
    if is_path(name):
        try:
            return Path(name).read_bytes().decode("utf-8", "surrogateescape")
        except OSError as error:
            raise InvalidInput(f"{name}: {error.strerror}") from error
    text = lib.sl_gate_builtin_text(name.encode())
    if text is None:  # this call says what was meant
        problem, gate, owner = Error(), GateStruct(), ctypes.c_void_p()
        lib.sl_gate_load(ctypes.byref(gate), ctypes.byref(owner), name.encode(), None, 0,
                         ctypes.byref(problem))
        fail(problem)
    return str(text.decode())


def load(name: "Union[str, os.PathLike[str]]", **values: Value) -> Gate:
    """A built-in gate by its name, or one of a file, by a path that holds a '/' or ends in .gate.

    values: of its parameters; a pair is for A > 0 and for A <= 0: load("erf", tau=(10, 12)).
    Errors: InvalidInput, with file:line:column.
    """
    name = path_of("the gate", name)
    return Gate(_text(name), name if is_path(name) else f"{name}.gate", values)


def parse(text: str, **values: Value) -> Gate:
    """A gate from the text of a gate file (spec/gates.md). Errors: as `load`."""
    if not isinstance(text, str):
        raise InvalidInput(f"the text of a gate is a {type(text).__name__}, and must be a str")
    return Gate(text, "text.gate", values)


@lru_cache(maxsize=64)
def loaded(name: str, rows: "tuple[tuple[str, float, float], ...]") -> Gate:
    """A built-in as often as it is needed."""
    return Gate(_text(name), f"{name}.gate", {n: (pos, neg) for n, pos, neg in rows})


def builtins() -> "tuple[str, ...]":
    """The names of the gates that are built in, those that tests expect to be refuted too."""
    return tuple(lib.sl_gate_builtin_name(i).decode() for i in range(lib.sl_gate_builtin_count()))
