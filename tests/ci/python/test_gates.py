"""sluice.gates: verdicts as the commands say them, numbers as they are meant, limits that hold."""
import copy
import ctypes
import dataclasses
import decimal
import fractions
import gc
import os
import pathlib
import pickle
import re
import signal
import threading
import time

import numpy
import pytest
from sluice import _programs

import sluice
from sluice import gates

MINE = """gate mine
param tau in [0.5, 3] default 1
let z = tau*(r - 1)
f = 1 + atan(z)/tau
require sup(r*f') <= 1.1
"""
# Too many boxes for a moment, so that there is time to interrupt it.
SLOW = """gate slow
param a in [0.1, 10] default 1
param b in [0.1, 10] default 1
param c in [0.1, 10] default 1
let z = a*(r - 1)
f = 1 + (atan(z)/a)*(1 + 0.001*sin(b*r)*exp(-c*r))
"""
SLOW_RANGES = {"a": ("0.1", "10"), "b": ("0.1", "10"), "c": ("0.1", "10")}


def test_a_range_is_proved_and_its_certificate_accepted(tmp_path):
    verdict = gates.verify("erf", ranges={"tau": ("0.5", "20")})
    assert verdict and verdict.admissible and verdict.verdict == "PROVED"
    assert set(verdict.properties.values()) == {"PROVED"} and verdict.notes == ()
    (side,) = verdict.sides
    assert side.parameters == {"tau": (decimal.Decimal("0.5"), decimal.Decimal("20"))}
    text = str(verdict)
    assert "tau in [0.5, 20]" in text and text.endswith("erf: ADMISSIBLE, proved")
    assert "binary32: not checked" in text
    for given in (verdict, verdict.certificate):
        checked = gates.check(given)
        assert checked and "parameter tau 0.5 20 0x1p-1 0x1.4p+4" in checked.facts
    verdict.certificate.save(tmp_path / "c.cert")
    assert gates.check(tmp_path / "c.cert").accepted


def test_a_gate_of_the_page_without_parameters(source):
    (text,) = re.findall(r'`parse\("(.*?)"\)`', (source / "docs" / "python.md").read_text("utf-8"))
    verdict = gates.verify(gates.parse(text.replace("\\n", "\n")))
    assert verdict and str(verdict).startswith("mine, either sign  (")


def test_a_certificate_that_claims_more_is_refused():
    text = gates.verify("erf", ranges={"tau": ("0.5", "20")}).certificate.text
    assert text.count(b" 20") >= 1
    checked = gates.check(gates.Certificate(text.replace(b" 20", b" 90")))
    assert not checked and checked.facts == () and "REFUSED" in checked.text.upper()


@pytest.fixture
def refused():
    """A certificate that is not accepted."""
    text = gates.verify("erf", ranges={"tau": ("0.5", "20")}).certificate.text
    return gates.Certificate(text.replace(b" 20", b" 90"))


def test_a_lost_exit_status_accepts_nothing(refused, monkeypatch):
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with monkeypatch.context() as patch:  # nothing is started, that would take its time first
            patch.setattr(_programs, "_Process", None)
            with pytest.raises(sluice.Unavailable, match="this process ignores SIGCHLD"):
                gates.check(refused)
    finally:
        signal.signal(signal.SIGCHLD, before)

    c = ctypes.CDLL(None)
    c.signal(signal.SIGCHLD, ctypes.c_void_p(1))  # SIG_IGN, of which Python's module does not know
    try:
        with pytest.raises(sluice.Unavailable, match="waits for all children"):
            gates.check(refused)
    finally:
        c.signal(signal.SIGCHLD, None)


def test_a_status_alone_accepts_nothing(refused, monkeypatch):
    run = _programs.run
    monkeypatch.setattr(_programs, "run", lambda *given: dataclasses.replace(run(*given), code=0))
    assert not gates.check(refused) and gates.check(refused).facts == ()


