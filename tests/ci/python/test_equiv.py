"""sluice.equiv: right kernels are equal, wrong ones different with the cause, and what cannot be
judged is refused with the fix."""
import subprocess
import types

import numpy
import pytest
from sluice import _programs, equiv, runs

import sluice


def linear(x, w, bias):
    return x @ w.T + bias


def wide_linear(x, w, bias):
    return linear(*(a.astype(numpy.float32) for a in (x, w, bias))).astype(x.dtype)


def rmsnorm(x, w, eps):
    r = 1 / numpy.sqrt(numpy.mean(x * x, axis=1) + numpy.float32(eps))
    return x * r[:, None] * w, r


def eps_outside(x, w, eps):
    r = 1 / (numpy.sqrt(numpy.mean(x * x, axis=1)) + numpy.float32(eps))
    return x * r[:, None] * w


def loss(logp_new, logp_old, mask, advantage, sampler=1):
    """SAPO's sigmoid, with tau of both signs as the settings' defaults have it."""
    tau = numpy.where(advantage > 0, numpy.float32(1), numpy.float32(1.05))[:, None]
    new, old = numpy.where(mask, logp_new, 0), numpy.where(mask, logp_old, 0)
    r = numpy.exp(new - old)
    t = numpy.exp(-abs(tau * (r - 1)))
    w = 4 * t / (1 + t)**2
    tokens = mask.sum(1, keepdims=True)
    share = advantage[:, None] / numpy.maximum(tokens, 1) / numpy.float32((tokens > 0).sum())
    return {"dlogp": numpy.where(mask, -share * w * r, 0).astype(numpy.float32)}


@pytest.mark.parametrize("kernel, op, options", [
    (linear, "linear", {}), (wide_linear, "linear", dict(type="f16", contract="order=any")),
    (lambda x, w: x @ w.T, "linear", {}),  # without the bias, which is optional
    (rmsnorm, "rmsnorm", dict(settings={"eps": 1e-5}, shape={"t": 8, "d": 24})),
    (rmsnorm, "rmsnorm", dict(kinds=["usual", "exact", "wide", "subnormal", "ties", "cancelling"])),
    (lambda **given: given["a"] + given["b"], "add", dict(type="f64", contract={"acc": "f64"}))])
def test_right_kernels(kernel, op, options):
    judgements = equiv.assert_equivalent(kernel, op, **options)
    assert len(judgements) == len(options.get("kinds", "12"))
    assert all(judgement.share <= 1 for judgement in judgements)
    assert judgements[0] and judgements[0].outputs[0].judged > 0


def test_a_loss_is_a_kernel_too():
    kinds = ["usual", "masked"]
    first, masked = equiv.assert_equivalent(loss, "gated_loss", kinds=kinds, seed=4)
    assert first.outcome == "equal" and masked.outcome != "different"
    twice = dict(kinds="usual", settings={"tau_pos": "2", "tau_neg": 2})
    with pytest.raises(equiv.NotEquivalent, match="tau"):
        equiv.assert_equivalent(loss, "gated_loss", **twice)


def test_a_gate_file():
    gate = sluice.gates.parse("gate mine\nparam tau in [0.5, 3] default 1\n"
                              "f = 1 + atan(tau*(r - 1))/tau\n")

    def mine(logp_new, logp_old, mask, advantage):
        r = numpy.exp(numpy.where(mask, logp_new - logp_old, 0))
        tokens = numpy.maximum(mask.sum(1, keepdims=True), 1)
        filled = numpy.float32((mask.sum(1) > 0).sum())
        share = advantage[:, None] / tokens.astype(numpy.float32) / filled
        return numpy.where(mask, -share * r / (1 + (r - 1)**2), 0).astype(numpy.float32)
    (judgement,) = equiv.assert_equivalent(mine, "gated_loss", gate=gate, kinds=["usual"])
    assert judgement and "--gate=mine" in judgement.replay
    with pytest.raises(sluice.InvalidInput, match="tau_pos"):
        equiv.generate("gated_loss", seed=1, gate=sluice.gates.load("erf", tau=10))


