"""sluice.torch.gated_loss on CUDA devices, which the simulator plays: what is refused, with its
place and its remedy, and the next call works."""
import pathlib

import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from simulated import on_both, planted
from sluice import _applied, _cuda, _library
from sluice.torch import gated_loss
from torch_cases import ERF, EVERYTHING, assert_equal, same, tensors

import sluice

LEVELS = ("token", "sequence")


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name, words", [
    ("logp_new", r"logp_new\[13\] \(sequence 3\) is not finite"),
    ("logp_old", r"logp_old\[13\] \(sequence 3\) is not finite"),
    ("logp_ref", r"logp_ref\[13\] \(sequence 3\) is not finite"),
    ("entropy", r"entropy\[13\] \(sequence 3\) is not finite"),
    ("advantages", r"advantages\[3\] is not finite")])
def test_numbers_that_are_not_finite(small, device, way, level, name, words):
    arguments = tensors(small.packed(), grad=False)
    settings = dict(ERF, level=level, **EVERYTHING)
    index = 3 if name == "advantages" else 13  # the first token of sequence 3, which counts
    wrong = device.arguments(planted(arguments, name, index, numpy.nan))
    with pytest.raises(sluice.InvalidInput, match=words):
        gated_loss(**wrong, **settings)
    with pytest.raises(sluice.InvalidInput, match=words.replace("is not finite", "is nan")):
        gated_loss(**planted(arguments, name, index, numpy.nan), **settings)
    assert_equal(*on_both(device, tensors(small.packed()), settings))  # the next call works


def test_token_advantages_that_are_not_finite(small, device):
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    arguments["advantages"] = torch.ones(arguments["mask"].shape)
    wrong = device.arguments(planted(arguments, "advantages", 51, numpy.inf))
    with pytest.raises(sluice.InvalidInput, match=r"advantages\[3, 0\] \(sequence 3\) is not fin"):
        gated_loss(**wrong, **ERF)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("new, old, ref, wide, words", [
    (3e38, -3e38, 0, 1, r"log-ratio\[13\] \(sequence 3\)"),
    (3e38, 3e38, -3e38, 1, r"reference log-ratio\[13\] \(sequence 3\)"),
    (60, 0, 0, -3e38, r"the gradient of token\[13\] \(sequence 3\)")])
def test_what_is_not_finite_in_the_words_of_the_cpu(small, device, level, new, old, ref, wide,
                                                    words):
    arguments = tensors(small.packed(), grad=False)
    arguments["mask"][14:] = False
    for name, value in (("logp_new", new), ("logp_old", old), ("logp_ref", ref)):
        arguments[name][13] = value
    arguments["advantages"][3] = wide
    settings = dict(gate="identity", beta=0.5, level=level)
    for given, end in ((device.arguments(arguments), "not finite"), (arguments, "-?inf")):
        with pytest.raises(sluice.InvalidInput, match=f"^gated_loss: {words} is {end}$"):
            gated_loss(**given, **settings)


def test_a_loss_beyond_float32(small, device, way):
    """Of gradients that are finite: by the operator, past it, and in a trainer."""
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    arguments["logp_old"] = arguments["logp_new"]
    arguments["advantages"].fill_(3e38)
    settings = dict(gate="identity", aggregation="constant", constant_length=1.0,
                    denominators=sluice.Denominators(1, 1))
    names = ("logp_new", "logp_old", "advantages", "mask")
    for given in (arguments, device.arguments(arguments)):
        for call in (lambda: gated_loss(**given, **settings),
                     lambda: _applied.applied(*(given[name] for name in names), **settings)):
            with pytest.raises(sluice.InvalidInput, match=r"the loss is -[0-9.]+e\+39, and flo"):
                call()


@pytest.mark.parametrize("name", ["seq", "groups"])
@pytest.mark.parametrize("change, words", [
    (lambda x: x.bfloat16(), r" is bfloat16, not integers: pass {}\.long\(\)"),
    (lambda x: x.float(), r" must be offsets, one-dimensional integers"),
    (lambda x: x.to_sparse(), r" has layout torch\.sparse_coo: pass {}\.to_dense\(\)"),
    (lambda x: x.to("meta"), " is on meta")])
def test_offsets_that_are_none(small, device, name, change, words):
    arguments = tensors(small.packed(), grad=False)
    offsets = {"seq": arguments["seq"], "groups": torch.tensor([0, 2, 4]), name: None}
    wrong = change(arguments["seq"] if name == "seq" else torch.tensor([0, 2, 4]))
    usual = wrong.layout == torch.strided and wrong.device.type == "cpu"
    for given, value in ((arguments, wrong), (device.arguments(arguments), wrong),
                         (device.arguments(arguments), device.put(wrong) if usual else wrong)):
        with pytest.raises(sluice.InvalidInput, match="^" + name + words.format(name)):
            gated_loss(**{**given, **offsets, name: value}, **ERF)


@pytest.mark.parametrize("change, words", [
    (lambda x: x["mask"].bfloat16(), r"mask is bfloat16, not bool or uint8: pass mask\.bool\(\)"),
    (lambda x: x["logp_new"].double(), r"logp_new is float64, not float32: pass logp_new\.float"),
    (lambda x: x["mask"].long(), r"mask is int64, not bool or uint8: pass mask\.bool\(\)"),
    (lambda x: x["logp_old"].bfloat16(), r"logp_old is bfloat16, not float32: pass logp_old\.fl"),
    (lambda x: x["logp_old"][:1], r"logp_old has shape \(1, 17\), and must have \(4, 17\)"),
    (lambda x: x["advantages"][:3], r"advantages has shape \(3,\), and must have \(4,\)")])
