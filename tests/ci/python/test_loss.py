"""sluice.gated_loss: the bits of the library for any padding, split and thread count; the formula
in binary64 within a bound; what does not fit is refused with its remedy."""
import copy
import ctypes
import os
import pickle
import subprocess
import threading

import formula
import numpy
import pytest
from sluice import _arrays, _batch, _library

import sluice

U = formula.U
ALL = dict(kl="k3", beta=0.04, entropy_bonus=0.01)
GATES = {
    "sigmoid": dict(tau_pos=1.0, tau_neg=1.05), "erf": dict(tau_pos=10.0, tau_neg=12.0),
    "arctan": dict(tau_pos=3.0, tau_neg=2.0), "softsign": dict(tau_pos=4.0, tau_neg=0.5),
    "clip": dict(parameters={"low": 0.2, "high": 0.28}), "identity": {},
    "student": {}, "cispo_cap": {}}

def same(a, b):
    """Bit for bit."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def test_the_library_example_has_its_digits():
    new = numpy.float32([[-1, -2, -0.5], [-1.5, -3, 0]])
    old = numpy.float32([[-1.1, -2, -0.6], [-1.2, -3.3, 0]])
    a = numpy.float32(0.5 / (0.5 + 1e-6))
    out = sluice.gated_loss(new, old, numpy.float32([a, -a]),
                            numpy.array([[1, 1, 1], [1, 1, 0]], bool), gate="sigmoid", tau_pos=1.0,
                            tau_neg=1.05)
    digits = ["-0.183686376", "-0.166666329", "-0.183686376", "0.181816995", "0.326330304", "0"]
    assert [f"{x:.9g}" for x in out.gradient.reshape(-1)] == digits  # of ci/examples/gated_loss.c
    assert f"{out.metrics.centred:.9g}" == "0.0129289663"
    assert out.loss == -out.metrics.objective and out.entropy_gradient is None
    assert (out.metrics.tokens, out.metrics.sequences, out.metrics.clamped) == (5, 2, 0)


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("gate", GATES)
def test_padding_threads_and_backend_cannot_show(problem, gate, level):
    settings = dict(gate=gate, level=level, **GATES[gate], **ALL)
    one = sluice.gated_loss(**problem.packed(), **settings, context=_library.Context(1, "plain"))
    for threads in (1, 2, 3):
        packed = sluice.gated_loss(**problem.packed(), **settings, threads=threads)
        assert same(one.gradient, packed.gradient) and same(one.sums, packed.sums)
        assert same(one.entropy_gradient, packed.entropy_gradient)
    for left, right in ((0, 0), (0, 37), (211, 0), (5, 300)):
        out = sluice.gated_loss(**problem.padded(left, right), **settings)
        assert same(problem.rows(out.gradient, left), one.gradient), (left, right)
        assert same(out.sums, one.sums)
        masked = ~problem.padded(left, right)["mask"]
        assert not out.gradient[masked].any() and not out.entropy_gradient[masked].any()


def test_padding_before_a_sequence_would_show(make_problem, monkeypatch):
    """What the test above would see, if a sequence began with its padding: two log-ratios of 2^50
    that cancel take the lowest bits of those that share a lane of the sum with them."""
    problem = make_problem(5, [2500])
    problem.new[0][:2], problem.old[0][:2] = 0, (2.0**50, -2.0**50)
    problem.mask[0][:], problem.advantages[0] = True, 1.0
    settings = dict(gate="erf", level="sequence", **GATES["erf"])
    one = sluice.gated_loss(**problem.packed(), **settings)

    def seen():
        return [same(problem.rows(sluice.gated_loss(**problem.padded(left, 0), **settings).gradient,
                                  left), one.gradient) for left in (211, 5, 513, 1000)]
    assert seen() == [True] * 4
    monkeypatch.setattr(_batch, "from_first", lambda rows, mask: rows)
    assert seen() == [False] * 4


@pytest.mark.parametrize("aggregation", ["sequence-mean", "token-mean", "constant"])
@pytest.mark.parametrize("level", ["token", "sequence"])
def test_a_split_cannot_show_with_the_steps_denominators(problem, level, aggregation):
    settings = dict(gate="sigmoid", level=level, aggregation=aggregation, constant_length=700.0,
                    tau_pos=1.0, tau_neg=1.05, **ALL)
    one = sluice.gated_loss(**problem.packed(), **settings)
    step = sluice.Denominators(one.metrics.sequences, one.metrics.tokens)
    for cuts in ([0, 8], [0, 1, 2, 3, 4, 5, 6, 7, 8], [0, 3, 8], [0, 7, 8]):
        parts = [sluice.gated_loss(**problem.packed(part), **settings, denominators=step)
                 for part in zip(cuts, cuts[1:])]
        assert same(numpy.concatenate([p.gradient for p in parts]), one.gradient)
        assert same(numpy.concatenate([p.sums for p in parts]), one.sums)
    wrong = sluice.gated_loss(**problem.packed((0, 3)), **settings)  # its own denominators
    assert not same(wrong.gradient, one.gradient[:wrong.gradient.size])


@pytest.mark.parametrize("kind", _library.AGGREGATIONS)
def test_coefficients_are_those_of_the_table(kind):
    """Spec O4.1, restated; where the step is this batch its denominators may be left out."""
    draw = numpy.random.default_rng(3)
    part, whole = (getattr(_library.lib, f"sl_objective_{name}coefficients")
                   for name in ("part_", ""))
    for n in (1, 2, 17, 1000):
        tokens = draw.integers(0, 5000, n).astype(numpy.uint32)
        tokens[0], tokens[-1] = 1, 0 if n > 1 else 1
        for sequences, total in ((float((tokens > 0).sum()), float(tokens.sum())), (1e6, 3e9 + 1)):
            by = {"sequence-mean": sequences * tokens, "token-mean": total,
                  "constant": sequences * 777.0}[kind] + numpy.zeros(n)
            wanted = numpy.where(tokens > 0, 1.0 / numpy.where(tokens > 0, by, 1.0), 0.0)
            found, given = numpy.empty(n), (tokens.ctypes.data, n, _library.AGGREGATIONS.index(
                kind), 777.0)
            assert part(found.ctypes.data, *given, sequences, total, None) == 0
            assert same(found, wanted)
            other = numpy.empty(n)
            assert whole(other.ctypes.data, *given, None) == 0
            assert same(other, wanted) == (sequences < 1e6)
        for wrong in (0.5, numpy.nan, numpy.inf):
            assert part(found.ctypes.data, *given, wrong, wrong, None) == 1 and same(found, wanted)


def test_metrics_are_sums_over_the_sequences(problem):
    """Spec O5.1, O5.2: one after the other, as Python adds."""
    out = sluice.gated_loss(**problem.packed(), gate="erf", **ALL)
    total = {name: sum(out.sums[name].tolist()) for name in out.sums.dtype.names}
    n, m = total["tokens"], out.metrics
    for name in ("objective", "centred", "kl", "entropy", "tokens", "clamped", "kl_clamped"):
        assert getattr(m, name) == total[name]
    y = total["y_sum"] / n
    assert (m.ratio_mean, m.ratio_variance) == (1 + y, total["y_square_sum"] / n - y * y)
    assert (m.weight_mean, m.below_half) == (total["weight_sum"] / n, total["below_half"] / n)
    assert m.approximate_kl == y - total["log_ratio_sum"] / n
    assert m.ratio_max == out.sums["ratio_max"].max()
    assert m.sequences == (out.sums["tokens"] > 0).sum() < len(out.sums)
    assert out.loss == -(m.objective - 0.04 * m.kl + 0.01 * m.entropy)


def restated(p, gate, tau, level="token"):
    """The gradient by the formula in binary64, one sequence after the other, and how far the
    library's may lie from it."""
    live = sum((mask.any() for mask in p.mask))
    wanted, bound = [], []
    for new, old, mask, a in zip(p.new, p.old, p.mask, p.advantages.astype(numpy.float64)):
        x = (new - old).astype(numpy.float64)
        off = 0.0
        if level == "sequence" and mask.any():
            x = numpy.full_like(x, x[mask].sum() / mask.sum())
            off = U * numpy.abs(x) * 2  # rounded to binary32; the sum in binary64 is far closer
        t = float(numpy.float32(tau[0] if a > 0 else tau[1]))
        c = a / (live * max(1, mask.sum()))
        r = numpy.exp(x)
        wanted.append(numpy.where(mask, -formula.WEIGHTS[gate](t * (r - 1)) * r * c, 0.0))
        bound.append(numpy.where(mask, formula.policy_bound(gate, x, off, t, c), 0.0))
    return numpy.concatenate(wanted), numpy.concatenate(bound)


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("gate", formula.WEIGHTS)
def test_the_gradient_is_the_formulas_within_its_bound(problem, gate, level):
    tau = (GATES[gate]["tau_pos"], GATES[gate]["tau_neg"])
    out = sluice.gated_loss(**problem.packed(), gate=gate, level=level, **GATES[gate])
    wanted, bound = restated(problem, gate, tau, level)
    error = numpy.abs(out.gradient - wanted)
    share = (error / numpy.where(bound > 0, bound, 1)).max()
    print(f"{gate}, {level}: largest share of the bound {share:.3f}")
    assert (error <= bound).all()
    other = sluice.gated_loss(**problem.packed(), gate=gate, level=level, tau_pos=tau[0] * 1.1,
                              tau_neg=tau[1])
    assert (numpy.abs(other.gradient - wanted) > bound).any()  # a tau that is off shows


