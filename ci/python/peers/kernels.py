"""The single kernels of ci/peers: their sizes and floors, and the worker's loop, which both sides
have. A worker times a case that is named in a request: calls for at least 20 ms."""
import time
from dataclasses import dataclass

from measure import Floor
from sides import serve

SECONDS = 0.02
MI = 2**20


@dataclass(frozen=True)
class Linear:
    """y (t, n) = x (t, k) w (n, k)'"""
    t: int
    n: int
    k: int

    @property
    def floor(self):
        return Floor(self.t * self.n * self.k,
                     4 * (self.t * self.n + self.t * self.k + self.n * self.k))


SQUARE = Linear(1024, 1024, 1024)
UP = Linear(2048, 4864, 896)
DOWN = Linear(2048, 896, 4864)
ROW = Linear(1, 4864, 896)
HEAD = Linear(128, 151936, 896)
HEADS, KV_HEADS, HEAD_DIM = 14, 2, 64
SWIGLU = ADAMW = 16 * MI
SEQUENCES, LENGTH = 64, 1024


def attention_floor(n):
    """Forward 2 products of pairs of a query and a key that it sees, backward 5; an exp of each
    pair in both."""
    pairs = n * (n + 1) / 2 * HEADS
    return Floor(7 * HEAD_DIM * pairs, functions={"exp": 2 * pairs})


FLOORS = {
    "product-square": SQUARE.floor,
    "product-up": UP.floor,
    "product-down": DOWN.floor,
    "product-down-input": DOWN.floor,
    "product-down-weight": DOWN.floor,
    # logits forward and again backward, dh, dw; an exp of each logit both times
    "head": Floor(4 * HEAD.t * HEAD.n * HEAD.k, 3 * 4 * HEAD.n * HEAD.k,
                  {"exp": 2 * HEAD.t * HEAD.n}),
    "attention-2048": attention_floor(2048),
    "attention-4096": attention_floor(4096),
    "linear-row": ROW.floor,
    "swiglu": Floor(bytes=3 * 4 * SWIGLU, functions={"sigmoid": SWIGLU}),
    "adamw": Floor(bytes=7 * 4 * ADAMW),
    "loss": Floor(bytes=13 * SEQUENCES * LENGTH,
                  functions={f: SEQUENCES * LENGTH for f in ("exp", "sigmoid", "sech2h")}),
}


def run(cases):
    """Serves requests. cases: by name, what makes a case's operands and returns its call."""
    kept = {}

    def answer(name):
        if name not in kept:
            kept.clear()  # its memory, before the next takes some
            call = cases[name]()
            call()  # the first takes memory
            begin = time.perf_counter()
            call()
            kept[name] = call, 1 + int(SECONDS / (time.perf_counter() - begin))
        call, repeats = kept[name]
        begin = time.perf_counter()
        for _ in range(repeats):
            call()
        return {"seconds": (time.perf_counter() - begin) / repeats}

    serve(answer)
