"""A batch of the gated loss as the library takes it. Internal."""
import re
from functools import lru_cache
from typing import Any, NamedTuple, Tuple

import numpy

from . import _arrays
from ._errors import InvalidInput
from ._library import Batch


class Rows(NamedTuple):
    """Sequences of a batch."""
    seq: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]"
    """offsets into its flat arrays"""
    begin: int
    """the address of these"""
    size: int
    """how many sequences they are"""
    own: "numpy.ndarray[Any, Any] | None" = None
    """which of these are the caller's; None for all"""


def _rows(seq: "numpy.ndarray[Any, numpy.dtype[numpy.uint32]]",
          own: "numpy.ndarray[Any, Any] | None" = None) -> Rows:
    return Rows(seq, _arrays.address(seq), seq.size - 1, own)


@lru_cache(maxsize=16)
def _padded(size: int, length: int) -> Rows:
    """A sequence a row: as often as it is needed, of a shape."""
    if size * length >= 2**32:
        raise InvalidInput(f"{size} x {length} tokens are 2^32 or more: pass parts of the batch, "
                           "with denominators")
    return _rows(numpy.arange(size + 1, dtype=numpy.uint32) * numpy.uint32(length))


def rows_of(shape: "tuple[int, ...]", seq: object) -> Rows:
    """The sequences of a padded batch (B, T) are its rows, of a packed one (T,) as `seq` says."""
    if len(shape) == 2:
        if seq is not None:
            raise InvalidInput("seq is for a packed batch of shape (T,): a padded one of shape "
                               "(B, T) has a sequence a row")
        return _padded(*shape)
    if len(shape) != 1:
        raise InvalidInput(f"log-probs have shape {tuple(shape)}: pass a padded batch (B, T), or a "
                           "packed one (T,) with seq, the offsets of its sequences")
    if seq is None:
        raise InvalidInput("log-probs of shape (T,) are a packed batch: pass seq, the offsets of "
                           "its sequences, as [0, 3, 7]")
    return _rows(_arrays.offsets("seq", seq, shape[0]))


def from_first(rows: Rows, mask: "numpy.ndarray[Any, numpy.dtype[numpy.uint8]]") -> Rows:
    """Each sequence from its first unmasked token, so that padding before it cannot affect the
    chunks of a sum over it (spec O1.2). What lies before is then a sequence of its own, without
    tokens."""
    flat, seq = mask.reshape(-1), rows.seq
    parts = [flat[begin:end] for begin, end in zip(seq[:-1].tolist(), seq[1:].tolist())]
    # argmax is 0 where there is none, which is as good a beginning as any.
    first = numpy.array([(part != 0).argmax() if part.size else 0 for part in parts], numpy.uint32)
    both = numpy.empty(2 * rows.size + 1, numpy.uint32)
    both[0:-1:2], both[1::2], both[-1] = seq[:-1], seq[:-1] + first, seq[-1]
    return _rows(both, numpy.arange(1, both.size, 2))


class Advantages(NamedTuple):
    """One address of the two: of an advantage a sequence, or of one a token (spec O4.7)."""
    by_sequence: "int | None"
    by_token: "int | None"
    owner: object


def advantages_of(given: _arrays.Place, shape: "tuple[int, ...]", rows: Rows) -> Advantages:
    """Advantages (B,), or of the shape of the log-probs. A packed batch with as many tokens as
    sequences, not one in each, could mean both."""
    begin, found, owner = given
    size = rows.size
    if found != (size,) and found != shape:
        raise _arrays.Wrong(
            f"advantages has shape {tuple(found)}, and must have {(size,)}, one a sequence, or "
            f"{tuple(shape)}, one a token")
    if found != shape:
        return Advantages(begin, None, owner)
    if found == (size,) and (numpy.diff(rows.seq) != 1).any():
        raise InvalidInput(f"advantages of shape {tuple(shape)} may be those of {size} sequences "
                           f"or of {size} tokens: pass this batch padded, as (B, T)")
    return Advantages(None, begin, owner)


class Taken(NamedTuple):
    """A batch whose coefficients are still missing."""
    batch: Batch
    shape: "Tuple[int, ...]"
    rows: Rows
    given: int
    """how many sequences are the caller's"""
    owners: "Tuple[object, ...]"
    """what holds the memory: to be kept as long as the batch"""


def taken(logp_new: object, logp_old: object, advantages: object, mask: object, seq: object,
          logp_ref: object, entropy: object, by_sequence: bool) -> Taken:
    """The arrays of `sluice.gated_loss`. by_sequence: whether the ratio is that of a sequence."""
    new = _arrays.floats_at("logp_new", logp_new)
    shape = new[1]
    old = _arrays.floats_at("logp_old", logp_old, shape)
    live = _arrays.flags_at("mask", mask, shape)
    rows = given = rows_of(shape, seq)
    one = advantages_of(_arrays.floats_at("advantages", advantages), shape, rows)
    ref = None if logp_ref is None else _arrays.floats_at("logp_ref", logp_ref, shape)
    bits = None if entropy is None else _arrays.floats_at("entropy", entropy, shape)
    advantage, wide = one.by_sequence, None
    if by_sequence:
        rows = from_first(rows, _arrays.flags("mask", mask, shape))
        if advantage is not None:  # 0 for what lies before
            wide = numpy.zeros(rows.size, numpy.float32)
            wide[rows.own] = _arrays.floats("advantages", advantages)
            advantage = _arrays.address(wide)
    batch = Batch(new[0], old[0], ref[0] if ref else None, bits[0] if bits else None, live[0],
                  rows.begin, advantage, None, rows.size, one.by_token)
    return Taken(batch, shape, rows, given.size, (new, old, live, one, ref, bits, wide))


_SEQUENCE = re.compile(r"(\(sequence |: advantage\[)(\d+)")
_ADVANTAGE = re.compile(r"\b(?:token_)?advantage\[")
_TOKEN = re.compile(
    r"\b(logp_new|logp_old|logp_ref|entropy|token_advantage|log-ratio|token ?)\[(\d+)\]")


def in_callers_words(text: str, rows: Rows, shape: "Tuple[int, ...]") -> str:
    """A message of the library with the token's sequence, which a device does not name; with the
    caller's numbers of sequences, which are every second where `rows` has more, and his names; and
    of a padded batch with the row and column of a token."""
    found = _TOKEN.search(text)
    if found and "(sequence " not in text:
        row = int(numpy.searchsorted(rows.seq, int(found[2]), "right")) - 1
        text = f"{text[:found.end()]} (sequence {row}){text[found.end():]}"
    if rows.own is not None:
        text = _SEQUENCE.sub(lambda found: f"{found[1]}{int(found[2]) // 2}", text)
    if len(shape) == 2:
        text = _TOKEN.sub(
            lambda found: "{}[{}, {}]".format(found[1], *divmod(int(found[2]), shape[1])), text)
    return _ADVANTAGE.sub("advantages[", text)