def by_token(arguments):
    """The same with an advantage for each token, NaN where nothing is read."""
    a, mask = arguments["advantages"], arguments["mask"]
    wide = numpy.repeat(a, numpy.diff(arguments["seq"])) if "seq" in arguments \
        else numpy.repeat(a[:, None], mask.shape[1], 1)
    return dict(arguments, advantages=numpy.where(mask, wide, numpy.nan).astype(numpy.float32))


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("gate", GATES)
def test_equal_advantages_of_tokens_are_the_sequences(problem, gate, level):
    settings = dict(gate=gate, level=level, groups=[0, 2, 5, 8], **GATES[gate], **ALL)
    one = sluice.gated_loss(**problem.packed(), **settings)
    for threads in (1, 3):
        for arguments in (by_token(problem.packed()), by_token(problem.padded(5, 300))):
            out = sluice.gated_loss(**arguments, **settings, threads=threads)
            assert same(problem.rows(out.gradient, 5), one.gradient) and same(out.sums, one.sums)
            assert repr(out.metrics) == repr(one.metrics)


@pytest.mark.parametrize("gate", formula.WEIGHTS)
def test_a_token_has_the_gate_of_its_own_sign(problem, gate):
    tau = (GATES[gate]["tau_pos"], GATES[gate]["tau_neg"])
    packed = by_token(problem.packed())
    mask = packed["mask"]
    a = numpy.random.default_rng(5).standard_normal(mask.size).astype(numpy.float32)
    packed["advantages"] = numpy.where(mask, a, numpy.inf).astype(numpy.float32)
    out = sluice.gated_loss(**packed, gate=gate, **GATES[gate])
    n = numpy.concatenate([numpy.full(m.size, max(1, m.sum())) for m in problem.mask])
    c = numpy.where(mask, a, 0).astype(float) / (n * sum(m.any() for m in problem.mask))
    t = numpy.where(a > 0, *(float(numpy.float32(x)) for x in tau))
    x = numpy.where(mask, packed["logp_new"] - packed["logp_old"], 0).astype(float)
    r = numpy.exp(x)
    wanted = -formula.WEIGHTS[gate](t * (r - 1)) * r * c
    bound = formula.policy_bound(gate, x, 0.0, t, c)
    assert (numpy.abs(out.gradient - wanted) <= bound)[mask].all() and not out.gradient[~mask].any()
    turned = sluice.gated_loss(**packed, gate=gate, tau_pos=tau[1], tau_neg=tau[0])
    assert (numpy.abs(turned.gradient - wanted) > bound)[mask].any()


