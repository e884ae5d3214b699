"""sluice.trl: every argument of TRL's on a list, honoured or refused by name; certificates."""
import dataclasses
import re

import pytest
import tiny
import trl
from sluice import _trl_arguments as arguments

import sluice


def test_every_argument_is_on_a_list():
    assert not arguments.unlisted(trl.GRPOTrainer, trl.GRPOConfig)
    assert not arguments.HONOURED & arguments.ELSEWHERE
    assert not arguments.WITHOUT_EFFECT & (arguments.HONOURED | arguments.ELSEWHERE)


def test_the_page_has_every_argument(source):
    page = (source / "docs" / "from-trl.md").read_text("utf-8")
    names = arguments.HONOURED | arguments.WITHOUT_EFFECT
    keys = arguments.INPUTS - set(arguments.FORWARD)
    assert not [name for name in sorted(names | keys) if f"`{name}`" not in page]
    assert set(arguments.LOSSES) <= set(re.findall(r"^\| `(\w+)` \|", page, re.M))


class NewTrainer(trl.GRPOTrainer):
    """A TRL whose loss reads more."""

    def _compute_loss(self, model, inputs):
        weights = inputs["weights"] if "more" in inputs else inputs.get("others", self.factor)
        return weights * self.args.gamma + inputs[self.key]


@dataclasses.dataclass
class NewConfig(trl.GRPOConfig):
    """A TRL with one argument more."""
    loss_power: float = 1.0


NewConfig.__module__ = "trl.planted"


def test_a_new_argument_is_noticed():
    found = arguments.unlisted(NewTrainer, NewConfig)
    assert found == {"args.gamma", "args.loss_power", "inputs[more]", "inputs[others]",
                     "inputs[self.key]", "inputs[weights]", "self.factor", "self.key"}
    with pytest.raises(sluice.Unavailable, match=r"1\.16\.0.*does not know: args\.gamma"):
        arguments.check_version("1.16.0", NewTrainer, NewConfig)
    for version in ("1.15.0", "1.160.0", "2.0.0"):
        with pytest.raises(sluice.Unavailable, match=f"TRL {version} is not supported"):
            arguments.check_version(version, trl.GRPOTrainer, trl.GRPOConfig)


@pytest.mark.parametrize("settings, words", [
    (dict(loss_type="vespo"), "loss_type='vespo'"), (dict(loss_type="odd"), "loss_type='odd'"),
    (dict(importance_sampling_level="word"), "importance_sampling_level='word'"),
    (dict(use_adaptive_entropy=True), "use_adaptive_entropy=True"),
    (dict(top_entropy_quantile=0.2, importance_sampling_level="sequence"),
     "top_entropy_quantile=0.2 with importance_sampling_level"),
    (dict(beta=-0.1), "refuses beta=-0.1: it is below 0"),
    (dict(beta=0.1, use_bias_correction_kl=True), "use_bias_correction_kl=True"),
    (dict(use_vllm=True, vllm_importance_sampling_mode="token_mask",
          importance_sampling_level="sequence"), "vllm_importance_sampling_mode='token_mask' with"),
    (dict(delta=1.1), "delta=1.1: it is below"),
    (dict(loss_type="cispo"), "epsilon_high=0.2"),
    (dict(epsilon=1.5), "parameter low of gate clip")])
def test_refused_by_name(tmp_path, settings, words):
    with pytest.raises(sluice.InvalidInput, match=words):
        tiny.trainer(tmp_path, **settings)


@pytest.mark.parametrize("settings", [
    dict(epsilon=0.3), dict(epsilon_high=0.3), dict(delta=4.0), dict(sapo_temperature_pos=2.0),
    dict(sapo_temperature_neg=2.0)])
def test_with_a_gate_of_ones_own_its_parameters_are_the_gates(tmp_path, settings):
    (name,) = settings
    with pytest.raises(sluice.InvalidInput, match=f"{name}=.* has no effect with a gate"):
        tiny.trainer(tmp_path, own=dict(gate="erf"), **settings)
    with pytest.raises(sluice.InvalidInput, match="are those of `gate`"):
        tiny.trainer(tmp_path, own=dict(tau_pos=1.0, tau_neg=1.0))


def test_a_certificate_is_demanded(tmp_path):
    path = tmp_path / "sigmoid.cert"
    sluice.gates.verify("sigmoid", ranges={"tau": ("1", "1.05")},
                        for_run=True).certificate.save(path)
    tiny.trainer(tmp_path, loss_type="sapo", own=dict(certificate=path))
    erf = dict(gate="erf", tau_pos=1.0, tau_neg=1.0, certificate=path)
    with pytest.raises(sluice.InvalidInput, match="it is another gate's"):
        tiny.trainer(tmp_path, own=erf)
    with pytest.raises(sluice.InvalidInput, match=r"A <= 0: tau is 1\.5.* not in the certificate"):
        tiny.trainer(tmp_path, loss_type="sapo", sapo_temperature_neg=1.5,
                     own=dict(certificate=path))
    text = path.read_bytes()
    path.write_bytes(text.replace(b"1.05", b"1.15"))
    with pytest.raises(sluice.InvalidInput, match="the certificate is refused"):
        tiny.trainer(tmp_path, loss_type="sapo", own=dict(certificate=path))
    clip = tmp_path / "clip.cert"
    sluice.gates.verify("clip").certificate.save(clip)
    with pytest.raises(sluice.InvalidInput, match="A > 0: P1 is not proved: refuted"):
        tiny.trainer(tmp_path, loss_type="dapo", own=dict(certificate=clip))
