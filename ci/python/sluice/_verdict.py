"""What `sluice verify --json` says, as objects that print themselves. Internal: see gates."""
import html
import re
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, Iterator, Mapping, Union

_TITLES = {
    "P1": "continuously differentiable", "P2": "sup f' = 1, at r = 1", "P3": "monotone from r = 1",
    "P4": "r f' -> 0", "P4w": "f' -> 0 (not asked for)"}
_BOUNDS = {"f_inf": "inf f", "f_sup": "sup f", "effective_sup": "sup r f'",
           "half_below": "f' = 1/2 below 1 at", "half_above": "f' = 1/2 above 1 at"}
_BALL = re.compile(r"\[(\S+) \+/- (\S+)\]$")

Range = Union[Decimal, "tuple[Decimal, Decimal]"]


@dataclass(frozen=True)
class Enclosure:
    """A number that is proved to lie in [low, high]."""
    text: str
    low: Decimal
    high: Decimal

    @classmethod
    def of(cls, text: "str | None") -> "Enclosure | None":
        """Of a ball as the commands print it, "[1.25 +/- 2e-9]"; None for what is not known."""
        if text is None:
            return None
        match = _BALL.match(text)
        middle, radius = (Fraction(match[1]), Fraction(match[2])) if match else (Fraction(text), 0)
        return cls(text, _decimal(middle - radius), _decimal(middle + radius))

    def __float__(self) -> float:
        return float((Fraction(self.low) + Fraction(self.high)) / 2)

    def __str__(self) -> str:
        return self.text


def _decimal(value: Fraction) -> Decimal:
    """A sum of decimals is one, exactly."""
    digits = 0
    while (value * 10**digits).denominator != 1:
        digits += 1
    return Decimal(f"{(value * 10**digits).numerator}E-{digits}")


@dataclass(frozen=True)
class Witness:
    """Where a property does not hold."""
    r: Fraction
    """the importance ratio, exactly"""
    text: str
    """the ratio as the command prints it"""
    parameters: "Mapping[str, Decimal]"
    value: "str | None"
    """what breaks the property there, where it is a number"""

    @classmethod
    def of(cls, found: "Mapping[str, Any]") -> "Witness":
        """From the command's JSON."""
        power = int(found["exponent"])
        r = int(found["mantissa"]) * (Fraction(2)**power)
        return cls(r, found["r"], _decimals(found["parameters"]), found.get("value"))

    def __str__(self) -> str:
        at = ", ".join(f"{name} = {value}" for name, value in self.parameters.items())
        return f"r = {self.text}" + (f" ({at})" if at else "")


def _decimals(values: "Mapping[str, str]") -> "dict[str, Decimal]":
    return {name: Decimal(value) for name, value in values.items()}


@dataclass(frozen=True)
class Finding:
    """One property, or one requirement of the file: PROVED, REFUTED or UNDECIDED, and why."""
    name: str
    verdict: str
    text: str
    strict: bool = False
    """P3: strictly monotone"""
    witness: "Witness | None" = None
    bound: "Decimal | None" = None
    """P4 refuted: r f' stays beyond it for large r"""

    @classmethod
    def of(cls, name: str, found: "Mapping[str, Any]") -> "Finding":
        """From the command's JSON."""
        witness = Witness.of(found["witness"]) if "witness" in found else None
        bound = Decimal(found["bound"]) if "bound" in found else None
        return cls(name, found["verdict"], found["text"], bool(found.get("strict", False)), witness,
                   bound)

    @property
    def title(self) -> str:
        """Its name and meaning."""
        return f"{self.name} {_TITLES[self.name]}" if self.name in _TITLES else self.name


@dataclass(frozen=True)
class Interval:
    """The largest interval of a parameter for which the gate is proved admissible."""
    parameter: str
    low: Decimal
    high: Decimal
    low_reason: str
    """"declared" (the file's range ends), "refuted" or "open" (no proof beyond it)"""
    high_reason: str
    low_text: str
    high_text: str

    @classmethod
    def of(cls, found: "Mapping[str, Any] | None") -> "Interval | None":
        """From the command's JSON; None where none was found."""
        if not found or not found["found"]:
            return None
        low, high = found["low_end"], found["high_end"]
        return cls(found["parameter"], Decimal(found["low"]), Decimal(found["high"]),
                   low["reason"], high["reason"], low.get("text", ""), high.get("text", ""))

    def __str__(self) -> str:
        return f"{self.parameter} in [{self.low}, {self.high}]"