def test_the_error_says_place_cause_and_how_to_replay():
    with pytest.raises(AssertionError) as caught:
        equiv.assert_equivalent(eps_outside, "rmsnorm", seed=11, shape="t=4,d=16")
    (judgement,), text = caught.value.judgements, str(caught.value)
    cause = "eps is added to the root, not under it"
    assert [str(found) for found in judgement.causes] == [cause] and not judgement
    assert text.splitlines()[0] == f"rmsnorm f32 usual: different: {cause}"
    assert judgement.reason in text and "y[" in judgement.reason and "exact is" in judgement.reason
    assert ("replays with assert_equivalent(kernel, 'rmsnorm', seed=11, kinds=['usual'], "
            "shape='t=4,d=16')") in text
    assert judgement.replay in text and "--seed=11" in judgement.replay


def test_coarser_arithmetic_is_no_formula():
    with pytest.raises(equiv.NotEquivalent, match="no formula; it would be within.*in float16"):
        equiv.assert_equivalent(linear, "linear", type="f16", seed=1)


def test_the_command_that_replays_has_the_same_inputs(tmp_path):
    problem = equiv.generate("rmsnorm", seed=3, type="bf16", shape={"t": 4, "d": 16},
                             settings={"eps": 1e-5})
    words = problem.replay.split()
    assert words[0] == "sluice" and words[-1] == "inputs.safetensors"
    subprocess.run([_programs.path("sluice"), *words[1:]], cwd=tmp_path, check=True)
    again, texts = equiv._safetensors.read(tmp_path / "inputs.safetensors")
    assert again == problem.inputs and texts == problem.texts
    assert problem.settings == {"eps": 1e-5}


def test_a_seed_is_drawn():
    seeds = {equiv.assert_equivalent(linear, "linear", kinds=["exact"])[0].replay
             for _ in range(3)}
    assert len(seeds) == 3


def test_what_decides_nothing_fails():
    problem = equiv.generate("swiglu", seed=1)
    zeros = {name: numpy.zeros_like(x) for name, x in problem.arrays().items()}
    judgement = equiv.judge({**zeros, "y": zeros["up"]}, "swiglu")
    assert judgement.outcome == "inconclusive" and "no power" in judgement.reason
    with pytest.raises(equiv.NotEquivalent, match="inconclusive"):
        equiv.assert_equivalent(linear, "linear", contract="acc=f16,out=f16",
                                shape="t=2,n=3,k=4096")


def test_arrays_of_ones_own_are_judged():
    draw = numpy.random.default_rng(1)
    x, w = (draw.standard_normal(shape).astype(numpy.float32) for shape in ((6, 40), (8, 40)))
    mine = {"x": x, "w": w, "y": x @ w.T}
    assert equiv.judge(mine, "linear") and not equiv.judge({**mine, "y": -mine["y"]}, "linear")
    turned = {**mine, "w": numpy.asfortranarray(w.T)}
    assert equiv.judge(turned, "linear", layouts={"w": "kn"})
    with pytest.raises(sluice.InvalidInput, match="op="):
        equiv.judge(mine)
    mine["y"][2, 3] = numpy.nan
    assert "y[2,3]" in equiv.judge(mine, "linear").reason


def test_dumps_are_judged_from_their_files(tmp_path):
    x = numpy.float32([1, 2, 3])
    numpy.savez(tmp_path / "add.npz", a=x, b=x[::-1] * 2, y=x + x[::-1] * 2)
    assert equiv.judge(tmp_path / "add.npz", "add")


class OnlyDLPack:
    """An array of a library that NumPy knows nothing of."""

    def __init__(self, array):
        self._array = array

    def __dlpack__(self, **options):
        return self._array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._array.__dlpack_device__()


def test_results_may_be_of_any_layout_and_library():
    (same,) = equiv.assert_equivalent(lambda a, b: OnlyDLPack(a + b), "add", kinds=["usual"])
    assert same

    def turned(x, w, bias):
        return numpy.asfortranarray(linear(x, w, bias)).astype(">f4")
    assert equiv.assert_equivalent(turned, "linear", kinds=["usual"])


