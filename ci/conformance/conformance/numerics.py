"""Rounding, chains, dots and sums: numerics.md N1, N3 and N4.

A value "binary32 in binary64" is a float64 array whose elements are all binary32 numbers. Chains
are kept that way because the product of two of them is exact in binary64, so that a fused
multiply-add is one product, one sum and one rounding of that sum to binary32.
"""
import gmpy2
import numpy as np

F32 = np.float32
F64 = np.float64

# N1.8. Modules read these through this module, so that a planted fault can change them.
DOT_CHUNK = 256
SUM_CHUNK = 1024
SUM_LANES = 32
KEY_CHUNK = 64
BUTTERFLY = (16, 8, 4, 2, 1)

# A binary64 whose low 29 bits are these lies halfway between two normal binary32 numbers.
LOW_BITS = np.int64(0x1FFFFFFF)
HALFWAY = np.int64(0x10000000)
# Outputs worked on at a time in a dot: small enough for the second-level cache.
BLOCK = 16384

_IEEE64 = gmpy2.ieee(64)


def rn32(x):
    """A binary64 value rounded to binary32: the last step of RN32 (numerics.md, Notation)."""
    return np.asarray(x, F64).astype(F32)


def wide(x):
    """Binary32 in binary64, laid out so that a step along the first axis reads a run of memory."""
    return np.asarray(x, F32).astype(F64, order="C")


def chunks(n, size):
    """The pieces [begin, end) of [0, n), the last one shorter (N3)."""
    return [(begin, min(begin + size, n)) for begin in range(0, n, size)]


def check_environment():
    """N1.2: rounding is to nearest even, subnormals are neither flushed nor read as zero."""
    tiny, one = np.array([2.0 ** -149], F32), np.ones(1, F32)
    kept = (tiny * one)[0] != 0 and (np.array([2.0 ** -126], F32) * F32(0.5))[0] != 0
    tie = np.array([2.0 ** -24], F32)
    nearest = (one + tie)[0] == 1 and (one + tie * F32(1.5))[0] > 1 and (-one - tie)[0] == -1
    if not (kept and nearest):
        raise RuntimeError("the rounding mode is not to nearest, or subnormals are flushed")


# ---- fma (N1.3)

def round_to_odd(total, x, y):
    """Make total = x + y, rounded to nearest, the sum rounded to odd, in place.

    A second rounding, to 24 bits, is then that of the exact sum. The error of the sum is exact
    by Knuth's TwoSum; where there is one and the last bit is even, the odd neighbour on its side
    is the result.
    """
    back = total - x
    error = (x - (total - back)) + (y - back)
    even = (total.view(np.int64) & 1) == 0
    fix = np.nonzero((error != 0) & np.isfinite(error) & even)
    if fix[0].size:
        total[fix] = np.nextafter(total[fix], np.copysign(np.inf, error[fix]))


class Chains:
    """Chains of fma (N3.2), many at once: the accumulators start at +0 and take one step each.

    The plain sum rounded twice is wrong only where the first rounding hits the middle of two
    binary32 numbers. In the normal range those middles show in the low bits, so that all but a
    few elements need no more than a look. `careful` treats every element, which sums that may
    be subnormal need (see `coarse`).
    """

    def __init__(self, shape, careful=True):
        self.value = np.zeros(shape)            # binary32 in binary64
        self.careful = careful
        self.product, self.total = np.empty(shape), np.empty(shape)
        self.narrow, self.low = np.empty(shape, F32), np.empty(shape, np.int64)
        self.middle = np.empty(shape, bool)

    def step(self, a, b):
        """value = fma(a, b, value), a and b binary32 in binary64, broadcast."""
        np.multiply(a, b, out=self.product)
        np.add(self.product, self.value, out=self.total)
        if self.careful:
            round_to_odd(self.total, self.product, self.value)
        else:
            np.bitwise_and(self.total.view(np.int64), LOW_BITS, out=self.low)
            np.equal(self.low, HALFWAY, out=self.middle)
            if self.middle.any():
                part = self.total[self.middle]
                round_to_odd(part, self.product[self.middle], self.value[self.middle])
                self.total[self.middle] = part
        self.narrow[...] = self.total
        self.value[...] = self.narrow

    def result(self):
        """The accumulators as binary32."""
        return self.value.astype(F32)


