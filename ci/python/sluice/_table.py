"""Lines of JSON as columns. Internal."""
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Sequence

import numpy

from ._errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from pandas import DataFrame

Row = Mapping[str, Any]

_COUNTS = frozenset((
    "step", "updates", "tokens", "trained_tokens", "sampled_tokens", "clamped", "length_max",
    "timed_out", "sampling_rounds", "groups_dropped", "groups_kept", "tau_saturated", "rounds",
    "dropped"))  # spec F4.3, F4.4


def lines(path: Path) -> "Iterator[dict[str, Any]]":
    """The objects of a log. A last line without its end is one that is being written."""
    try:
        with open(path, encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith("\n"):
                    return
                try:
                    found = json.loads(line)
                except ValueError as error:
                    raise InvalidInput(f"{path}:{number}: {error}") from error
                if not isinstance(found, dict):
                    raise InvalidInput(f"{path}:{number}: no JSON object")
                yield found
    except OSError as error:
        raise InvalidInput(f"{path}: {error.strerror}: is this the folder of a run?") from error


def _column(name: str, values: "Sequence[Any]") -> "numpy.ndarray[Any, Any]":
    """Counts as int64, other numbers as float64 with NaN where there is none, all else as objects.
    By the name, because a real that is 0 is written as a count is."""
    kinds = {type(value) for value in values}
    if name in _COUNTS and kinds <= {int}:
        return numpy.array(values, numpy.int64)
    if kinds <= {int, float, type(None)}:
        return numpy.array([numpy.nan if x is None else x for x in values], numpy.float64)
    if kinds <= {bool}:
        return numpy.array(values, numpy.bool_)
    column = numpy.empty(len(values), object)
    for i, value in enumerate(values):
        column[i] = value
    return column


@dataclass(frozen=True)
class Table:
    """Rows of a log. table["success"] is a column as an array: int64 of counts, float64 of other
    numbers (NaN where a row has none), bool, or objects; arrays() has all of
    them, frame() is a DataFrame."""
    rows: "tuple[Row, ...]"

    @property
    def columns(self) -> "tuple[str, ...]":
        """Their names, in the order in which rows first have them."""
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, column: str) -> "numpy.ndarray[Any, Any]":
        if column not in self.columns:
            raise KeyError(f"{column}: the columns are {', '.join(self.columns)}")
        return _column(column, [row.get(column) for row in self.rows])

    def arrays(self) -> "dict[str, numpy.ndarray[Any, Any]]":
        """All columns."""
        return {name: self[name] for name in self.columns}

    def frame(self) -> "DataFrame":
        """A DataFrame. Needs pandas."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            raise Unavailable("frame() needs pandas: pip install pandas; arrays() has the same "
                              "columns") from error
        frame: DataFrame = DataFrame(self.arrays())
        return frame

    def _repr_html_(self) -> str:
        try:
            return str(self.frame().to_html(max_rows=20))
        except Unavailable:
            return f"<pre>{len(self)} rows: {', '.join(self.columns)}</pre>"
