"""sluice.gated_loss: the bits of the library for any padding, split and thread count."""
import formula
import numpy
import pytest
from loss_cases import ALL, GATES, same
from sluice import _batch, _library

import sluice

U = formula.U


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


def test_a_batch_without_tokens_is_a_part_of_a_step(problem):
    packed = problem.packed((3, 4))
    out = sluice.gated_loss(**packed, gate="erf", denominators=sluice.Denominators(7, 5000))
    assert out.loss == 0 and out.gradient.size == 0 and numpy.isnan(out.metrics.ratio_mean)


@pytest.mark.parametrize("gate", ["erf", "clip"])
def test_a_part_of_a_step_may_have_no_token(problem, gate):
    packed = dict(problem.packed(), gate=gate, groups=[0, 8])
    packed["mask"] = numpy.zeros_like(packed["mask"])
    out = sluice.gated_loss(**packed, denominators=sluice.Denominators(3, 30))
    assert numpy.isnan(out.metrics.effective) and out.metrics.clip_ratio is None
    assert not out.gradient.any() and out.metrics.tokens == 0