def coarse(a, b):
    """Whether no fma of these factors needs care below the normal range.

    If the smallest factors multiply to 2^-131 or more, each product is a multiple of 2^-179, as
    every binary32 number is. A sum below 2^-126 then has at most 53 bits: it is exact in
    binary64, and rounding it to a subnormal is its only rounding.
    """
    return smallest(a) * smallest(b) >= 2.0 ** -131


def smallest(x):
    """The smallest magnitude that is not zero; infinity where there is none."""
    magnitude = np.abs(x)
    return np.min(magnitude, where=magnitude > 0, initial=np.inf)


def fma(a, b, c):
    """fma of binary32 arrays (N1.3)."""
    a, b, c = np.broadcast_arrays(wide(a), wide(b), wide(c))
    product = np.atleast_1d(a * b)
    total = product + c
    round_to_odd(total, product, np.atleast_1d(c))
    return total.astype(F32).reshape(a.shape)


def fma64(a, b, c):
    """fma of three binary64 scalars, by MPFR."""
    return float(_IEEE64.fma(gmpy2.mpfr(a), gmpy2.mpfr(b), gmpy2.mpfr(c)))


# ---- dots

def chain(a, b):
    """One chunk's chain (N3.2) along the first axis of a and b; the other axes broadcast."""
    chains = Chains(np.broadcast_shapes(a.shape[1:], b.shape[1:]), not coarse(a, b))
    for k in range(len(a)):
        chains.step(a[k], b[k])
    return chains.result()


def dot(a, b):
    """dot (N3.2) along the first axis; the other axes broadcast."""
    return dot_over_parts([(a, b)])


