"""sluice.gated_loss: arrays are taken as they are, and what does not fit is refused with its
remedy."""
import ctypes
import os
import subprocess

import numpy
import pytest
from loss_cases import same
from sluice import _arrays, _library

import sluice


class Capsule:
    """An array that offers DLPack and nothing else, in some device's memory."""

    def __init__(self, array, device=(1, 0)):
        self.array, self.device = array, device

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.device


def test_dlpack_is_taken_without_a_copy(problem):
    packed = problem.packed()
    new = packed["logp_new"]
    assert _arrays.floats("x", Capsule(new)).ctypes.data == new.ctypes.data
    one = sluice.gated_loss(**packed, gate="erf")
    for name in ("logp_new", "logp_old", "advantages"):
        packed[name] = Capsule(packed[name])
    assert same(sluice.gated_loss(**packed, gate="erf").gradient, one.gradient)
    packed["logp_new"] = Capsule(new, (2, 0))
    with pytest.raises(sluice.InvalidInput, match="logp_new is on a device.*copy it there first"):
        sluice.gated_loss(**packed, gate="erf")


@pytest.mark.parametrize("change, words", [
    (lambda x: x.update(logp_new=x["logp_new"].astype(float)),
     r"logp_new is float64, not float32: pass logp_new\.astype\(numpy\.float32\)"),
    (lambda x: x.update(logp_new=x["logp_new"].byteswap().view(">f4")), "not float32"),
    (lambda x: x.update(logp_old=numpy.repeat(x["logp_old"], 2)[::2]),
     r"logp_old has strides \(8,\).*pass numpy\.ascontiguousarray\(logp_old\)"),
    (lambda x: x.update(mask=x["mask"].astype(int)), r"mask is int64, not bool or uint8"),
    (lambda x: x.update(mask=x["mask"][1:]), r"mask has shape"),
    (lambda x: x.update(logp_old=list(x["logp_old"])), r"logp_old is a list, not an array: pass"),
    (lambda x: x.update(advantages=x["advantages"][:-1]),
     r"advantages has shape \(7,\).*\(8,\), one a sequence, or \(5373,\), one a token"),
    (lambda x: x.update(advantages=numpy.full(5373, numpy.nan, numpy.float32)),
     r"advantages\[\d+\] \(sequence 0\) is nan"),
    (lambda x: x.update(seq=None), r"pass seq, the offsets"),
    (lambda x: x.update(seq=[0, 5, 3, 5373]), r"falls after \[1\]"),
    (lambda x: x.update(seq=[0, 5]), r"end at 5373"),
    (lambda x: x.update(seq=[0.0, 5373.0]), r"seq must be offsets"),
    (lambda x: x.update(beta=0.1, logp_ref=None), r"beta > 0 needs logp_ref"),
    (lambda x: x.update(entropy_bonus=0.1, entropy=None), r"entropy_bonus > 0 needs entropy"),
    (lambda x: x.update(beta=-1.0), r"beta must lie in"),
    (lambda x: x.update(level="word"), r"level must be one of token, sequence, not 'word'"),
    (lambda x: x.update(aggregation="constant"), r"needs constant_length"),
    (lambda x: x.update(tau_pos=1.0), r"tau_pos and tau_neg go together"),
    (lambda x: x.update(tau_pos=1.0, tau_neg=1.0, parameters={"tau": 2}), r"pass it once"),
    (lambda x: x.update(tau_pos=1e9, tau_neg=1.0), r"expected a value in \[0.01, 100\]"),
    (lambda x: x.update(mask=numpy.zeros_like(x["mask"])), r"no unmasked token"),
    (lambda x: x.update(denominators=sluice.Denominators(0, 0)), r"a step has at least 1"),
    (lambda x: x.update(threads=-1), r"threads must be 0"),
    (lambda x: x.update(denominators=(4, 24)), r"denominators is a tuple: pass sluice\.Denomin"),
    (lambda x: x.update(denominators=sluice.Denominators("4", 9)), r"denominators is '4'"),
    (lambda x: x.update(aggregation="constant", constant_length="6"), r"constant_length is '6'"),
    (lambda x: x.update(beta="a"), r"beta is 'a', and must be a number"),
    (lambda x: x.update(beta=None), r"beta is None, and must be a number"),
    (lambda x: x.update(entropy_bonus=-1), r"entropy_bonus must lie in \[0, 2\^20\], and is -1"),
    (lambda x: x.update(parameters=3), r"parameters is a int, and must be a mapping"),
    (lambda x: x.update(gate=None), r"the gate is a NoneType: pass a name or a path"),
    (lambda x: x.update(mask=None), r"mask is a NoneType.*pass numpy\.asarray\(mask\)"),
])
def test_what_does_not_fit_is_refused_with_its_remedy(problem, change, words):
    arguments = dict(problem.packed(), gate="erf")
    change(arguments)
    with pytest.raises(sluice.InvalidInput, match=words):
        sluice.gated_loss(**arguments)


