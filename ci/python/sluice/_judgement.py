"""What `sluice equiv` says of a kernel's answer. Internal."""
from dataclasses import dataclass
from typing import Any, Mapping


@dataclass(frozen=True)
class Cause:
    """A known wrong formula, or two together, that explains every number; or coarser arithmetic
    than the contract's, within whose error every number would be."""
    text: str
    """as the command says it, with ids of docs/equivalence.md where the defect is on record"""
    names: "tuple[str, ...]"
    """of the rows of reference/contract/causes.def"""

    @classmethod
    def all(cls, found: "list[list[dict[str, Any]]]", lines: "list[str]") -> "tuple[Cause, ...]":
        """From the command's JSON, with the words of its report: a line each, from the first."""
        at = next((i for i, line in enumerate(lines) if line.startswith("  explained by ")), 0)
        return tuple(cls(line[len("  explained by "):].strip(), tuple(row["name"] for row in rows))
                     for line, rows in zip(lines[at:], found))

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Output:
    """One output: how many elements were judged, and how far they lie from the exact values."""
    name: str
    elements: int
    judged: int
    wrong: int
    """beyond the bound, or not finite"""
    no_bound: int
    not_judged: int
    """the exact value overflows the type"""
    nonfinite: int
    ulps: float
    """the largest error, in units of the last place of the output's type at the exact value"""
    share: float
    """the largest error over its bound; above 1 is wrong"""
    share_p99: float
    """99 of 100 elements keep below it"""

    @classmethod
    def of(cls, found: "Mapping[str, Any]") -> "Output":
        """From the command's JSON, which has "inf" for infinity."""
        return cls(found["name"], found["elements"], found["judged"], found["wrong"],
                   found["no_bound"], found["not_judged"], found["nonfinite"],
                   float(found["ulps"]), float(found["share"]), float(found["share_p99"]))


@dataclass(frozen=True)
class Judgement:
    """A verdict: "equal", "different" or "inconclusive", and why. True where it is equal."""
    op: str
    outcome: str
    reason: str
    """for a difference the first wrong element, "y[3, 17] is ...; exact is ..., within ..." """
    causes: "tuple[Cause, ...]"
    outputs: "tuple[Output, ...]"
    shape: str
    contract: str
    text: str
    """the report as `sluice equiv` prints it"""
    kind: "str | None" = None
    """of the inputs, where they were generated"""
    type: "str | None" = None
    replay: "str | None" = None
    """the command that generates the inputs again"""

    @classmethod
    def of(cls, found: "Mapping[str, Any]", text: str, **about: "str | None") -> "Judgement":
        """From the command's JSON and its report."""
        lines = [line for line in text.splitlines() if not line.startswith("  dump  ")]
        return cls(found["op"], found["outcome"], found["reason"],
                   Cause.all(found["causes"], lines),
                   tuple(Output.of(row) for row in found["outputs"]), found["shape"],
                   found["contract"], "\n".join(lines), **about)

    def __bool__(self) -> bool:
        return self.outcome == "equal"

    @property
    def share(self) -> float:
        """The largest error over its bound, of all outputs."""
        return max((output.share for output in self.outputs), default=0.0)

    def summary(self) -> str:
        """One line: op, inputs, verdict."""
        about = " ".join(word for word in (self.op, self.type, self.kind) if word)
        if self:
            return f"{about}: equal, at most {self.share:.2g} of the bound"
        causes = "; ".join(str(cause) for cause in self.causes)
        return f"{about}: {self.outcome}: {causes or self.reason}"

    def __str__(self) -> str:
        return self.text
