"""sluice.verl: verl's own policy losses within a derived bound, for every aggregation and global
batch information; what is not honoured is refused by name."""
import numpy
import pytest
import sluice.verl
import torch
from autograd_bounds import Bounds, gamma
from sluice.verl import MODES
from verl.trainer.ppo import core_algos
from verl.workers.config import ActorConfig

import sluice

FORMS = {  # of verl's losses
    "vanilla": ("clip", (0.2, 0.28, 3.0), "token"), "sapo": ("sapo", (1.0, 1.05), "token"),
    "gspo": ("clip", (0.2, 0.28, None), "sequence"), "cispo": ("cispo", (0.8, 1.28), "token")}
CHAIN = {  # roundings of a token's coefficient there, with * dp_size
    "token-mean": 2, "token-sum": 1, "seq-mean-token-sum": 2, "seq-mean-token-mean": 3,
    "seq-mean-token-sum-norm": 3}
GLOBAL = {
    "none": {}, "global": dict(dp_size=4, batch_num_tokens=5000, global_batch_size=64),
    "uneven": dict(dp_size=3, batch_num_tokens=1234, global_batch_size=30, loss_scale_factor=77)}


def config(batch=None, **more):
    """verl's configuration of an actor, by its own class."""
    settings = dict(clip_ratio_low=0.2, clip_ratio_high=0.28, strategy="fsdp", rollout_n=4,
                    ppo_micro_batch_size_per_gpu=1, global_batch_info=dict(batch or {}))
    return ActorConfig(**{**settings, **more})


def problem(seed, rows=12, length=40, spread=0.2):
    """Log-probs near each other, masks with holes, one row without a token."""
    draw = torch.Generator().manual_seed(seed)
    new = -3 * torch.rand(rows, length, generator=draw)
    old = new + spread * torch.randn(rows, length, generator=draw)
    mask = torch.rand(rows, length, generator=draw) < 0.8
    mask[3] = False
    advantages = torch.randn(rows, 1, generator=draw).expand(rows, length) * mask
    return dict(old_log_prob=old, log_prob=new.requires_grad_(), advantages=advantages.contiguous(),
                response_mask=mask)


def both(name, arguments, mode, settings, weights=None):
    """Loss and gradient by log-prob, ours and verl's."""
    found = []
    for loss in (f"sluice_{name}", name):
        value, metrics = core_algos.get_policy_loss_fn(loss)(
            **arguments, loss_agg_mode=mode, config=settings, rollout_is_weights=weights)
        gradient, = torch.autograd.grad(value, arguments["log_prob"])
        found.append((value.item(), gradient.numpy(), metrics))
    return found


def coefficient(mode, mask, batch):
    """verl's, restated: of a token, (B, 1)."""
    tokens = mask.sum(1, keepdims=True)
    ranks, count = batch.get("dp_size", 1), batch.get("batch_num_tokens", tokens.sum())
    rows = batch.get("global_batch_size", (tokens > 0).sum())
    norm = batch.get("loss_scale_factor") or mask.shape[1]
    by = {"token-mean": count, "token-sum": 1, "seq-mean-token-sum": rows,
          "seq-mean-token-mean": rows * numpy.maximum(tokens, 1),
          "seq-mean-token-sum-norm": rows * norm}
    return ranks / (by[mode] + numpy.zeros_like(tokens, float))


def shares(name, mode, arguments, batch, found, weights=None):
    """The largest shares of the bound, of gradient and loss, and how many tokens it leaves out."""
    form, gate, level = FORMS[name]
    mask = arguments["response_mask"].numpy()
    a = arguments["advantages"] if weights is None else arguments["advantages"] * weights
    values = dict(new=arguments["log_prob"].detach().numpy(),
                  old=arguments["old_log_prob"].numpy(), mask=mask,
                  advantages=a.numpy())
    mode = "seq-mean-token-mean" if name == "sapo" else mode
    bound = Bounds(form, CHAIN[mode], values, coefficient(mode, mask, batch), gate, level=level,
                   factors=int(weights is not None))
    gradient, loss, sure = bound.of()
    (ours, d, _), (theirs, e, _) = found
    off = (numpy.abs(d.astype(float) - e)[sure] / gradient[sure]).max()
    unsure = int((mask & ~sure).sum())
    return off, numpy.nan if unsure else abs(ours - theirs) / loss, unsure


