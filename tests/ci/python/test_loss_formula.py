"""sluice.gated_loss beside the formula in binary64, within a bound, and with an advantage for each
token."""
import formula
import numpy
import pytest
from loss_cases import ALL, GATES, same

import sluice

U = formula.U


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
