"""What sluice.torch.gated_loss gives: metrics that are a dict for all who look, and a gradient in
memory of its own."""
import copy
import pickle

import numpy
import pytest
import sluice.torch as sluice_torch
import torch
from sluice import _device
from sluice.torch import gated_loss
from torch_cases import ERF, same, tensors

USES = {  # each is the first thing that is done with metrics, and gives a dict
    "values": lambda m: dict(zip(m, m.values())), "items": lambda m: {k: v for k, v in m.items()},
    "get": lambda m: {k: m.get(k) for k in m}, "index": lambda m: {k: m[k] for k in m.keys()},
    "dict": dict, "stars": lambda m: {**m}, "named": lambda m: (lambda **given: given)(**m),
    "update": lambda m: (lambda d: d.update(m) or d)({}), "or": lambda m: m | {}, "ior": lambda m:
    m.__ior__({}), "ror": lambda m: {} | m, "copy": copy.copy, "method": lambda m: m.copy(),
    "deepcopy": copy.deepcopy, "pickle": lambda m: pickle.loads(pickle.dumps(m)),
    "popitem": lambda m: dict(reversed([m.popitem() for _ in range(len(m))])),
    "pop": lambda m: {k: m.pop(k) for k in list(m)},
    "setdefault": lambda m: {k: m.setdefault(k) for k in m},
    "tree": lambda m: torch.utils._pytree.tree_map(torch.clone, m),
    "compiled": lambda m: torch.compile(lambda m: {k: v + 0 for k, v in m.items()},
                                        backend="eager", fullgraph=True)(m)}


@pytest.mark.parametrize("use", USES)
def test_metrics_are_a_dict(small, use, tmp_path):
    torch._dynamo.reset()
    arguments = tensors(small.packed(), grad=False)

    def metrics():
        return gated_loss(**arguments, **ERF)[1]
    wanted = dict(metrics().items())
    assert list(wanted) == list(sluice_torch._METRICS) and wanted["tokens"].item() > 0
    found = USES[use](metrics())
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        assert same(found[name], value), name
        assert value.dtype == torch.float64 and value.shape == () and not value.requires_grad
    assert repr(metrics()) == repr(wanted)
    torch.save(metrics(), tmp_path / "metrics.pt")
    assert torch.load(tmp_path / "metrics.pt", weights_only=True).keys() == wanted.keys()


def test_metrics_can_be_changed(small):
    arguments = tensors(small.packed(), grad=False)
    for change, size in ((lambda m: m.update(tokens=1), 17), (lambda m: m.__delitem__("kl"), 16),
                         (lambda m: m.__setitem__("lr", 2), 18), (lambda m: m.clear(), 0)):
        metrics = gated_loss(**arguments, **ERF)[1]
        assert isinstance(metrics, dict) and len(metrics) == 17 and "kl" in metrics
        assert metrics != {} and not metrics == {} and list(reversed(metrics))[-1] == "tokens"
        change(metrics)
        assert len(metrics) == size and None not in metrics.values()
        assert metrics.get("tokens") == {17: 1, 0: None}.get(size, small.packed()["mask"].sum())
    assert type(metrics)({"a": 1}) == {"a": 1}


@pytest.mark.parametrize("factor", [1.0, -1.7, 0.0])
def test_a_gradient_that_is_kept_stays_as_it_is(small, factor, way):
    """Where autograd may ask for it again, or for several at once, its memory is not used."""
    arguments = tensors(small.packed())
    new = arguments["logp_new"]
    plain, = torch.autograd.grad(gated_loss(**arguments, **ERF)[0], new)
    loss = factor * gated_loss(**arguments, **ERF)[0]

    def wanted(given=1.0):
        return torch.tensor(factor) * given * plain
    for _ in range(2):
        kept, = torch.autograd.grad(loss, new, retain_graph=True)
        assert torch.equal(kept, wanted())
        kept.fill_(numpy.nan)
    for rows, again in (([1.0, 2.0], True), ([3.0, 1.0], False)):
        found, = torch.autograd.grad(loss, new, torch.tensor(rows), retain_graph=again,
                                     is_grads_batched=True)
        assert torch.equal(found, torch.stack([wanted(row) for row in rows]))
    with pytest.raises(RuntimeError, match="second time"):
        torch.autograd.grad(loss, new)
    loss = gated_loss(**arguments, **ERF)[0]
    (factor * (loss + loss)).backward()
    assert torch.equal(new.grad, wanted(2.0))


def test_a_gradient_that_is_not_kept_needs_no_memory(small, monkeypatch):
    arguments = tensors(small.packed())
    made, whole = [], _device.empty
    monkeypatch.setattr(_device, "empty", lambda *a: made.append(whole(*a)) or made[-1])
    for factor in (1.0, -1.7):
        loss = factor * gated_loss(**arguments, **ERF)[0]
        found, = torch.autograd.grad(loss, arguments["logp_new"])
        assert found.data_ptr() == made[-1][1]