@pytest.mark.parametrize("name", FORMS)
def test_verls_loss_and_gradient_within_the_bound(name):
    rows, variance, unsure = {}, 0.0, 0
    for mode in MODES:
        for kind, batch in GLOBAL.items():
            for seed in range(5):
                arguments = problem(seed, spread=(0.01, 0.2, 0.6)[seed % 3])
                found = both(name, arguments, mode, config(batch))
                gradient, loss, edge = shares(name, mode, arguments, batch, found)
                rows[mode] = numpy.fmax(rows.get(mode, 0), (gradient, loss))
                unsure += edge
                variance = max(variance, found[0][2]["sluice/ratio_variance"])
                assert gradient <= 1 and not loss > 1, (mode, kind, seed)
                x = (arguments["old_log_prob"] - arguments["log_prob"].detach()).abs()
                kl = [metrics["actor/ppo_kl"] for *_, metrics in found]
                of_sum = gamma(x.numel() + 3) * x[arguments["response_mask"]].mean().item()
                assert abs(kl[0] - kl[1]) <= of_sum  # theirs is a sum in binary32
    for mode, (gradient, loss) in rows.items():
        print(f"| `{name}` | {mode} | {gradient:.3f} | {loss:.3f} |")  # a row of docs/from-trl.md
    print(f"{name:8} ratio variance up to {variance:.3g}, {unsure} tokens at an edge")
    assert unsure <= 5 and variance > 0.01


@pytest.mark.parametrize("name", FORMS)
def test_a_wrong_normalisation_is_noticed(name):
    arguments, batch = problem(1), dict(GLOBAL["global"])
    for mode in MODES:
        found = both(name, arguments, mode, config(batch))
        wrong = (found[0][0], found[0][1] * numpy.float32(1 + 2.0**-16), {})
        assert shares(name, mode, arguments, batch, [wrong, found[1]])[0] > 1
        other = dict(batch, dp_size=5)
        assert shares(name, mode, arguments, other, both(name, arguments, mode, config(other)))[
            0] <= 1 < shares(name, mode, arguments, batch, [
                both(name, arguments, mode, config(other))[0], found[1]])[0]


@pytest.mark.parametrize("name", FORMS)
def test_rollout_weights(name):
    arguments = problem(2)
    by_row = torch.tensor([0.5, 2, 1, 1, 0, 1.5] * 2)[:, None].expand(12, 40).contiguous()
    plain = both(name, arguments, "token-mean", config())
    weighted = both(name, arguments, "token-mean", config(), by_row)
    assert shares(name, "token-mean", arguments, {}, weighted, by_row)[0] <= 1
    assert not numpy.array_equal(plain[0][1], weighted[0][1])
    by_token = by_row * torch.linspace(0.5, 1.5, 40)
    weighted = both(name, arguments, "token-mean", config(), by_token)
    assert shares(name, "token-mean", arguments, {}, weighted, by_token)[0] <= 1


@pytest.mark.parametrize("name", FORMS)
def test_advantages_by_token(name):
    """At level sequence they are GSPO-token's (O4.7), as verl's gspo is."""
    for mode in MODES:
        arguments = problem(3)
        arguments["advantages"] = torch.linspace(-1, 1.5, 480).reshape(12, 40)
        found = both(name, arguments, mode, config())
        assert shares(name, mode, arguments, {}, found)[0] <= 1
        mean = arguments["advantages"].mean(1, keepdim=True).repeat(1, 40)
        other = both(name, dict(arguments, advantages=mean), mode, config())[0]
        assert shares(name, mode, arguments, {}, [other, found[1]])[0] > 1


@pytest.mark.parametrize("batch, mode, words", [
    (dict(dp_size=2), "token-mean", "dp_size 2 needs batch_num_tokens"),
    (dict(dp_size=2), "seq-mean-token-sum", "dp_size 2 needs global_batch_size"),
    (dict(new_count=2), "token-mean", "global_batch_info has new_count"),
    (dict(dp_size=0), "token-mean", "dp_size is 0, and must be a number of at least 1"),
    (dict(dp_size=-2, batch_num_tokens=9), "token-mean", "dp_size is -2"),
    (dict(dp_size=1.5, batch_num_tokens=9), "token-mean", "dp_size is 1.5, and must be whole"),
    (dict(dp_size=float("inf"), batch_num_tokens=9), "token-mean", "dp_size is inf"),
    (dict(batch_num_tokens=-5), "token-mean", "batch_num_tokens is -5"),
    (dict(batch_num_tokens=True), "token-mean", "batch_num_tokens is True"),
    (dict(batch_num_tokens="ten"), "token-mean", "batch_num_tokens is 'ten', and must be a number"),
    (dict(global_batch_size=float("nan")), "seq-mean-token-sum", "global_batch_size is nan"),
    (dict(loss_scale_factor=0), "seq-mean-token-sum-norm", "loss_scale_factor is 0"),
    ({}, "batch-mean", "loss_agg_mode must be one of")])
