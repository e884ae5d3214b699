"""sluice.torch.gated_loss: what does not fit is refused with its remedy."""
import pytest
import torch
from sluice.torch import gated_loss
from torch_cases import ERF, tensors

import sluice


def misaligned(x):
    """Its values from an address that is no multiple of 4."""
    return torch.frombuffer(bytearray(b"0" + x.numpy().tobytes()), dtype=torch.float32,
                            offset=1).view(x.shape)


@pytest.mark.parametrize("change, words", [
    (lambda x: x.update(logp_old=x["logp_new"]), r"logp_old requires a gradient.*\.detach\(\)"),
    (lambda x: x.update(mask=x["mask"].to("meta")), r"mask is on meta.*pass mask\.cpu\(\)"),
    (lambda x: x.update(logp_new=x["logp_new"].double()), r"float64.*pass logp_new\.float\(\)"),
    (lambda x: x.update(mask=x["mask"].long()), r"mask is int64.*pass mask\.bool\(\)"),
    (lambda x: x.update(logp_old=x["logp_old"].T.contiguous().T),
     r"logp_old has strides.*pass logp_old\.contiguous\(\)"),
    (lambda x: x.update(advantages=x["logp_old"][:, 1:].contiguous()), r"advantages has shape"),
    (lambda x: x.update(logp_old=misaligned(x["logp_old"])), r"pass logp_old\.contiguous\(\)"),
    (lambda x: x.update(logp_old=x["logp_old"][:1]),
     r"logp_old has shape \(1, 17\), and must have \(4, 17\)"),
    (lambda x: x.update(mask=x["mask"][:1]), r"mask has shape \(1, 17\), and must have \(4, 17\)"),
    (lambda x: x.update(level=["token"]), r"level must be one of token, sequence"),
    (lambda x: x.update(aggregation=3), r"aggregation must be one of sequence-mean"),
    (lambda x: x.update(groups=[0, 1.5, 4]), "groups must be offsets, integers"),
    (lambda x: x.update(groups=[0, True, 4]), "groups must be offsets, integers"),
    (lambda x: x.update(tau_pos=True), "is no number"),
    (lambda x: x.update(tau_neg=None), "go together"),
    (lambda x: x.update(gate="erf\0"), "zero byte"),
    (lambda x: x.update(groups=2), "groups must be offsets, integers"),
    (lambda x: x.update(logp_old=x["logp_old"].numpy()),
     r"logp_old is a ndarray, not a tensor: pass torch\.as_tensor\(logp_old\)"),
    (lambda x: x.update(mask=None), "mask is a NoneType, not a tensor"),
    (lambda x: x.update(tau_pos="ten"), "tau is 'ten', and must be a number"),
    (lambda x: x.update(tau_pos=1j), "tau is 1j, and must be a number"),
    (lambda x: x.update(beta=None), "beta is None, and must be a number"),
    (lambda x: x.update(constant_length="6", aggregation="constant"), "constant_length is '6'"),
    (lambda x: x.update(denominators=(4, 24)), r"denominators is a tuple: pass sluice\.Denom"),
    (lambda x: x.update(denominators=sluice.Denominators(None, 24)), "denominators is None"),
    (lambda x: x.update(gate=None, tau_pos=None, tau_neg=None), "the gate is a NoneType")])
def test_what_does_not_fit_is_refused_with_its_remedy(small, change, words, way):
    arguments = dict(tensors(small.padded(0, 0, fill=0)), **ERF)
    change(arguments)
    with pytest.raises(sluice.InvalidInput, match=words):
        gated_loss(**arguments)


@pytest.mark.parametrize("made, fix", [
    (torch._neg_view, "resolve_neg"), (torch.Tensor.to_sparse, "to_dense"),
    (torch.Tensor.to_mkldnn, "to_dense")])
def test_memory_that_is_no_plain_array_is_refused(small, made, fix):
    """By the call that goes past the operator: PyTorch itself makes an operator's of it, or says
    that it cannot."""
    arguments = tensors(small.padded(0, 0, fill=0))
    with pytest.raises(sluice.InvalidInput, match=rf"pass logp_old\.{fix}\(\)"):
        gated_loss(**dict(arguments, logp_old=made(arguments["logp_old"])), **ERF)


@pytest.mark.parametrize("right, wrong", [
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=True, tau_neg=1.0)),
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=1.0, tau_neg=True)),
    (dict(parameters={"tau": 1.0}), dict(parameters={"tau": True})),
    (dict(parameters={"tau": 1.0}), dict(parameters=[("tau", 1.0)])),
    (dict(parameters={"tau": 1.0}), dict(parameters={"tau": 1.0}, tau_pos=1.0, tau_neg=1.0)),
    (dict(tau_pos=1.0, tau_neg=1.0), dict(tau_pos=1.0))])
def test_a_gate_of_a_call_before_hides_no_error(small, right, wrong):
    arguments = tensors(small.packed())
    for _ in range(2):
        gated_loss(**arguments, gate="sigmoid", **right)
        with pytest.raises(sluice.InvalidInput):
            gated_loss(**arguments, gate="sigmoid", **wrong)


def test_flushed_subnormals_are_refused(small):
    arguments = tensors(small.padded(0, 0, fill=0))
    assert torch.set_flush_denormal(True)
    try:
        with pytest.raises(sluice.Unavailable, match=r"torch\.set_flush_denormal\(False\)"):
            gated_loss(**arguments, **ERF)
    finally:
        torch.set_flush_denormal(False)
    assert torch.isfinite(gated_loss(**arguments, **ERF)[0])
