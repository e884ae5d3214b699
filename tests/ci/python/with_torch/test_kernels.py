"""sluice.equiv on tensors: PyTorch's own kernels are right in three types, a result may be
bfloat16, strided or one that a gradient is taken of."""
import numpy
import pytest
import torch
from sluice import equiv
from torch.nn import functional as F

import sluice

TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}


@pytest.mark.parametrize("type", TYPES)
def test_pytorch_s_kernels(type):
    def rmsnorm(x, w, eps):
        assert x.dtype == w.dtype == TYPES[type] and isinstance(eps, float)
        y = F.rms_norm(x.float(), (x.shape[1],), w.float(), eps)
        return y.to(x.dtype)

    def swiglu(gate, up):
        return F.silu(gate.float()).mul(up.float()).to(gate.dtype)

    def logprob(logits, target, temperature):
        assert target.dtype == torch.int64
        logp = (logits.float() / temperature).log_softmax(-1)
        return logp.gather(1, target[:, None])[:, 0].to(logits.dtype)
    for kernel in (rmsnorm, swiglu, logprob):
        assert all(equiv.assert_equivalent(kernel, kernel.__name__, type=type, arrays="torch"))


def test_the_loss_beside_the_mpfr_reference():
    """By `sluice equiv`. Masks are bool, and masked slots are not read."""
    def loss(logp_new, logp_old, mask, advantage):
        assert mask.dtype == torch.bool
        leaf = logp_new.requires_grad_()
        out, _ = sluice.torch.gated_loss(leaf, logp_old, advantage, mask, gate="sigmoid",
                                         tau_pos=1.0, tau_neg=1.05)
        out.backward()
        return {"dlogp": leaf.grad, "loss": out.reshape(())}
    import sluice.torch
    for found in equiv.assert_equivalent(loss, "gated_loss", arrays="torch",
                                         kinds=("usual", "exact", "masked")):
        print(found.summary())
        assert found


def test_results_of_any_layout():
    def linear(x, w, bias):
        y = F.linear(x, w, bias).T.contiguous().T  # strided
        assert not y.is_contiguous()
        return y.requires_grad_()
    assert equiv.assert_equivalent(linear, "linear", device="cpu", kinds="usual")


class OnlyDLPack:
    """bfloat16 of another library: NumPy has no type for it."""

    def __init__(self, tensor):
        self._tensor = tensor

    def __dlpack__(self, **options):
        return self._tensor.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._tensor.__dlpack_device__()


def test_bfloat16_by_dlpack():
    def add(a, b):
        return OnlyDLPack((a.float() + b.float()).bfloat16())
    assert equiv.assert_equivalent(add, "add", type="bf16", arrays="torch", kinds="usual")


def test_what_is_refused():
    problem = equiv.generate("add", seed=1, type="bf16")
    with pytest.raises(sluice.InvalidInput, match="NumPy does not have"):
        problem.arrays()
    tensors = problem.arrays("torch")
    assert tensors["a"].dtype == torch.bfloat16 and tensors["a"].shape == tensors["b"].shape
    with pytest.raises(sluice.InvalidInput, match="y is torch.complex64"):
        problem.judge({"y": tensors["a"].to(torch.complex64)})
    with pytest.raises(sluice.InvalidInput, match="bf16|BF16|bfloat16"):
        equiv.assert_equivalent(lambda a, b: (a + b).bfloat16(), "add", arrays="torch")


def test_numpy_and_torch_have_the_same_inputs():
    problem = equiv.generate("linear", seed=9, type="f16")
    for name, array in problem.arrays().items():
        assert (problem.arrays("torch")[name].numpy() == array).all()
        assert array.dtype == numpy.float16