def test_what_would_not_be_honoured_is_refused(batch, mode, words):
    with pytest.raises(sluice.InvalidInput, match=words):
        both("vanilla", problem(1), mode, config(batch))


@pytest.mark.parametrize("name, change, words", [
    ("response_mask", lambda x: None, "response_mask is a NoneType, not a tensor"),
    ("response_mask", lambda x: x[:, :5], r"response_mask has shape \(12, 5\).*has \(12, 40\)"),
    ("log_prob", lambda x: x[0], r"log_prob is torch.float32 of shape \(40,\)"),
    ("log_prob", lambda x: x.int(), "log_prob is torch.int32"),
    ("old_log_prob", lambda x: x.numpy(), "old_log_prob is a ndarray, not a tensor"),
    ("old_log_prob", lambda x: x.clone().requires_grad_(), r"pass old_log_prob.detach\(\)"),
    ("old_log_prob", lambda x: x.to("meta"), "old_log_prob is on the device meta"),
    ("advantages", lambda x: x[0, :39], r"advantages has shape \(39,\)"),
    ("advantages", lambda x: x.clone().requires_grad_(), r"pass advantages.detach\(\)"),
    ("rollout_is_weights", lambda x: torch.ones(12), r"rollout_is_weights has shape \(12,\)"),
    ("rollout_is_weights", lambda x: [1.0], "rollout_is_weights is a list"),
    ("config", lambda x: "x", "config is a str, and the loss needs verl's"),
    ("config", lambda x: {"global_batch_info": [1]}, "global_batch_info is a list")])
def test_what_is_of_another_kind_is_refused(name, change, words):
    arguments = dict(problem(1), config=config())
    arguments[name] = change(arguments.get(name))
    with pytest.raises(sluice.InvalidInput, match=words):
        core_algos.get_policy_loss_fn("sluice_vanilla")(**arguments)


def test_advantages_may_be_one_a_sequence():
    arguments = problem(1)
    wide = arguments["advantages"].clone()
    wide[:] = wide.sum(1, keepdim=True)
    loss = core_algos.get_policy_loss_fn("sluice_vanilla")
    found = [loss(**dict(arguments, advantages=a), config=config())[0].item()
             for a in (wide, wide[:, :1], wide[:, 0])]
    assert found[0] == found[1] == found[2]


def test_a_configuration_is_read():
    arguments = problem(4)
    loss = core_algos.get_policy_loss_fn("sluice_erf")

    def gradient(settings, function=loss):
        value, metrics = function(**arguments, loss_agg_mode="token-mean", config=settings)
        assert set(metrics) >= {"actor/ppo_kl", "sluice/weight_mean", "sluice/clamped"}
        return torch.autograd.grad(value, arguments["log_prob"])[0].numpy()
    mask = arguments["response_mask"].numpy()
    a = arguments["advantages"].numpy()
    rows = numpy.where(mask.any(1), a[numpy.arange(12), mask.argmax(1)], 0).astype(numpy.float32)
    direct = sluice.gated_loss(
        arguments["log_prob"].detach().numpy(), arguments["old_log_prob"].numpy(), rows, mask,
        gate="erf", tau_pos=10.0, tau_neg=12.0, aggregation="token-mean").gradient
    assert gradient(config(tau_pos=10.0, tau_neg=12.0)).tobytes() == direct.tobytes()
    own = sluice.verl.register("mine", "erf", parameters={"tau": (10.0, 12.0)})
    assert core_algos.get_policy_loss_fn("mine") is own
    assert gradient(config(), own).tobytes() == direct.tobytes()
    loaded = sluice.verl.register("mine", sluice.gates.load("erf", tau=(10.0, 12.0)))
    assert gradient(config(), loaded).tobytes() == direct.tobytes()
    for wrong, words in (
            (dict(gate=sluice.gates.load("erf"), parameters={"tau": 3}), "has its parameters"),
            (dict(gate="erf", level="prompt"), "level must be one of token"),
            (dict(gate="erf", parameters=[("tau", 1)]), "parameters is a list"),
            (dict(gate="erf", certificate=3), "the certificate is a int"),
            (dict(gate="erf", aggregation="mean"), "aggregation must be one of token-mean")):
        with pytest.raises(sluice.InvalidInput, match=words):
            sluice.verl.register("wrong", **wrong)
    with pytest.raises(sluice.InvalidInput, match="the name of a policy loss is 3"):
        sluice.verl.register(3, "erf")
    listed = sluice.verl.register("mine", "erf", parameters={"tau": [10.0, 12.0]})
    assert gradient(config(), listed).tobytes() == direct.tobytes()
    with pytest.raises(sluice.InvalidInput, match="parameter tau of gate"):
        gradient(config(tau_pos=-1.0))
    with pytest.raises(sluice.InvalidInput, match="pass config"):
        loss(**arguments)


