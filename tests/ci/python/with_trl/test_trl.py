"""sluice.trl: TRL's own losses within a derived bound on the batches of runs; EUR over the step."""
import os
from collections import defaultdict
from pathlib import Path

import numpy
import pytest
import sluice.trl
import tiny
import torch
import trl
from accelerate.state import AcceleratorState
from autograd_bounds import Bounds

import sluice

OFF_POLICY = dict(steps_per_generation=4)
KINDS = {  # loss_type, with what it needs: (settings, gate of the bounds)
    "sapo": (dict(sapo_temperature_pos=1.0, sapo_temperature_neg=1.05), (1.0, 1.05)),
    "grpo": (dict(epsilon=0.2, epsilon_high=0.28), (0.2, 0.28, None)),
    "bnpo": (dict(epsilon=0.2), (0.2, 0.2, None)),
    "dr_grpo": (dict(epsilon=0.2, delta=3.0), (0.2, 0.2, 3.0)),
    "dapo": (dict(epsilon=0.2, epsilon_high=0.28), (0.2, 0.28, None)),
    "luspo": (dict(epsilon=0.002, epsilon_high=0.0025, importance_sampling_level="sequence"),
              (0.002, 0.0025, None)),
    "cispo": (dict(epsilon_high=5.0), (0.0, 5.0))}
CHAIN = {  # roundings of a token's coefficient there
    "grpo": 3, "sapo": 3,  # / parts, / rows, / tokens
    "bnpo": 2, "dr_grpo": 2, "luspo": 2,  # / parts, / denominator
    "dapo": 4, "cispo": 4}  # the normaliser (3), / normaliser


class Recorder(sluice.trl.GatedGRPOTrainer):
    """Keeps each micro-batch: its inputs, its log-probs, and TRL's own loss of them."""

    def __init__(self, *args, **kwargs):
        self.batches, self.replay = [], None
        super().__init__(*args, **kwargs)

    def _get_per_token_logps_and_entropies(self, *args, **kwargs):
        if self.replay is not None:
            return self.replay
        self.last = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        return self.last

    def _compute_loss(self, model, inputs):
        loss = super()._compute_loss(model, inputs)
        self.batches.append(self.both(inputs, self.last))
        return loss

    def both(self, inputs, found):
        """Loss and gradient by log-prob, ours and TRL's, on the same log-probs."""
        pairs, saved = [], (self._metrics, self._update)
        try:
            for method in (sluice.trl.GatedGRPOTrainer._compute_loss,
                           trl.GRPOTrainer._compute_loss):
                self._metrics = {"train": defaultdict(list), "eval": defaultdict(list)}
                self._update = sluice.trl._Update()
                leaf = found[0].detach().clone().requires_grad_()
                self.replay = (leaf, found[1].detach(), found[2])
                loss = method(self, None, inputs)
                gradient, = torch.autograd.grad(loss, leaf)
                pairs.append((loss.item(), gradient.numpy()))
        finally:
            self.replay, (self._metrics, self._update) = None, saved
        old = inputs.get("old_per_token_logps", found[0]).detach()
        mask = inputs["completion_mask"].numpy() != 0
        parts = self.current_gradient_accumulation_steps
        window = parts / self.args.steps_per_generation
        return dict(inputs=inputs, found=found, new=found[0].detach().numpy(), old=old.numpy(),
                    mask=mask, advantages=inputs["advantages"].numpy(), parts=parts, pairs=pairs,
                    items=max(inputs["num_items_in_batch"].item(), 1) * window)


def coefficient(kind, batch, length):
    """TRL's normalisation, restated: the coefficient of a token, (B, 1)."""
    rows, tokens = len(batch["mask"]), batch["mask"].sum(1, keepdims=True)
    parts = batch["parts"]
    by = {"grpo": rows * numpy.maximum(tokens, 1), "bnpo": max(batch["mask"].sum(), 1),
          "dr_grpo": rows * length, "luspo": rows}
    by["sapo"] = by["grpo"]
    return 1 / (numpy.zeros((rows, 1)) + (
        batch["items"] if kind in ("dapo", "cispo") else by[kind] * parts))


def bounds_of(kind, args, gate, batch, factors=0):
    """The bounds of a micro-batch."""
    level = args.importance_sampling_level
    summed = batch["mask"].shape[1] if level == "sequence" else 0  # and there / tokens is one more
    return Bounds(kind if kind in ("sapo", "cispo") else "clip", CHAIN[kind], batch,
                  coefficient(kind, batch, args.max_completion_length), gate, level=level,
                  summed=summed, factors=factors)