def test_a_split_cannot_show_by_token(problem):
    packed = by_token(problem.packed())
    packed["advantages"] *= numpy.random.default_rng(2).choice([1, -0.5], packed["mask"].size)
    one = sluice.gated_loss(**packed, gate="erf", **GATES["erf"], level="sequence")
    step = sluice.Denominators(one.metrics.sequences, one.metrics.tokens)
    for i, (lo, hi) in enumerate(zip(packed["seq"], packed["seq"][1:])):
        row = {name: x[lo:hi] for name, x in packed.items() if name != "seq"}
        part = sluice.gated_loss(**row, seq=[0, hi - lo], gate="erf", **GATES["erf"],
                                 level="sequence", denominators=step)
        assert same(part.gradient, one.gradient[lo:hi]) and same(part.sums, one.sums[i:i + 1])


def test_advantages_that_could_be_either_are_refused():
    x = numpy.zeros(2, numpy.float32)
    arguments = dict(logp_new=x, logp_old=x, advantages=x, mask=numpy.ones(2, bool))
    assert sluice.gated_loss(**arguments, seq=[0, 1, 2]).gradient.shape == (2,)
    with pytest.raises(sluice.InvalidInput, match="2 sequences or of 2 tokens: pass .* padded"):
        sluice.gated_loss(**arguments, seq=[0, 0, 2])