@dataclass(frozen=True)
class Side:
    """The findings for one sign of the advantage, or for "either sign" where they agree."""
    name: str
    parameters: "Mapping[str, Range]"
    properties: "Mapping[str, Finding]"
    requirements: "tuple[Finding, ...]"
    bounds: "Mapping[str, Enclosure | None]"
    """f_inf, f_sup, effective_sup (of r f'), half_below, half_above: for values, not for ranges;
    None where it is not known, or where there is none"""
    tail_order: "float | None"
    largest: "Interval | None"
    binary32: "Mapping[str, Any] | None"
    boxes: int
    seconds: float

    @classmethod
    def of(cls, found: "Mapping[str, Any]") -> "Side":
        """From the command's JSON."""
        measures = dict(found.get("measures", {}))
        if "supremum" in measures:  # in closed form, and narrower
            measures["effective_sup"] = measures["supremum"]
        asked: "dict[str, Range]" = {
            name: (Decimal(value[0]), Decimal(value[1])) if isinstance(value, list)
            else Decimal(value) for name, value in found["parameters"].items()}
        return cls(
            found["side"], asked,
            {name: Finding.of(name, found[name]) for name in _TITLES},
            tuple(Finding.of(one["require"], one) for one in found["requirements"]),
            {name: Enclosure.of(measures[name]) for name in _BOUNDS if name in measures},
            measures.get("tail_order") if not isinstance(measures.get("tail_order"), str)
            else float(measures["tail_order"]),
            Interval.of(found.get("largest")), found.get("binary32"), int(found["boxes"]),
            float(found["seconds"]))

    @property
    def findings(self) -> "tuple[Finding, ...]":
        """The properties, then the requirements."""
        return (*self.properties.values(), *self.requirements)

    def __str__(self) -> str:
        return ", ".join([self.name, *(_asked(n, v) for n, v in self.parameters.items())])


def _asked(name: str, value: Range) -> str:
    if isinstance(value, tuple):
        return f"{name} in [{value[0]}, {value[1]}]"
    return f"{name} = {value}"


@dataclass(frozen=True)
class Certificate:
    """A proof that `check`, another program on other arithmetic, reads."""
    text: bytes = field(repr=False)

    def save(self, path: "Union[str, Path]") -> None:
        """Writes it to a file, for `sluice-check` or a training's gate.certificate."""
        Path(path).write_bytes(self.text)