def test_a_refutation_has_its_witness_exactly():
    verdict = gates.verify("clip")
    assert not verdict and verdict.verdict == "REFUTED" and verdict.properties["P1"] == "REFUTED"
    side, finding, witness = verdict.witnesses[0]
    assert (side.name, finding.name) == ("A > 0", "P1")
    assert abs(witness.r - fractions.Fraction(6, 5)) < fractions.Fraction(1, 2**100)
    assert witness.parameters["high"] == decimal.Decimal("0.2") and "high = 0.2" in str(witness)
    assert "NOT ADMISSIBLE" in str(verdict)


def test_bounds_are_enclosures():
    verdict = gates.verify("arctan", ranges={"tau": 1})
    (side,) = verdict.sides
    half = verdict.bounds["either sign"]["half_above"]
    assert half.low <= 2 <= half.high and half.high - half.low < decimal.Decimal("1e-15")
    assert float(half) == pytest.approx(2, abs=1e-15)  # an enclosure of that width holds 2
    assert side.tail_order == 2.0
    assert set(verdict.bounds["either sign"]) == {
        "f_inf", "f_sup", "effective_sup", "half_below", "half_above"}
    sup = verdict.bounds["either sign"]["effective_sup"]  # (1 + sqrt(2)) / 2, in closed form
    assert sup.low < decimal.Decimal("1.20710678118654752440") < sup.high
    assert sup.high - sup.low < decimal.Decimal("1e-15")
    assert gates.verify("arctan", ranges={"tau": (1, 2)}).bounds == {"either sign": {}}
    assert set(gates.verify("clip").bounds) == {"A > 0", "A <= 0"}


def test_requirements_are_told_apart_from_admissibility():
    verdict = gates.verify(gates.parse(MINE))
    assert verdict.admissible and verdict.requirements == "REFUTED"
    (one,) = verdict.sides[0].requirements
    assert one.name == "sup(r*f') <= 1.1" and one.witness.r > 1
    assert verdict.summary() == "mine: ADMISSIBLE, proved; a requirement is NOT MET"


@pytest.mark.parametrize("low, high, notes", [
    ("0.7", "1.2", 0), (decimal.Decimal("0.7"), decimal.Decimal("1.2"), 0),
    (fractions.Fraction(7, 10), fractions.Fraction(6, 5), 0), (0.7, 1.2, 2), (0.7, "1.2", 1),
    (numpy.float64(0.7), numpy.float32(1.2), 2)])
def test_numbers_are_meant_exactly_and_a_float_as_its_shortest_decimal(low, high, notes):
    verdict = gates.verify("sigmoid", ranges={"tau": (low, high)})
    assert verdict.sides[0].parameters == {"tau": (decimal.Decimal("0.7"), decimal.Decimal("1.2"))}
    assert len(verdict.notes) == notes
    if notes == 2:
        assert "note: tau: the float was taken as the decimal 0.7" in str(verdict)
        assert "taken as the decimal 0.7" in verdict._repr_html_()


@pytest.mark.parametrize("value, words", [
    (("2", "1"), "begins at 2, above its end 1"), (("1", float("inf")), "is not finite"),
    ((fractions.Fraction(1, 3), 1), "1/3 has no finite decimal"), (("1", "x"), "no decimal number"),
    ((1, 2, 3), "a range of two, not 3"), (True, "is no number"), ([[1], 2], "a list is no number"),
    (("0.001", "1"), "0.01"), ("nan", "not finite")])
def test_what_is_no_range_is_refused(value, words):
    with pytest.raises(sluice.InvalidInput, match=words.replace("/", "/")):
        gates.verify("sigmoid", ranges={"tau": value})


def test_errors_have_their_place():
    with pytest.raises(sluice.InvalidInput, match="no built-in gate 'sigmoit'.*did you mean"):
        gates.load("sigmoit")
    with pytest.raises(sluice.InvalidInput, match="no built-in gate 'sigmoit'"):
        gates.verify("sigmoit")
    with pytest.raises(sluice.InvalidInput, match=r"text\.gate:2:"):
        gates.parse("gate x\nf = = r\n")
    with pytest.raises(sluice.InvalidInput, match="no parameter 'high'"):
        gates.load("sigmoid", high=1)
    with pytest.raises(sluice.InvalidInput, match=r"/no/such\.gate: No such file"):
        gates.load("/no/such.gate")
    with pytest.raises(sluice.InvalidInput, match="binary32 must be"):
        gates.verify("erf", binary32="yes")