def test_masked_tokens_are_never_read(problem):
    one = problem.packed()
    two = {name: x.copy() if isinstance(x, numpy.ndarray) else x for name, x in one.items()}
    for name in ("logp_new", "logp_old", "logp_ref", "entropy"):
        two[name][~two["mask"]] = numpy.nan
    a, b = (sluice.gated_loss(**x, gate="erf", **GATES["erf"], **ALL) for x in (one, two))
    assert same(a.gradient, b.gradient) and a.loss == b.loss
    for level in ("token", "sequence"):  # any byte but 0 is an unmasked token
        two["mask"] = one["mask"].astype(numpy.uint8) * 2
        a, b = (sluice.gated_loss(**x, gate="erf", level=level) for x in (one, two))
        assert same(a.gradient, b.gradient) and same(a.sums, b.sums)
    two["logp_old"][0] = numpy.inf
    with pytest.raises(sluice.InvalidInput, match=r"logp_old\[0\] \(sequence 0\) is inf"):
        sluice.gated_loss(**two, gate="erf")


def test_groups_give_the_effective_update_ratio(problem):
    packed = problem.packed()
    groups = [0, 2, 2, 5, 8]
    for level in ("token", "sequence"):
        out = sluice.gated_loss(**packed, gate="clip", level=level, groups=groups,
                                parameters={"low": 0.05, "high": 0.1})
        m, sums = out.metrics, out.sums
        means = [sums["weight_sum"][a:b].sum() / sums["tokens"][a:b].sum()
                 for a, b in zip(groups, groups[1:]) if sums["tokens"][a:b].sum()]
        # Weights are 0 or 1 and the counts small, so that only the divisions and the mean of
        # three are rounded.
        assert m.effective == pytest.approx(sum(means) / len(means), rel=4 * 2.0**-53)
        assert m.clip_ratio == pytest.approx(1 - m.effective, abs=8 * 2.0**-53)
        assert 0 < m.clip_ratio < 1
    assert sluice.gated_loss(**packed, gate="erf").metrics.effective is None
    assert sluice.gated_loss(**packed, gate="erf", groups=groups).metrics.clip_ratio is None
    with pytest.raises(sluice.InvalidInput, match="groups must begin at 0.*end at 8"):
        sluice.gated_loss(**packed, gate="erf", groups=[0, 7])