def dot_over_parts(parts):
    """dot over parts (N3.4): every part cut into chunks on its own, one total for all."""
    parts = [(wide(a), wide(b)) for a, b in parts]
    a, b = parts[0]
    shape = np.broadcast_shapes(a.shape[1:], b.shape[1:])
    total = np.zeros(shape, F32)
    rows = max(1, BLOCK // max(1, int(np.prod(shape[1:]))))
    for begin in range(0, shape[0], rows):
        block = slice(begin, begin + rows)
        for a, b in parts:
            a, b = (x if x.shape[1] == 1 else x[:, block] for x in (a, b))
            for first, last in chunks(len(a), DOT_CHUNK):
                total[block] = total[block] + chain(a[first:last], b[first:last])
    return total


def matmul(x, w):
    """y[t][n] = dot(K) of x[t] and w[n] (N3.3)."""
    return dot(np.asarray(x).T[:, :, None], np.asarray(w).T[:, None, :])


# ---- sums

def lanes_of(x):
    """x with its last axis filled up with +0 to full rows of lanes: shape (..., rows, lanes).

    A term of +0 changes no lane, because a lane starts at +0 and so never is -0.
    """
    n = x.shape[-1]
    rows = -(-n // SUM_LANES)
    filled = np.zeros(x.shape[:-1] + (rows * SUM_LANES,), x.dtype)
    filled[..., :n] = x
    return filled.reshape(x.shape[:-1] + (rows, SUM_LANES))


def butterfly(lane):
    """The joining of the lanes of the last axis (N3.6)."""
    for h in BUTTERFLY:
        lane = lane[..., :h] + lane[..., h:2 * h]
    return lane[..., 0]


def lane_sum(x):
    """The lane sum of one chunk along the last axis (N3.6), in the precision of x."""
    rows = lanes_of(x)
    lane = np.zeros(rows.shape[:-2] + (SUM_LANES,), x.dtype)
    for i in range(rows.shape[-2]):
        lane = lane + rows[..., i, :]
    return butterfly(lane)


def lane_sum_of_products(x, y):
    """The lane sum of the products of one chunk (N3.6), binary32."""
    x, y = wide(lanes_of(x)), wide(lanes_of(y))
    lanes = Chains(x.shape[:-2] + (SUM_LANES,))
    for i in range(x.shape[-2]):
        lanes.step(x[..., i, :], y[..., i, :])
    return butterfly(lanes.result())


def sum32(x):
    """sum (N3.6) along the last axis."""
    total = np.zeros(x.shape[:-1], F32)
    for begin, end in chunks(x.shape[-1], SUM_CHUNK):
        total = total + lane_sum(x[..., begin:end])
    return total


def sum_of_products(x, y):
    """sum of products (N3.6) along the last axis."""
    total = np.zeros(x.shape[:-1], F32)
    for begin, end in chunks(x.shape[-1], SUM_CHUNK):
        total = total + lane_sum_of_products(x[..., begin:end], y[..., begin:end])
    return total


def maximum(x, axis=-1):
    """max (N3.7), never -0."""
    return np.max(x, axis=axis) + x.dtype.type(0)


def sum64(x):
    """sum64 (N3.8) of a list of terms: rounds of lane sums until one result is left."""
    terms = np.asarray(x).astype(F64)
    if terms.size == 0:
        return F64(0)
    while True:
        terms = np.array([lane_sum(terms[b:e]) for b, e in chunks(terms.size, SUM_CHUNK)])
        if terms.size == 1:
            return terms[0]


def sum64_of_products(x, y):
    """sum64 of products (N3.8) of binary32 lists.

    The products of two binary32 numbers are exact in binary64, so that an fma of binary64 is
    their plain sum.
    """
    return sum64(wide(x) * wide(y))


# ---- packed sequences

class Packed:
    """T tokens of N sequences one after the other (N4.1), and their shards (N4.3)."""

    def __init__(self, seq, shards=1):
        self.seq = np.asarray(seq, np.int64)
        self.n = len(self.seq) - 1
        self.tokens = int(self.seq[-1])
        self.lengths = np.diff(self.seq)
        self.longest = int(self.lengths.max(initial=0))
        self.row = np.repeat(np.arange(self.n), self.lengths)
        self.position = np.arange(self.tokens) - self.seq[:-1][self.row]
        self.shards = shards
        self.bounds = [k * self.n // shards for k in range(shards + 1)]

    def pad(self, x):
        """(T, ...) to (N, longest, ...), +0 where a sequence has ended."""
        padded = np.zeros((self.n, self.longest) + x.shape[1:], x.dtype)
        padded[self.row, self.position] = x
        return padded

    def unpad(self, x):
        """The inverse of pad."""
        return x[self.row, self.position]

    def ranks(self):
        """For r = 0, 1, ...: the shards that have an r-th sequence, and those sequences.

        Totals of different shards are independent, so that the r-th sequences of all are taken
        together.
        """
        starts, ends = np.array(self.bounds[:-1]), np.array(self.bounds[1:])
        for r in range(int((ends - starts).max(initial=0))):
            shard = np.nonzero(starts + r < ends)[0]
            yield shard, starts[shard] + r


def token_dot(total, a, b, packed):
    """token dot (N4.2) of a (T, n) and b (T, k) into total (shards, n, k), in place.

    Sequences that have ended go on with terms of +0. Such a term can make +0 of a chain that is
    -0; the total, never -0, takes either alike. For the same reason a position at which all of a
    is 0 (masked rows of the head) may be left out.
    """
    careful = not coarse(a, b)
    a, b = packed.pad(wide(a)), packed.pad(wide(b))
    used = a.any(axis=2)
    for shard, sequence in packed.ranks():
        longest = int(packed.lengths[sequence].max(initial=0))
        rows = max(1, BLOCK // (len(shard) * b.shape[2]))
        right = b[sequence][:, :, None, :]
        for first in range(0, a.shape[2], rows):
            block = slice(first, first + rows)
            left = a[sequence, :, block, None]
            for begin, end in chunks(longest, DOT_CHUNK):
                chains = Chains(np.broadcast_shapes(left[:, 0].shape, right[:, 0].shape), careful)
                for t in np.nonzero(used[sequence, begin:end].any(axis=0))[0] + begin:
                    chains.step(left[:, t], right[:, t])
                total[shard, block] = total[shard, block] + chains.result()


def tree(totals):
    """The aligned binary tree over the shards' totals (N4.3), a power of two of them."""
    while len(totals) > 1:
        totals = totals[0::2] + totals[1::2]
    return totals[0]


def ascending(terms, start=0.0):
    """A binary64 chain of additions, left to right (N2.5)."""
    total = start
    for term in terms:
        total = total + term
    return total