@pytest.mark.parametrize("copied", [
    copy.copy, copy.deepcopy, lambda gate: pickle.loads(pickle.dumps(gate))])
def test_a_copy_of_a_gate_is_a_gate_of_its_own(copied):
    ratios = numpy.float32([0.5, 1, 3])
    gate = gates.parse(MINE, tau=(1.5, 2))
    wanted = [x.tobytes() for x in gate.evaluate(ratios)]
    second = copied(gate)
    third = copied(second)
    assert len({gate.key, second.key, third.key}) == 3
    del gate, second
    gc.collect()
    assert [x.tobytes() for x in third.evaluate(ratios)] == wanted
    assert third.bound == {"tau"} and third.parameters["tau"].neg == 2


def test_a_loaded_gate_is_verified_with_its_values():
    verdict = gates.verify(gates.load("sigmoid", tau="1.5"))
    assert verdict.sides[0].parameters == {"tau": decimal.Decimal("1.5")}
    two = gates.load("erf", tau=(10, 12))
    with pytest.raises(sluice.InvalidInput, match=r"ranges=\{'tau': \('10', '12'\)\}"):
        gates.verify(two)
    assert gates.verify(two, ranges={"tau": ("10", "12")})
    p = two.parameters["tau"]
    assert (p.low, p.high, p.pos, p.neg) == (0.01, 100, 10, 12)
    assert two.kernels == ("erf", "erf") and "tau=(10, 12)" in repr(two)


def test_values_and_weights():
    r = numpy.linspace(0, 4, 9, dtype=numpy.float32)
    f, w = gates.load("arctan", tau=2).evaluate(r)
    exact = 1 / (1 + (2 * (r.astype(numpy.float64) - 1))**2)
    # f' is that of the expression in binary64, rounded once: half an ulp, and the error of at most
    # ten operations before it, which is far below another one.
    assert (numpy.abs(w - exact) <= 0.51 * numpy.spacing(w)).all() and f.shape == r.shape
    f, w = gates.load("cauchy").evaluate(r)
    assert numpy.isnan(f).all() and not gates.load("cauchy").has_value()


def test_binary32_is_looked_at():
    some = gates.verify("sigmoid", binary32="some")
    assert some.binary32 is None and "which are not all" in str(some)
    assert some.sides[0].binary32["one_block_in"] == 64


def test_largest():
    (side,) = gates.largest("sigmoid").sides
    assert str(side.largest) == "tau in [0.01, 100]" and side.largest.low_reason == "declared"
    with pytest.raises(sluice.InvalidInput, match="load the gate without one"):
        gates.largest(gates.load("sigmoid", tau=2))


def test_compare():
    found = gates.compare("sigmoid,tau=10", gates.load("erf", tau=2), spread=("0.1", 0.3))
    assert [row["gate"] for row in found.rows] == ["sigmoid", "erf"]
    assert found.rows[1]["parameters"]["tau"] == "2" and len(found.rows[0]["eur"]) == 2
    assert 0 < float(found.eur(0, 1)) < float(found.eur(0, 0)) < 1
    assert "sup r f'" in str(found)


@pytest.mark.parametrize("second, words", [
    ("sigmoid", "none of the further gates has a parameter foo"),
    ("sigmoid,foo=3", "has a value of foo")])
def test_a_match_of_nothing_is_refused(second, words):
    with pytest.raises(sluice.InvalidInput, match=words):
        gates.compare("erf,tau=3", second, match="eur", vary="foo", spread=("0.3",))
    with pytest.raises(sluice.InvalidInput, match="has a value of tau"):
        gates.compare("erf", gates.load("sigmoid", tau=9), match="eur", spread=("0.3",))


@pytest.mark.parametrize("value", [
    "1.00000000000000001", decimal.Decimal("1.00000000000000001"),
    fractions.Fraction(10**17 + 1, 10**17)])