@dataclass(frozen=True)
class Verdict:
    """What is proved of a gate over the reals. True where it is admissible: P1 to P4 proved.

    str() is a table; in a notebook it is drawn as one.
    """
    gate: str
    verdict: str
    """PROVED, REFUTED or UNDECIDED, of P1 to P4"""
    requirements: "str | None"
    """the same of the file's requirements; None where it has none"""
    binary32: "bool | None"
    """whether the weight as code keeps P2 and P3 at every binary32 ratio; None: not looked at, or
    at some alone"""
    sides: "tuple[Side, ...]"
    certificate: Certificate
    notes: "tuple[str, ...]" = ()
    """what was made of the arguments: of each float the decimal that it stands for"""

    @classmethod
    def of(cls, found: "Mapping[str, Any]", certificate: bytes, notes: "tuple[str, ...]") \
            -> "Verdict":
        """From the command's JSON."""
        return cls(found["gate"], found["verdict"], found["requirements"], found["binary32_holds"],
                   tuple(Side.of(side) for side in found["sides"]), Certificate(certificate), notes)

    @property
    def admissible(self) -> bool:
        """P1 to P4 are proved."""
        return self.verdict == "PROVED"

    def __bool__(self) -> bool:
        return self.admissible

    @property
    def properties(self) -> "Mapping[str, str]":
        """The verdict of each property, over all signs: the worst."""
        order = ("REFUTED", "UNDECIDED", "PROVED")
        return {name: min((side.properties[name].verdict for side in self.sides), key=order.index)
                for name in _TITLES}

    @property
    def witnesses(self) -> "tuple[tuple[Side, Finding, Witness], ...]":
        """Each refutation that has a ratio, with its side and its finding."""
        return tuple((side, finding, finding.witness) for side in self.sides
                     for finding in side.findings if finding.witness is not None)

    @property
    def bounds(self) -> "Mapping[str, Mapping[str, Enclosure | None]]":
        """By the name of a side ("either sign", or "A > 0" and "A <= 0") its enclosures: f_inf,
        f_sup, effective_sup (of r f'), half_below and half_above (where f' is 1/2); None for
        what is not known or is nowhere. A side of a range has none: they are of values."""
        return {side.name: side.bounds for side in self.sides}

    def summary(self) -> str:
        """One line."""
        said = {"PROVED": "ADMISSIBLE, proved", "REFUTED": "NOT ADMISSIBLE, refuted",
                "UNDECIDED": "UNDECIDED"}[self.verdict]
        unmet = {"REFUTED": "; a requirement is NOT MET",
                 "UNDECIDED": "; a requirement is UNDECIDED"}
        return f"{self.gate}: {said}{unmet.get(self.requirements or '', '')}"

    def _binary32(self) -> str:
        if all(side.binary32 is None for side in self.sides):
            return "binary32: not checked"
        seen = any(side.binary32 and side.binary32["violations"] for side in self.sides)
        if self.binary32 is None and not seen:
            return "binary32: no violation at the ratios that were looked at, which are not all"
        return f"binary32: {'holds at every ratio' if self.binary32 else 'VIOLATED'}"

    def _lines(self) -> "Iterator[str]":
        for side in self.sides:
            yield f"{self.gate}, {side}  ({side.boxes} boxes, {1000 * side.seconds:.1f} ms)"
            for one in side.findings:
                yield f"  {one.title:<31} {one.verdict:<9} {one.text}"
            for name, value in side.bounds.items():
                yield f"  {_BOUNDS[name]:<31} {'not known' if value is None else value}"
            if side.largest:
                yield f"  {'admissible for':<31} {side.largest}"
        yield from (f"note: {note}" for note in self.notes)
        yield self._binary32()
        yield self.summary()

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _repr_html_(self) -> str:
        rows = []
        for side in self.sides:
            rows.append(f"<tr><th colspan=3 style='text-align:left'>{html.escape(str(side))}</th>"
                        "</tr>")
            for one in side.findings:
                rows.append("<tr>" + "".join(
                    f"<td style='text-align:left'>{html.escape(text)}</td>"
                    for text in (one.title, one.verdict, one.text)) + "</tr>")
        notes = "".join(f"<br>{html.escape(text)}" for text in (*self.notes, self._binary32()))
        return (f"<table><caption>{html.escape(self.summary())}</caption>{''.join(rows)}</table>"
                f"<small>{notes.removeprefix('<br>')}</small>")


@dataclass(frozen=True)
class Checked:
    """What `sluice-check` says of a certificate. True where it was accepted."""
    accepted: bool
    text: str
    """its report, with what the certificate establishes or where it fails"""
    facts: "tuple[str, ...]"
    """records as a training with gate.certificate reads them; none where it was refused"""

    def __bool__(self) -> bool:
        return self.accepted

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Comparison:
    """What `sluice compare` says: a row for each gate."""
    side: str
    matched: "str | None"
    rows: "tuple[Mapping[str, Any], ...]"
    """the command's JSON, a gate each: parameters, verdicts, half_below, half_above, sup_rf, eur"""

    def eur(self, gate: int, spread: int = 0) -> Enclosure:
        """The effective update ratio of a gate at the spread of that index."""
        found = Enclosure.of(self.rows[gate]["eur"][spread]["eur"]["enclosure"])
        assert found is not None
        return found

    def __str__(self) -> str:
        def cell(found: Any) -> str:
            return f"{found['value']:.9g}" if isinstance(found, Mapping) else str(found)
        lines = [f"{self.side}" + (f", matched by {self.matched}" if self.matched else "")]
        for row in self.rows:
            name = ",".join([row["gate"], *(f"{k}={v}" for k, v in row["parameters"].items())])
            eur = "  ".join(f"EUR s={e['spread']} {cell(e['eur'])}" for e in row["eur"])
            lines.append(f"{name:<24} half {cell(row['half_below'])} {cell(row['half_above'])}  "
                         f"sup r f' {cell(row['sup_rf'])}  {eur}")
        return "\n".join(lines)