def test_settings_of_a_call_before_are_not_anothers(problem):
    """They are kept with the gate: where equal values mean the same, and not without end."""
    gate, packed = sluice.gates.load("erf"), problem.packed()

    def gradient(**settings):
        return sluice.gated_loss(**packed, gate=gate, **settings).gradient
    beta = numpy.array(0.5)
    one = gradient(beta=beta)
    assert same(one, gradient(beta=0.5)) and same(gradient(beta=1), gradient(beta=True))
    beta[...] = 0.25
    assert same(gradient(beta=beta), gradient(beta=0.25)) and not same(one, gradient(beta=beta))
    for i in range(200):
        gradient(beta=i / 1000)
    assert len(gate.objectives) <= 64 and same(gradient(beta=0.5), one)
    with pytest.raises(sluice.InvalidInput, match="level must be one of"):
        gradient(level=["token"])


def test_a_padded_batch_has_no_offsets(problem):
    with pytest.raises(sluice.InvalidInput, match="seq is for a packed batch"):
        sluice.gated_loss(**problem.padded(0, 0), seq=[0], gate="erf")
    with pytest.raises(sluice.InvalidInput, match=r"shape \(2, 3, 4\): pass a padded batch"):
        x = numpy.zeros((2, 3, 4), numpy.float32)
        sluice.gated_loss(x, x, x[:, 0, 0].copy(), x.astype(bool), gate="erf")


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_errors_name_the_callers_sequence(problem, level):
    packed = problem.packed()
    packed["logp_new"] = packed["logp_new"].copy()
    packed["logp_new"][701] = numpy.nan  # the first of sequence 2, which is unmasked
    with pytest.raises(sluice.InvalidInput, match=r"logp_new\[701\] \(sequence 2\) is nan"):
        sluice.gated_loss(**packed, level=level)
    wrong = dict(problem.packed(), advantages=problem.advantages.copy())
    wrong["advantages"][5] = numpy.inf
    with pytest.raises(sluice.InvalidInput, match=r"advantages\[5\] is inf"):
        sluice.gated_loss(**wrong, level=level)


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("name", ["logp_new", "logp_old", "logp_ref", "entropy", "advantages"])
def test_errors_name_row_and_column_of_a_padded_batch(problem, level, name):
    wrong = problem.padded(3, 2)
    if name == "advantages":
        wrong[name] = numpy.repeat(wrong[name], wrong["mask"].shape[1]).reshape(wrong["mask"].shape)
    column = 3 + int(problem.mask[2].argmax())
    wrong[name][2, column] = numpy.nan
    place = rf"\b{name}\[2, {column}\] \(sequence 2\) is nan"
    with pytest.raises(sluice.InvalidInput, match=place):
        sluice.gated_loss(**wrong, level=level, beta=0.1, entropy_bonus=0.1)


def test_a_gradient_that_overflows_has_row_and_column(problem):
    wrong = problem.padded(0, 0)
    wrong["advantages"] = numpy.full_like(wrong["advantages"], 3e38)
    wrong["logp_new"][1, 0], wrong["logp_old"][1, 0], wrong["mask"][1, 0] = 0, -5, True
    with pytest.raises(sluice.InvalidInput, match=r"gradient of token\[1, 0\] \(sequence 1\) is"):
        sluice.gated_loss(**wrong, gate="identity", aggregation="constant", constant_length=1)


@pytest.mark.parametrize("threads", [-1, 1025, 2**32, 2**40, True, 1.0])
def test_what_is_no_number_of_threads_is_refused(problem, threads):
    _library.shared_context(1)  # True and 1.0 are equal to its key
    for call in (lambda: sluice.gated_loss(**problem.packed(), threads=threads),
                 lambda: sluice.Context(threads)):
        with pytest.raises(sluice.InvalidInput, match="threads must be 0 for all, or 1 to 1024"):
            call()


def test_flushed_subnormals_are_refused(problem, tmp_path):
    (tmp_path / "flush.c").write_text(
        "#include <immintrin.h>\nvoid flush(int on);\n"
        "void flush(int on) { _mm_setcsr(on ? _mm_getcsr() | 0x8040u : _mm_getcsr() & ~0x8040u); }")
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", str(tmp_path / "flush.c"),
                    "-o", str(tmp_path / "flush.so")], check=True)
    flush = ctypes.CDLL(str(tmp_path / "flush.so")).flush
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf")
    flush(1)
    try:
        with pytest.raises(sluice.Unavailable, match=r"torch\.set_flush_denormal\(False\)"):
            sluice.gated_loss(**packed, gate="erf")
        with pytest.raises(sluice.Unavailable, match=r"torch\.set_flush_denormal\(False\)"):
            _library.Context(1)
    finally:
        flush(0)
    assert same(sluice.gated_loss(**packed, gate="erf").gradient, one.gradient)