def test_a_loaded_gate_keeps_every_digit(value):
    verdict = gates.verify(gates.load("sigmoid", tau=value))
    assert verdict.sides[0].parameters == {"tau": decimal.Decimal("1.00000000000000001")}
    assert verdict.notes == ()
    with pytest.raises(sluice.InvalidInput, match=r"\('1', '1.00000000000000001'\)"):
        gates.verify(gates.load("sigmoid", tau=(value, 1)))


def test_a_name_is_no_option(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pathlib.Path("-dash.gate").write_text(MINE)
    assert gates.verify("-dash.gate").admissible
    gates.verify("-dash.gate").certificate.save("-c")
    assert gates.check("-c") and gates.compare("erf", "-dash.gate")
    for function in (gates.verify, gates.check, gates.compare, sluice.runs.train):
        with pytest.raises(sluice.InvalidInput, match="No such file"):
            function("--help")


@pytest.mark.parametrize("limit", [
    dict(timeout=float("inf")), dict(timeout="5"), dict(timeout=float("nan")), dict(timeout=True),
    dict(timeout=1e300), dict(timeout=3_000_000), dict(memory="5"), dict(memory=float("inf")),
    dict(memory=2.5), dict(memory=True), dict(memory=-1), dict(memory=2**63), dict(memory=2**80)])
def test_what_is_no_limit_is_refused(limit):
    with pytest.raises(sluice.InvalidInput, match="must be (seconds|bytes) above 0"):
        gates.verify("erf", **limit)


def test_html_is_escaped():
    text = gates.verify("clip")._repr_html_()
    assert "A &gt; 0" in text and "A > 0" not in text and "REFUTED" in text


def test_plot():
    pytest.importorskip("matplotlib", reason="no Matplotlib: plot is not tried")
    figure = gates.plot("sigmoid", gates.load("erf", tau=2))
    assert [len(axis.lines) for axis in figure.axes] == [3, 3, 3]
    for kind in ("get_color", "get_linestyle"):  # told apart without colours too
        assert len({getattr(line, kind)() for line in figure.axes[1].lines[:2]}) == 2
    for wrong in (-1, float("nan"), 1e39, "4"):
        with pytest.raises(sluice.InvalidInput, match="r_max"):
            gates.plot("erf", r_max=wrong)
    with pytest.raises(sluice.InvalidInput, match="plot needs a gate"):
        gates.plot()


def parent_of(process):
    """The parent of a process, and whether it runs still; the name may hold anything but ')'."""
    state, parent = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[:2]
    return int(parent) if state != "Z" else 0


def children():
    """The processes that this one has started and that run."""
    found = []
    for process in filter(str.isdecimal, os.listdir("/proc")):
        try:
            if parent_of(process) == os.getpid():
                found.append(int(process))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def test_time_is_limited():
    begin = time.monotonic()
    with pytest.raises(sluice.TimeLimit, match="longer than 0.5 s"):
        gates.verify(gates.parse(SLOW), SLOW_RANGES, timeout=0.5)
    assert time.monotonic() - begin < 20 and not children()


def test_memory_is_limited():
    with pytest.raises(sluice.MemoryLimit, match="memory=10000000 bytes"):
        gates.verify("erf", memory=10_000_000)
    with pytest.raises(sluice.MemoryLimit, match="memory=10000000 bytes"):
        gates.check(gates.verify("erf"), memory=10_000_000)
    for enough in (1_000_000_000, 1e9, numpy.int64(10**9), 2**63 - 1):
        assert gates.verify("erf", memory=enough)
    with pytest.raises(sluice.InvalidInput, match="memory must be"):
        gates.verify("erf", memory=0)


@pytest.mark.parametrize("call", [
    lambda memory: gates.verify("erf", memory=memory),
    lambda memory: gates.check(gates.verify("erf"), memory=memory),
    lambda memory: gates.compare("erf", memory=memory),
    lambda memory: gates.largest("erf", "tau", memory=memory)])
def test_the_smallest_useful_limit_is_said(call):
    for little in (1, 10, 12_000_000):
        with pytest.raises(sluice.MemoryLimit, match=f"no room for it to start.*memory={little} "
                           f"bytes: raise it; every command starts with {_programs.LEAST}"):
            call(little)
    assert call(_programs.LEAST)


def test_an_interrupt_ends_the_command():
    seen = []

    def interrupt():
        end = time.monotonic() + 30
        while not (found := children()) and time.monotonic() < end:
            time.sleep(0.01)
        seen.extend(found)
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        gates.verify(gates.parse(SLOW), SLOW_RANGES, timeout=60)
    thread.join()
    assert seen and not children()


def test_an_interrupt_within_the_start_ends_the_command(monkeypatch, tmp_path):
    """Where Popen is interrupted after its fork, nobody else knows the command."""
    class Interrupted(_programs._Process):
        def __init__(self, *given, **named):
            super().__init__(*given, **named)
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
    monkeypatch.setattr(_programs, "_Process", Interrupted)
    gate = tmp_path / "slow.gate"  # which stays, so that the command would go on
    gate.write_text(SLOW)
    options, _ = gates._parameters(SLOW_RANGES)
    with pytest.raises(KeyboardInterrupt):
        _programs.run("sluice", ["verify", str(gate), *options, "--no-float", "--seconds=5"],
                      _programs.Limits())
    assert not children()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize("call, words", [
    (lambda: gates.verify(None), "is a NoneType: pass a name or a path"),
    (lambda: gates.load(3), "the gate is a int: pass a name or a path"),
    (lambda: gates.load("erf\0x"), r"'erf\\x00x' holds a zero byte"),
    (lambda: gates.verify("erf\0x"), "holds a zero byte"),
    (lambda: gates.verify("erf", ranges={"tau\0": 1}), "holds a zero byte"),
    (lambda: gates.verify("erf", ranges=[("tau", 1)]), r"ranges is a list.*\{\"tau\": "),
    (lambda: gates.verify("erf", seconds="5"), "seconds is '5', and must be a number"),
    (lambda: gates.verify("erf", seconds=0), "^--seconds: expected a number from 1e-06 .* '0'$"),
    (lambda: gates.parse(None), "the text of a gate is a NoneType"),
    (lambda: gates.parse("gate x\ncite \"\ud800\"\nf = r"), "holds half of a character"),
    (gates.compare, "compare needs a gate or more"),
    (lambda: gates.compare("erf", match="x"), "^--match: expected eur, half-width or sup"),
    (lambda: gates.check(None), "is a NoneType: pass a name or a path")])
def test_what_is_of_another_kind_is_refused(call, words):
    with pytest.raises(sluice.InvalidInput, match=words):
        call()


def test_names_may_be_bytes_and_a_spread_one_number():
    assert gates.verify(b"erf") and gates.load(b"erf").name == "erf"
    assert len(gates.compare("erf", spread=0.1).rows[0]["eur"]) == 1


def test_what_an_installation_lacks_is_said(monkeypatch, tmp_path):
    monkeypatch.setattr(_programs, "_FOLDER", tmp_path)
    with pytest.raises(sluice.Unavailable, match="this installation has no sluice "):
        gates.verify("erf")


def test_a_command_that_is_killed_is_no_verdict(monkeypatch, tmp_path):
    (tmp_path / "sluice").write_text("#!/bin/sh\nkill -9 $$\n")
    (tmp_path / "sluice").chmod(0o755)
    monkeypatch.setattr(_programs, "_FOLDER", tmp_path)
    with pytest.raises(sluice.CommandFailed, match="ended by signal 9"):
        gates.verify("erf")
    (tmp_path / "sluice").write_text("#!/bin/sh\necho 'sluice verify: error: full' >&2\nexit 5\n")
    with pytest.raises(sluice.CommandFailed, match="^full$"):
        gates.verify("erf")
    (tmp_path / "sluice").write_text("#!/bin/sh\necho 'FLINT gave up: no memory' >&2\nexit 5\n")
    with pytest.raises(sluice.MemoryLimit, match="^FLINT gave up: no memory$"):
        gates.verify("erf")