@pytest.mark.parametrize("kernel, words", [
    (lambda x, w: x, "does not take 'bias'|outputs|shape"),
    (lambda x, w, bias, scale: x, "wants 'scale'.*x, w, bias"),
    (lambda x, bias: x, "does not take 'w'"),
    (lambda x, w, bias: None, "returned None: return y"),
    (lambda x, w, bias: {"z": x}, r"\['z'\].*outputs y"),
    (lambda x, w, bias: (x, x), "returned 2 arrays"),
    (lambda x, w, bias: 3.0, "y is a float, not an array"),
    (lambda x, w, bias: (x @ w.T).astype(numpy.complex64), "y is complex64"),
    (lambda x, w, bias: (x @ w.T)[1:], "y"),
    (numpy.add, "wrap it in a lambda")])
def test_what_cannot_be_judged_is_refused(kernel, words):
    with pytest.raises(sluice.InvalidInput, match=words):
        equiv.assert_equivalent(kernel, "linear", seed=1)


def test_options_are_checked():
    for options, words in (
            (dict(op="lineal"), "lineal"), (dict(kinds=[]), "kinds is empty"),
            (dict(kinds=["odd"]), "odd"), (dict(type="f8"), "f8"), (dict(shape={"q": 3}), "q"),
            (dict(settings={"eps": 1}), "eps"), (dict(contract="order=odd"), "odd"),
            (dict(arrays="jax"), "'numpy' or 'torch'"), (dict(type="bf16"), "arrays=\"torch\""),
            (dict(settings={"eps": object()}), "object is no number"),
            (dict(shape=[8]), "shape is a list, and must be a mapping"),
            (dict(settings=[1]), "settings is a list, and must be a mapping"),
            (dict(contract=3), "contract is a int, and must be a mapping"),
            (dict(elements="some"), "^--elements: expected a number from 1 to .* 'some'$")):
        with pytest.raises(sluice.InvalidInput, match=words):
            equiv.assert_equivalent(linear, **{"op": "linear", **options})
    with pytest.raises(sluice.TimeLimit):
        equiv.assert_equivalent(linear, "linear", timeout=1e-9)
    with pytest.raises(sluice.InvalidInput, match="^tensor y has the shape"):  # without a path
        equiv.assert_equivalent(lambda x, w, bias: linear(x, w, bias)[:1], "linear")
    for wrong in (lambda: equiv.judge(None, "add"), lambda: runs.load(None)):
        with pytest.raises(sluice.InvalidInput, match="is a NoneType: pass a name or a path"):
            wrong()


def test_a_kernel_sees_inputs_of_its_own():
    seen = []

    def careless(x, w, bias):
        y = x @ w.T + bias
        seen.append(x.copy())
        x[:] = 0
        return y
    assert all(equiv.assert_equivalent(careless, "linear", seed=2, kinds=["usual", "usual"]))
    assert seen[0].any() and (seen[0] == seen[1]).all()


def test_what_a_kernel_raises_passes():
    def broken(x, w, bias):
        raise ZeroDivisionError("mine")
    with pytest.raises(ZeroDivisionError, match="mine"):
        equiv.assert_equivalent(broken, "linear")


def test_conventions():
    known = equiv.conventions("attention")
    assert [(x.name, x.axes, x.optional) for x in known.inputs][2:] == [
        ("v", "bjgd", False), ("length", "b", True)]
    assert [x.name for x in known.outputs] == ["o", "lse"] and known.settings == ("scale", "causal")
    assert "causes that are known" in str(known)
    assert equiv.conventions("clip_grad_norm").outputs[1].axes == ""


def test_annotations_of_github_are_not_taken_for_the_report(monkeypatch, tmp_path):
    page = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(page))
    with pytest.raises(equiv.NotEquivalent) as caught:
        equiv.assert_equivalent(eps_outside, "rmsnorm")
    assert "::" not in str(caught.value) and not page.exists()


def test_the_module_is_reached_from_the_package():
    assert isinstance(sluice.equiv, types.ModuleType) and sluice.equiv is equiv
