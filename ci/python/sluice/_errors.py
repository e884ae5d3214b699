"""The exceptions of this package. Their text has the place, and what to do; and arguments that are
of another kind than is needed."""
import os
from typing import Any, Mapping


class SluiceError(Exception):
    """The base of all others."""


class InvalidInput(SluiceError, ValueError):
    """An argument or an array that makes no sense, or a number that is not finite."""


class Unavailable(SluiceError, RuntimeError):
    """What this machine, thread or installation lacks."""


class CommandFailed(SluiceError, RuntimeError):
    """A command ended with an error of the system, or was killed."""


class MemoryLimit(SluiceError, MemoryError):
    """There was not enough memory, of the machine or under the limit that was given."""


class TimeLimit(SluiceError, TimeoutError):
    """A command took longer than the limit that was given."""


for _kind in (SluiceError, InvalidInput, Unavailable, CommandFailed, MemoryLimit, TimeLimit):
    _kind.__module__ = "sluice"  # a traceback then names what a caller can catch


def hidden(found: Any) -> bool:
    """pytest leaves out the frames of a module whose `__tracebackhide__` this is, where the error
    is one of these, whose text has the place. found: pytest's ExceptionInfo, or None."""
    return found is not None and isinstance(found.value, SluiceError)


def path_of(name: str, value: Any) -> str:
    """A name or a path as text."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise InvalidInput(f"{name} is a {type(value).__name__}: pass a name or a path")
    text = os.fsdecode(value)
    if "\0" in text:
        raise InvalidInput(f"{name} {text!r} holds a zero byte, and is no name or path")
    return text


def number_of(name: str, value: Any) -> float:
    """A number as a float. Of basic operations alone, so that torch.compile can trace it."""
    if isinstance(value, (int, float)):
        return float(value)
    if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__float__"):
        raise InvalidInput(f"{name} is {value!r}, and must be a number")
    return float(value)


def mapping_of(name: str, value: Any, example: str) -> "Mapping[Any, Any]":
    """A mapping; empty for None."""
    if value is not None and not isinstance(value, Mapping):
        raise InvalidInput(f"{name} is a {type(value).__name__}, and must be a mapping, such as "
                           f"{example}")
    return value or {}