def test_every_loss_is_registered():
    names = {f"sluice_{name}" for name in (*sluice.verl.GATES, *sluice.verl.PRESETS)}
    assert names <= set(core_algos.POLICY_LOSS_REGISTRY)
    arguments = problem(5)
    for name in names:
        value, _ = core_algos.get_policy_loss_fn(name)(
            **arguments, loss_agg_mode="token-mean", config=config())
        gradient, = torch.autograd.grad(value, arguments["log_prob"])
        assert torch.isfinite(value) and gradient.abs().max() > 0


def test_a_certificate_is_demanded(tmp_path):
    path = tmp_path / "erf.cert"
    sluice.gates.verify("erf", ranges={"tau": ("0.5", "20")}).certificate.save(path)
    loss = sluice.verl.register("proved", "erf", certificate=path)
    loss(**problem(1), config=config(tau_pos=10.0, tau_neg=12.0))
    with pytest.raises(sluice.InvalidInput, match=r"A <= 0: tau is 25\.0.*not in the certificate"):
        loss(**problem(1), config=config(tau_pos=10.0, tau_neg=25.0))
    other = sluice.verl.register("other", "arctan", certificate=path)
    with pytest.raises(sluice.InvalidInput, match="it is another gate's"):
        other(**problem(1), config=config())


@pytest.mark.parametrize("name, ratio", [("vanilla", 30.0), ("sapo", 3.3)])
def test_where_verls_gradient_is_0(name, ratio):
    """Outside of 20 verl's log-ratio is a constant; where sigmoid rounds to 1 its slope is 0."""
    arguments = problem(6)
    arguments["old_log_prob"] = arguments["log_prob"].detach().clone()
    arguments["advantages"] = -arguments["response_mask"].float()
    row, token = arguments["response_mask"].nonzero()[0].tolist()
    arguments["old_log_prob"][row, token] -= ratio
    (loss, d, _), (_, e, _) = both(name, arguments, "token-mean", config(
        clip_ratio_c=100.0))
    assert e[row, token] == 0 and numpy.isfinite(loss) and numpy.isfinite(d).all()
    assert (d[row, token] > 0) == (name == "sapo")
    if name == "vanilla":  # the dual clip is 0 there as well; no gate at all has the true gradient
        value, _ = core_algos.get_policy_loss_fn("sluice_identity")(**arguments, config=config())
        assert torch.autograd.grad(value, arguments["log_prob"])[0][row, token] > 1e8


def test_what_masked_tokens_hold_is_never_read():
    arguments = problem(7)
    empty = torch.nonzero(~arguments["response_mask"])[0].tolist()
    arguments["old_log_prob"][tuple(empty)] = numpy.nan
    (loss, d, _), (theirs, e, _) = both("sapo", arguments, "token-mean", config())
    assert numpy.isfinite(loss) and numpy.isfinite(d).all()
    assert numpy.isnan(theirs) and e[tuple(empty)] == 0


def test_the_fields_that_verls_losses_read_are_known():
    """Another verl may aggregate by more: its agg_loss has the arguments that are honoured."""
    import inspect  # pylint: disable=import-outside-toplevel
    names = set(inspect.signature(core_algos.agg_loss).parameters)
    assert names == {"loss_mat", "loss_mask", "loss_agg_mode", *sluice.verl._BATCH}
    loss = inspect.signature(core_algos.compute_policy_loss_vanilla).parameters
    assert set(loss) == set(inspect.signature(core_algos.get_policy_loss_fn(
        "sluice_erf")).parameters)