def shares(kind, args, gate, batch, factors=0):
    """The largest shares of the bound, of gradient and loss, and how many tokens it leaves out."""
    found = bounds_of(kind, args, gate, batch, factors)
    gradient, loss, sure = found.of()
    (ours, d), (theirs, e) = batch["pairs"]
    off = numpy.abs(d.astype(float) - e)[sure] / gradient[sure]
    unsure = int((batch["mask"] & ~sure).sum())
    by_loss = numpy.nan if unsure else abs(ours - theirs) / loss
    return off.max(initial=0.0), by_loss, unsure


def variance(trainer):
    """The ratio's, of each step."""
    return [row["sluice/ratio_variance"] for row in trainer.state.log_history
            if "sluice/ratio_variance" in row]


def off_policy(trainer):
    """The micro-batches with a gradient and a ratio that is not 1."""
    return [batch for batch in trainer.batches
            if batch["pairs"][0][1].any() and (batch["new"] != batch["old"])[batch["mask"]].any()]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Of each loss_type a run of 20 steps, each batch with both losses."""
    made = {}

    def run(kind):
        if kind not in made:
            folder = tmp_path_factory.mktemp(kind)
            made[kind] = tiny.trainer(folder, Recorder, loss_type=kind, **OFF_POLICY,
                                      **KINDS[kind][0])
            made[kind].train()
        AcceleratorState(mixed_precision="no", cpu=True)  # a new GRPOConfig resets what all share
        return made[kind]
    return run


@pytest.mark.parametrize("kind", KINDS)
def test_trls_loss_and_gradient_within_the_bound(runs, kind):
    trainer = runs(kind)
    assert trainer.state.global_step == 20 and len(trainer.batches) == 40
    assert sum(value > 0 for value in variance(trainer)) >= 10
    rows = [shares(kind, trainer.args, KINDS[kind][1], batch) for batch in trainer.batches]
    tokens = sum(int(batch["mask"].sum()) for batch in trainer.batches)
    gradient, loss = max(row[0] for row in rows), numpy.nanmax([row[1] for row in rows])
    unsure = sum(row[2] for row in rows)
    print(f"| `{kind}` | {gradient:.3f} | {loss:.3f} | {max(variance(trainer)):.3g} | {unsure} of "
          f"{tokens} |")  # a row of docs/from-trl.md
    assert gradient <= 1 and loss <= 1 and unsure <= tokens / 1000
    assert len(off_policy(trainer)) >= 10
    last = off_policy(trainer)[-1]
    (ours, d), theirs = last["pairs"]
    wrong = dict(last, pairs=[(ours, d * numpy.float32(1 + 2.0**-16)), theirs])
    assert shares(kind, trainer.args, KINDS[kind][1], wrong)[0] > 1


def test_another_temperature_is_noticed(runs, monkeypatch):
    trainer = runs("sapo")
    batch = off_policy(trainer)[-1]
    monkeypatch.setattr(trainer, "_gate", sluice.gates.load("sigmoid", tau=(1.001, 1.05)))
    wrong = trainer.both(batch["inputs"], batch["found"])
    gradient, loss, _ = shares("sapo", trainer.args, (1.0, 1.05), wrong)
    assert gradient > 1 and loss > 1


SEQUENCE = torch.tensor([0.5, 1.0, 0.0, 3.0, 1.25, 0.75, 1.0, 2.0])[:, None]
OPTIONS = {  # what is changed of a trainer, what of the inputs, and the factors it brings
    "entropy_coef": (dict(entropy_coef=0.01, _entropy_bonus_enabled=True), {}, 0),
    "tool_mask": ({}, lambda x: dict(tool_mask=(torch.arange(x.size(1)) % 3 > 0).int() + 0 * x), 0),
    "off_policy_mask_threshold": (dict(off_policy_mask_threshold=0.01), {}, 1),
    "top_entropy_quantile": (dict(top_entropy_quantile=0.5), {}, 1),
    "vllm token ratio": (
        dict(use_vllm=True, vllm_importance_sampling_correction=True),
        lambda x: dict(importance_sampling_ratio=SEQUENCE * torch.linspace(0, 2, x.size(1))), 1),
    "advantages by token": (
        {}, lambda x: dict(advantages=SEQUENCE * torch.linspace(-1, 2, x.size(1))), 0),
    "vllm sequence ratio": (dict(use_vllm=True, vllm_importance_sampling_correction=True),
                            lambda x: dict(importance_sampling_ratio=SEQUENCE), 1)}


@pytest.mark.parametrize("kind", ["sapo", "grpo", "dapo"])
def test_a_kl_to_the_reference(runs, monkeypatch, kind):
    trainer, beta = runs(kind), 0.25
    monkeypatch.setattr(trainer, "beta", beta)
    for batch in off_policy(trainer)[-4:]:
        noise = torch.randn(batch["new"].shape, generator=torch.Generator().manual_seed(1))
        ref = batch["found"][0].detach() + 0.3 * noise
        both = trainer.both(dict(batch["inputs"], ref_per_token_logps=ref), batch["found"])
        (_, d), (_, e) = both["pairs"]
        c = coefficient(kind, both, trainer.args.max_completion_length)
        found = bounds_of(kind, trainer.args, KINDS[kind][1], both)
        gradient, _, sure = found.of()
        gradient = gradient + found.kl(both["new"].astype(float) - ref.numpy(), beta * c, d)
        assert (numpy.abs(d.astype(float) - e) <= gradient)[sure].all()
        assert (numpy.abs(batch["pairs"][0][1] - e) > gradient)[sure].any()  # it was not there


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("kind", ["sapo", "grpo", "dapo"])
def test_options_mean_what_they_mean_there(runs, monkeypatch, kind, option):
    trainer = runs(kind)
    attributes, more, factors = OPTIONS[option]
    changed = 0
    for batch in off_policy(trainer)[-6:]:
        for name, value in attributes.items():
            monkeypatch.setattr(trainer, name, value)
        inputs = dict(batch["inputs"])
        inputs.update(more(inputs["completion_mask"]) if more else {})
        found = trainer.both(inputs, batch["found"])
        if "tool_mask" in inputs:
            found["mask"] = found["mask"] & (inputs["tool_mask"].numpy() != 0)
        if found["advantages"].ndim == 1:
            found["advantages"] = found["advantages"][:, None]
        if "importance_sampling_ratio" in inputs:
            found["advantages"] = found["advantages"] * inputs["importance_sampling_ratio"].numpy()
        gradient = shares(kind, trainer.args, KINDS[kind][1], found, factors)[0]
        assert gradient <= 1
        changed += not all(numpy.array_equal(a, b)
                           for a, b in zip(found["pairs"][0], batch["pairs"][0]))
    assert changed


def logps_as(trainer, new, old, mask=None):
    """The last batch with both losses of these log-probs."""
    batch = off_policy(trainer)[-1]
    inputs = dict(batch["inputs"], old_per_token_logps=old)
    if mask is not None:
        inputs["completion_mask"] = mask
    return trainer.both(inputs, (new, batch["found"][1], batch["found"][2]))


@pytest.mark.parametrize("kind, ratio, theirs_is", [
    ("sapo", 90.0, numpy.isnan), ("sapo", 3.3, lambda x: x == 0), ("grpo", 90.0, numpy.isinf)])
def test_where_trls_gradient_is_no_number_or_0(runs, monkeypatch, kind, ratio, theirs_is):
    """exp overflows at a log-ratio of 89; s (1 - s) is 0 in binary32 where s rounds to 1."""
    trainer = runs(kind)
    batch = off_policy(trainer)[-1]
    monkeypatch.setitem(batch["inputs"], "advantages", torch.full((8,), -1.0))
    old = torch.from_numpy(batch["old"]).clone()
    new = old.clone()
    new[0, 0] += ratio
    old[1, 1], new[1, 1] = -1.0, -1.0
    (loss, d), (_, e) = logps_as(trainer, new, old)["pairs"]
    live = batch["mask"][0, 0]
    assert live and theirs_is(e[0, 0]) and numpy.isfinite(loss) and numpy.isfinite(d).all()
    assert d[0, 0] == 0 if ratio > 80 else d[0, 0] > 0  # ours: clamped (O1.1), or its true weight


def test_what_masked_tokens_hold(runs):
    trainer = runs("sapo")
    old = torch.from_numpy(off_policy(trainer)[-1]["old"]).clone()
    mask = off_policy(trainer)[-1]["inputs"]["completion_mask"].clone()
    mask[0, -1] = 0
    new = old.clone()
    new[0, -1] = numpy.nan
    (loss, d), (theirs, _) = logps_as(trainer, new, old, mask)["pairs"]
    assert numpy.isnan(theirs)
    assert numpy.isfinite(loss) and numpy.isfinite(d).all() and d[0, -1] == 0


def test_an_input_that_is_on_no_list(runs):
    trainer = runs("sapo")
    batch = off_policy(trainer)[-1]
    with pytest.raises(sluice.InvalidInput, match="inputs have extra"):
        trainer.both(dict(batch["inputs"], extra=1), batch["found"])
    trainer, by_token = runs("luspo"), torch.rand(batch["mask"].shape)
    with pytest.raises(sluice.InvalidInput, match="advantages of a sequence differ by token"):
        trainer.both(dict(batch["inputs"], advantages=by_token), batch["found"])


@pytest.mark.parametrize("kind", ["sapo", "luspo"])
def test_eur_is_of_the_prompts_of_a_step(runs, kind):
    """A step has two micro-batches, into which TRL shuffles the completions of a prompt: one call
    with the step's sequences, prompt by prompt as the texts say, has the same EUR."""
    trainer = runs(kind)
    logged = [row["sluice/eur"] for row in trainer.state.log_history if "sluice/eur" in row]
    scattered = 0
    for step, eur in enumerate(logged):
        parts = trainer.batches[2 * step:2 * step + 2]
        prompts = [row.tobytes() for part in parts for row in part["inputs"]["prompt_ids"].numpy()]
        order = sorted(range(len(prompts)), key=lambda i: prompts[i])
        ends = [k for k, i in enumerate(order) if k == 0 or prompts[i] != prompts[order[k - 1]]]

        def joined(name):
            rows = [row for part in parts for row in part[name]]  # noqa: B023
            return numpy.ascontiguousarray(numpy.stack([rows[i] for i in order]))  # noqa: B023
        whole = sluice.gated_loss(
            joined("new"), joined("old"), joined("advantages"), joined("mask"), gate=trainer._gate,
            level=trainer._preset.level, groups=[*ends, len(order)])
        assert abs(whole.metrics.effective - eur) <= len(order) * 2.0**-52
        assert len(set(prompts)) == len(ends) > 1
        # what comes out without the index: each micro-batch's rows as prompts of their own
        apart = sluice.gated_loss(
            joined("new"), joined("old"), joined("advantages"), joined("mask"), gate=trainer._gate,
            level=trainer._preset.level, groups=list(range(len(order) + 1)))
        scattered += abs(apart.metrics.effective - eur) > 2.0**-40
    assert len(logged) == 20 and scattered >= 5 and min(logged) < 1