def test_metrics_are_moments_of_the_ratio(problem):
    m = sluice.gated_loss(**problem.packed(), gate="erf").metrics
    packed = problem.packed()
    live = packed["mask"]
    r = numpy.exp((packed["logp_new"] - packed["logp_old"]).astype(numpy.float64))[live]
    # Each binary32 ratio and r - 1 is off by 2 U (r + 1) at most.
    off = 2 * U * (r + 1).mean()
    assert abs(m.ratio_mean - r.mean()) <= off and abs(m.ratio_max - r.max()) <= 2 * U * r.max()
    assert abs(m.ratio_variance - r.var()) <= 4 * U * ((r + 1) * numpy.abs(r - r.mean())).mean() \
        + off * off
    assert m.tokens == live.sum() and m.approximate_kl > 0


def test_a_weight_has_a_gradient_and_no_value(problem):
    out = sluice.gated_loss(**problem.packed(), gate="cispo_cap", aggregation="token-mean")
    assert numpy.isnan(out.loss) and numpy.isfinite(out.gradient).all() and out.gradient.any()


def test_gates_by_file_and_loaded(problem, tmp_path):
    (tmp_path / "mine.gate").write_text(
        "gate mine\nparam tau in [0.1, 9] default 2\nf = 1 + atan(tau*(r - 1))/tau\n")
    by_path = sluice.gated_loss(**problem.packed(), gate=tmp_path / "mine.gate")
    loaded = sluice.gates.load(tmp_path / "mine.gate", tau=2)
    assert same(by_path.gradient, sluice.gated_loss(**problem.packed(), gate=loaded).gradient)
    with pytest.raises(sluice.InvalidInput, match="pass them to gates.load"):
        sluice.gated_loss(**problem.packed(), gate=loaded, tau_pos=1, tau_neg=1)


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
     r"token_advantage\[\d+\] \(sequence 0\) is nan"),
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


def test_a_batch_without_tokens_is_a_part_of_a_step(problem):
    packed = problem.packed((3, 4))
    out = sluice.gated_loss(**packed, gate="erf", denominators=sluice.Denominators(7, 5000))
    assert out.loss == 0 and out.gradient.size == 0 and numpy.isnan(out.metrics.ratio_mean)


def test_eight_threads_share_a_context(problem):
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", **GATES["erf"])
    wrong = []

    def work():
        for _ in range(40):
            out = sluice.gated_loss(**packed, gate="erf", **GATES["erf"])
            if not (same(out.gradient, one.gradient) and same(out.sums, one.sums)):
                wrong.append(out)
    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


class Unlocked:
    """A lock that locks nothing."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return None


def test_no_two_threads_are_in_a_context(problem, monkeypatch):
    """By a stand-in for the library's function, which counts who is in it; without the lock there
    are two at once."""
    inside, most = [], []

    def counting(*arguments):
        inside.append(arguments)
        most.append(len(inside))
        threading.Event().wait(0.01)
        inside.pop()
        return 0
    monkeypatch.setattr(_library.lib, "sl_gated_loss", counting)

    def run(context):
        threads = [threading.Thread(target=sluice.gated_loss, kwargs=dict(
            problem.packed(), gate="erf", context=context)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = max(most)
        most.clear()
        return found
    assert run(_library.Context(1)) == 1
    planted = _library.Context(1)
    planted._lock = Unlocked()
    assert run(planted) > 1


def in_child(work, seconds=30):
    """What a child of fork makes of it; None if it does not end in time."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.write(writer, b"same" if work() else b"different")
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    timer = threading.Timer(seconds, os.kill, (child, 9))
    timer.start()
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    timer.cancel()
    return text.decode() or None


def test_a_child_of_fork_has_threads_of_its_own(problem):
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", threads=3)

    def work():
        out = sluice.gated_loss(**packed, gate="erf", threads=3)
        tasks = len(os.listdir("/proc/self/task"))
        return same(out.gradient, one.gradient) and tasks == 3
    assert [in_child(work) for _ in range(3)] == ["same"] * 3
    assert same(sluice.gated_loss(**packed, gate="erf", threads=3).gradient, one.gradient)


