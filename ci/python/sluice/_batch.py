"""A batch of the gated loss as the library takes it: where sequences begin and how many of their
tokens count. Internal."""
import re
from typing import Any, NamedTuple

import numpy

from . import _arrays
from ._errors import InvalidInput
from ._library import lib


class Layout(NamedTuple):
    """Sequences of a batch. seq: offsets into its flat arrays. rows: which of the library's
    sequences are the caller's; None for all."""
    seq: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]"
    tokens: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]"
    """unmasked tokens of each of the caller's sequences"""
    rows: "numpy.ndarray[Any, Any] | None"


class Advantages(NamedTuple):
    """One array of the two: an advantage a sequence, or one a token (spec O4.7)."""
    by_sequence: "numpy.ndarray[Any, numpy.dtype[numpy.float32]] | None"
    by_token: "numpy.ndarray[Any, numpy.dtype[numpy.float32]] | None"


def advantages_of(value: object, shape: "tuple[int, ...]",
                  seq: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]") -> Advantages:
    """Advantages (B,), or of the shape of the log-probs. A packed batch with as many tokens as
    sequences, not one in each, could mean both."""
    array = _arrays.floats("advantages", value)
    size = seq.size - 1
    if array.shape not in ((size,), shape):
        raise _arrays.Wrong(f"advantages has shape {array.shape}, and must have {(size,)}, one a "
                            f"sequence, or {shape}, one a token")
    if array.shape != shape:
        return Advantages(array, None)
    if array.shape == (size,) and (numpy.diff(seq) != 1).any():
        raise InvalidInput(f"advantages of shape {shape} may be those of {size} sequences or of "
                           f"{size} tokens: pass this batch padded, as (B, T)")
    return Advantages(None, array)


def offsets_of(shape: "tuple[int, ...]", seq: object) \
        -> "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]":
    """Offsets of the sequences: of a padded batch (B, T) its rows, of a packed one (T,) `seq`."""
    if len(shape) == 2:
        if seq is not None:
            raise InvalidInput("seq is for a packed batch of shape (T,): a padded one of shape "
                               "(B, T) has a sequence a row")
        size, length = shape
        if size * length >= 2**32:
            raise InvalidInput(f"{size} x {length} tokens are 2^32 or more: pass parts of the "
                               "batch, with denominators")
        return numpy.arange(0, size * length + 1, length, dtype=numpy.uint32) if length \
            else numpy.zeros(size + 1, numpy.uint32)
    if len(shape) != 1:
        raise InvalidInput(f"log-probs have shape {shape}: pass a padded batch (B, T), or a packed "
                           "one (T,) with seq, the offsets of its sequences")
    if seq is None:
        raise InvalidInput("log-probs of shape (T,) are a packed batch: pass seq, the offsets of "
                           "its sequences, as [0, 3, 7]")
    return _arrays.offsets("seq", seq, shape[0])


def layout(mask: "numpy.ndarray[Any, numpy.dtype[numpy.uint8]]",
           seq: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]", from_first: bool) -> Layout:
    """from_first: each sequence begins at its first unmasked token, so that padding before it
    cannot affect the chunks of a sum over it (spec O1.2). What lies before is then a sequence of
    its own, without tokens."""
    counts = numpy.empty(seq.size - 1, numpy.uint32)
    lib.sl_objective_tokens(_arrays.address(counts), _arrays.address(mask), _arrays.address(seq),
                            counts.size)
    if not from_first:
        return Layout(seq, counts, None)
    flat = mask.reshape(-1)
    rows = [flat[begin:end] for begin, end in zip(seq[:-1].tolist(), seq[1:].tolist())]
    # argmax is 0 where there is none, which is as good a beginning as any.
    first = numpy.array([(row != 0).argmax() if row.size else 0 for row in rows], numpy.uint32)
    both = numpy.empty(2 * counts.size + 1, numpy.uint32)
    both[0:-1:2], both[1::2], both[-1] = seq[:-1], seq[:-1] + first, seq[-1]
    return Layout(both, counts, numpy.arange(1, 2 * counts.size, 2))


def in_callers_words(text: str, rows: "numpy.ndarray[Any, Any] | None") -> str:
    """A message of the library with the caller's numbers of sequences: rows are every second."""
    if rows is None:
        return text
    return re.sub(r"(\(sequence |: advantage\[)(\d+)",
                  lambda found: f"{found[1]}{int(found[2]) // 2}", text)


def spread(values: "numpy.ndarray[Any, Any]", rows: "numpy.ndarray[Any, Any] | None") \
        -> "numpy.ndarray[Any, Any]":
    """Values of the caller's sequences as those of the library's: 0 for the others."""
    if rows is None:
        return values
    wide = numpy.zeros(2 * values.size, values.dtype)
    wide[rows] = values
    return wide