def test_what_does_not_fit_is_refused_with_its_remedy(small, device, change, words, way):
    arguments = tensors(small.padded(0, 0, fill=0), grad=False)
    name = words.split(" ", 1)[0]
    wrong = dict(arguments, **{name: change(arguments)})
    for given in (wrong, device.arguments(wrong)):
        with pytest.raises(sluice.InvalidInput, match=words):
            gated_loss(**given, **ERF)


def test_strides_views_and_what_is_no_tensor(small, device):
    there = device.arguments(tensors(small.padded(0, 0, fill=0), grad=False))
    old = there["logp_old"]
    for wrong, words in (
            (old.T.contiguous().T, r"logp_old is on cpu, and logp_new on cuda:0: pass "
                                   r"logp_old\.to\(logp_new\.device\)"),
            (device.empty(0, (4, 34), torch.float32)[:, ::2],
             r"logp_old has strides \(34, 2\).*pass logp_old\.contiguous\(\)"),
            (torch.sparse_coo_tensor([[1], [2]], device.empty(0, (1,), torch.float32), (4, 17)),
             r"logp_old has layout torch\.sparse_coo: pass logp_old\.to_dense\(\)"),
            (device.raw(0, 273, torch.float32, 1).view(4, 17), r"pass logp_old\.contiguous\(\)"),
            (torch._neg_view(old), r"lazy view: pass logp_old\.resolve_neg\(\)"),
            (device.raw(0, 300)[1:273].numpy().view(numpy.float32), "logp_old is a ndarray"),
            (device.raw(0, 300)[0:272].view(torch.float32).view(4, 17)[:0],
             r"logp_old has shape \(0, 17\)")):
        with pytest.raises(sluice.InvalidInput, match=words):
            gated_loss(**dict(there, logp_old=wrong), **ERF)


@pytest.mark.parametrize("name", ["logp_old", "advantages", "mask", "logp_ref", "entropy"])
def test_devices_are_not_mixed(small, device, name, way):
    arguments = tensors(small.packed(), grad=False)
    there = device.arguments(arguments)
    for wrong, where in ((arguments[name], "cpu"), (device.put(arguments[name], 1), "cuda:1")):
        with pytest.raises(sluice.InvalidInput, match=(
                rf"{name} is on {where}, and logp_new on cuda:0: pass "
                rf"{name}\.to\(logp_new\.device\)")):
            gated_loss(**dict(there, **{name: wrong}), **ERF)


def test_without_a_cuda_library(small, device, monkeypatch, tmp_path):
    arguments = tensors(small.packed(), grad=False)
    there = device.arguments(arguments)
    monkeypatch.setattr(device, "backend", _cuda.Backend("cuda", tmp_path / "libsluice_cuda.so"))
    with pytest.raises(sluice.Unavailable, match=(
            r"logp_new is on cuda:0, and this installation computes on the CPU alone: pass "
            r"logp_new\.cpu\(\).* -C cmake\.define\.SLUICE_CUDA=ON.*ci/wheel --cuda")):
        gated_loss(**there, **ERF)
    names = ("logp_new", "logp_old", "advantages", "mask")
    padded = tensors(small.padded(0, 0, fill=0), grad=False)
    moved = [device.put(padded[name]) for name in names]  # a trainer's is computed on copies
    assert same(_applied.applied(*moved, **ERF)[0],
                _applied.applied(*(padded[name] for name in names), **ERF)[0])
    library = tmp_path / "libsluice_cuda.so"
    other = pathlib.Path(a_library()).read_bytes()
    for data, words in ((b"", "file too short"), (other[:len(other) // 2], "is cut short: install"),
                        (other, "has no number of its ABI")):
        library.write_bytes(data)
        with pytest.raises(sluice.Unavailable, match=rf"{words}.*SLUICE_CUDA=ON"):
            gated_loss(**there, **ERF)
    library.unlink()
    library.mkdir()
    with pytest.raises(sluice.Unavailable, match="Is a directory"):
        gated_loss(**there, **ERF)
    monkeypatch.setattr(device, "backend", _cuda.Backend(
        "cuda", pathlib.Path(_library.__file__).parent / "lib" / "libsluice.so"))
    with pytest.raises(sluice.Unavailable, match="libsluice.so has no backend cuda: install pack"):
        gated_loss(**there, **ERF)


def test_without_a_driver(small, device, build, monkeypatch):
    """By the library that ships; with a GPU there is nothing to say."""
    backend = _cuda.Backend("cuda", build / "kernels" / "cuda" / "libsluice_cuda.so")
    if not backend.is_there() or torch.cuda.is_available():
        pytest.skip("a build without CUDA, or a machine with it")
    there = device.arguments(tensors(small.packed(), grad=False))
    monkeypatch.setattr(device, "backend", backend)
    with pytest.raises(sluice.Unavailable, match=(
            "logp_new is on cuda:0: no CUDA device 0: there is no driver, or one that is older "
            r"than CUDA \d+, with which.*driver's version; or pass logp_new\.cpu\(\)")):
        gated_loss(**there, **ERF)


def a_library():
    """One of another project."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return next(line.split()[-1] for line in maps if "/libm.so" in line)


def test_a_device_without_a_kernel_is_refused(small, monkeypatch):
    arguments = {name: x.to("meta") for name, x in tensors(small.packed(), grad=False).items()
                 if name != "seq"}
    for looks in (False, True):
        monkeypatch.setattr(sluice_torch, "_nothing_looks", lambda *a: looks)
        with pytest.raises(sluice.InvalidInput, match=(
                r"logp_new is on meta, and this computes on the CPU and on CUDA: pass logp_n")):
            gated_loss(**arguments, seq=[0, 9, 13, 13, 30], **ERF)