def test_eur_counts_clamped_tokens_as_0(runs):
    trainer = runs("sapo")
    batch = off_policy(trainer)[-1]
    old = torch.from_numpy(batch["old"]).clone()
    new = old.clone()
    new[0, 0] += 100
    mask = batch["inputs"]["completion_mask"]
    inputs = dict(batch["inputs"], old_per_token_logps=old)
    _, out = trainer._loss_of(inputs, new, mask, old, inputs["advantages"], 2.0)
    weights = trainer._weights(out, inputs["advantages"], new, old, mask)
    assert out.metrics.clamped == 1
    assert weights.tolist() == [n - (i == 0) for i, n in enumerate(mask.sum(1).tolist())]


def test_it_trains_and_evaluates_with_erf_and_a_kl(tmp_path):
    tiny.model().save_pretrained(tmp_path / "model")  # the reference is loaded from a folder
    trainer = tiny.trainer(
        tmp_path, policy=str(tmp_path / "model"),
        own=dict(gate="erf", tau_pos=10.0, tau_neg=12.0), loss_type="grpo", beta=0.04,
        entropy_coef=0.001, max_steps=4, eval_strategy="steps", eval_steps=2,
        per_device_eval_batch_size=8)
    trainer.train()
    rows = trainer.state.log_history
    assert sum("eval_sluice/eur" in row and numpy.isfinite(row["eval_loss"]) for row in rows) == 2
    assert sum(row.get("kl", 0) > 0 for row in rows) >= 2
    assert all(0 < row["sluice/eur"] <= 1 for row in rows if "sluice/eur" in row)
    leaf = torch.zeros(1, 2, requires_grad=True)
    loss, _ = sluice.trl.applied(leaf, torch.zeros(1, 2), torch.ones(1), torch.ones(1, 2))
    grad, = torch.autograd.grad(loss, leaf, create_graph=True)
    with pytest.raises(RuntimeError, match="no second derivative"):
        torch.autograd.grad(grad.sum(), leaf)


def test_a_model_from_a_folder(tmp_path):
    """SLUICE_MODEL: a folder with a tokenizer.json beside its weights, as the demo leaves one."""
    folder = Path(os.environ.get("SLUICE_MODEL", "/nonexistent"))
    if not (folder / "tokenizer.json").exists():
        pytest.skip("SLUICE_MODEL names no folder with a tokenizer.json")
    import transformers  # pylint: disable=import-outside-toplevel
    trainer = tiny.trainer(
        tmp_path, Recorder, policy=transformers.AutoModelForCausalLM.from_pretrained(folder),
        words=transformers.AutoTokenizer.from_pretrained(folder), loss_type="sapo",
        **OFF_POLICY, learning_rate=1e-4)
    trainer.train()
    gate = (1.0, 1.05)
    rows = [shares("sapo", trainer.args, gate, batch) for batch in trainer.batches]
    print(f"{folder.name}: share of the bound: gradient {max(row[0] for row in rows):.3f}, loss "
          f"{max(row[1] for row in rows):.3f}")
    assert max(row[0] for row in rows) <= 1 and max(row[1] for row in rows) <= 1