def test_a_fork_while_another_thread_computes(problem, monkeypatch):
    """The child has a lock that nobody will release, and a context in the middle of a job; with
    these it waits for ever."""
    packed = problem.packed()
    one = sluice.gated_loss(**packed, gate="erf", threads=2)
    context = _library.shared_context(2)

    def work():
        out = sluice.gated_loss(**packed, gate="erf", threads=2)
        return same(out.gradient, one.gradient)
    with context._lock:
        assert in_child(work) == "same"
        monkeypatch.setattr(_library.Context, "_after_fork", lambda context: None)
        assert in_child(work, seconds=1) is None
    assert work()


@pytest.mark.parametrize("level", ["token", "sequence"])
def test_errors_name_the_callers_sequence(problem, level):
    packed = problem.packed()
    packed["logp_new"] = packed["logp_new"].copy()
    packed["logp_new"][701] = numpy.nan  # the first of sequence 2, which is unmasked
    with pytest.raises(sluice.InvalidInput, match=r"logp_new\[701\] \(sequence 2\) is nan"):
        sluice.gated_loss(**packed, level=level)
    wrong = dict(problem.packed(), advantages=problem.advantages.copy())
    wrong["advantages"][5] = numpy.inf
    with pytest.raises(sluice.InvalidInput, match=r"advantage\[5\] is inf"):
        sluice.gated_loss(**wrong, level=level)


@pytest.mark.parametrize("gate", ["erf", "clip"])
def test_a_part_of_a_step_may_have_no_token(problem, gate):
    packed = dict(problem.packed(), gate=gate, groups=[0, 8])
    packed["mask"] = numpy.zeros_like(packed["mask"])
    out = sluice.gated_loss(**packed, denominators=sluice.Denominators(3, 30))
    assert numpy.isnan(out.metrics.effective) and out.metrics.clip_ratio is None
    assert not out.gradient.any() and out.metrics.tokens == 0


class Waited:
    """A lock as a child finds it, that threads of the parent waited for: free, and never to be
    had."""

    def locked(self):
        return False

    def acquire(self, blocking=True):
        while blocking:
            threading.Event().wait()
        return False

    def __enter__(self):
        self.acquire()

    def __exit__(self, *_):
        pass


def test_a_child_has_locks_of_its_own(problem, monkeypatch):
    packed = problem.packed()
    context = _library.Context(2)
    one = sluice.gated_loss(**packed, context=context)
    monkeypatch.setattr(context, "_lock", Waited())

    def work():
        assert context.threads == 2  # of a handle that was made anew
        return same(sluice.gated_loss(**packed, context=context).gradient, one.gradient)
    assert in_child(work, seconds=5) == "same"


def test_a_fork_while_threads_wait_for_each_other(problem):
    packed, stop = problem.packed(), threading.Event()
    one = sluice.gated_loss(**packed, threads=1)

    def spin():
        while not stop.is_set():
            sluice.gated_loss(**packed, threads=1)

    def work():
        return same(sluice.gated_loss(**packed, threads=1).gradient, one.gradient)
    spinning = [threading.Thread(target=spin) for _ in range(3)]
    for thread in spinning:
        thread.start()
    try:
        assert [in_child(work, seconds=5) for _ in range(20)] == ["same"] * 20
    finally:
        stop.set()
        for thread in spinning:
            thread.join()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_context_is_not_copied(copied):
    with pytest.raises(TypeError, match="cannot be copied or pickled: make another"):
        copied(_library.Context(1))


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


def test_contexts_say_what_they_are():
    context = sluice.Context(2, "plain")
    assert (context.backend, context.threads) == ("plain", 2)
    with pytest.raises(sluice.Unavailable, match="backend 'cuda' is not in this build"):
        sluice.Context(1, "cuda")
