"""Problems that several tests share: log-probs near each other, advantages of both signs."""
import os
import pathlib
import signal

import numpy
import pytest


@pytest.fixture(scope="session", autouse=True)
def interruptible():
    """A shell's background job ignores SIGINT, and Python then raises no KeyboardInterrupt."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def source():
    """The source tree."""
    return pathlib.Path(os.environ["SLUICE_SOURCE"])


@pytest.fixture(scope="session")
def build():
    """The build tree."""
    return pathlib.Path(os.environ["SLUICE_BUILD"])


class Problem:
    """Sequences of lengths that differ, each with a mask that has holes."""

    def __init__(self, seed, lengths, spread=0.3):
        draw = numpy.random.default_rng(seed)
        self.lengths = lengths
        self.new = [(-3 * draw.random(n)).astype(numpy.float32) for n in lengths]
        self.old = [(x + spread * draw.standard_normal(x.size)).astype(numpy.float32)
                    for x in self.new]
        self.ref = [(x + spread * draw.standard_normal(x.size)).astype(numpy.float32)
                    for x in self.new]
        self.entropy = [draw.random(n).astype(numpy.float32) for n in lengths]
        self.mask = [draw.random(n) < 0.8 for n in lengths]
        for mask in self.mask:
            if mask.size:
                mask[0] = True
        self.advantages = draw.standard_normal(len(lengths)).astype(numpy.float32)
        self.advantages[-1] = 0.0

    def packed(self, parts=None):
        """Arguments of the loss for the sequences [begin, end), packed."""
        begin, end = parts or (0, len(self.lengths))
        rows = slice(begin, end)
        seq = numpy.concatenate([[0], numpy.cumsum(self.lengths[rows])])
        join = numpy.concatenate
        return dict(logp_new=join(self.new[rows]), logp_old=join(self.old[rows]),
                    mask=join(self.mask[rows]), seq=seq, logp_ref=join(self.ref[rows]),
                    entropy=join(self.entropy[rows]), advantages=self.advantages[rows])

    def padded(self, left, right, fill=numpy.nan):
        """The same, padded on both sides; what the padding holds must not matter."""
        shape = (len(self.lengths), left + max(self.lengths) + right)

        def table(rows, empty, kind):
            full = numpy.full(shape, empty, kind)
            for i, row in enumerate(rows):
                full[i, left:left + row.size] = row
            return full
        return dict(logp_new=table(self.new, fill, numpy.float32),
                    logp_old=table(self.old, fill, numpy.float32),
                    mask=table(self.mask, False, bool),
                    logp_ref=table(self.ref, fill, numpy.float32),
                    entropy=table(self.entropy, fill, numpy.float32),
                    advantages=self.advantages)

    def rows(self, gradient, left=0):
        """The sequences' gradients, of a packed or a padded one, one after the other."""
        if gradient.ndim == 1:
            return gradient
        return numpy.concatenate([gradient[i, left:left + n] for i, n in enumerate(self.lengths)])


@pytest.fixture(scope="session")
def problem():
    """Sequences up to three chunks of a sum long (spec N1.8), one without any token."""
    return Problem(1, [700, 1, 2500, 0, 1024, 33, 1025, 90])


@pytest.fixture(scope="session")
def make_problem():
    """For other sizes."""
    return Problem
