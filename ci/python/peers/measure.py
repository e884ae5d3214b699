"""The bookkeeping of ci/peers: taking turns, medians, ratios, goals. Nothing here times anything
itself, so the tests run it on planted sides."""
import statistics
from dataclasses import dataclass, field

FLOOR_SHARE = 0.85
"""A goal asks for at most this share of what the machine could do at all."""


@dataclass(frozen=True)
class Floor:
    """What a row's work takes at least: multiply-adds at the rate of registers, bytes at the rate
    of a copy, and seconds of functions on one thread.

    Functions use the units that multiply-adds use, so the two are added; bytes can move meanwhile,
    unless they are those of a step of its own (`after`), as an optimiser's.
    """
    fmas: float = 0.0
    bytes: float = 0.0
    functions: "dict[str, float]" = field(default_factory=dict)
    after: float = 0.0

    def seconds(self, gflops, gbytes, function_ns, threads):
        """function_ns: of each function, an element, on one thread."""
        work = 2e-9 * self.fmas / gflops
        work += sum(1e-9 * n * function_ns[f] for f, n in self.functions.items()) / threads
        return max(work, 1e-9 * self.bytes / gbytes) + 1e-9 * self.after / gbytes


@dataclass
class Result:
    """A row on some threads: seconds of both sides, pair by pair, and of the floor."""
    key: str
    threads: int
    goal: float
    ours: "list[float]"
    peer: "list[float]"
    floors: "list[float]" = field(default_factory=list)
    error: str = ""

    @property
    def ratios(self):
        """The peer's time by ours: above 1 is ahead."""
        return [b / a for a, b in zip(self.ours, self.peer)]

    @property
    def ratio(self):
        return statistics.median(self.ratios)

    @property
    def floor_ratio(self):
        """What the ratio would be if we took the floor's time; None without a floor."""
        if not self.floors:
            return None
        return statistics.median(b / f for b, f in zip(self.peer, self.floors))

    @property
    def bound(self):
        """The goal: the figure, or what the floor leaves of it."""
        most = self.floor_ratio
        return self.goal if most is None else min(self.goal, FLOOR_SHARE * most)

    @property
    def verdict(self):
        if self.error:
            return "not measured"
        if self.ratio < self.bound:
            return "behind"
        return "met" if self.ratio >= self.goal else "met: floor"


def take_turns(pairs, ours, peer, beside=lambda: None):
    """Calls both sides `pairs` times, by turns first, and `beside` after each pair; the three
    lists of what they returned."""
    if pairs < 1:
        raise ValueError("at least one pair")
    times, beside_all = ([], []), []
    for pair in range(pairs):
        for side in (0, 1) if pair % 2 == 0 else (1, 0):
            seconds = (ours, peer)[side]()
            if not seconds > 0:
                raise ValueError(f"a time of {seconds} s")
            times[side].append(seconds)
        beside_all.append(beside())
    return times[0], times[1], beside_all


def number(x):
    """Two decimals below 10, one above: ratios are not known better."""
    return f"{x:.2f}" if x < 10 else f"{x:.1f}"


def time_text(seconds):
    """In the unit in which it has one to three digits before the point."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"
