#!/usr/bin/env python3
"""Dumps of TRL's GRPO loss and its gradient by log-probs, for `sluice equiv --dump FILE`.

    class Trainer(DumpLoss, GRPOTrainer): pass     # in your own run: a file for each of 4 losses
    dump_trl.py FOLDER                             # here: a tiny random model, four kinds of loss

The gradient stands before the model's own backward pass, so a dump is of the loss alone. Importance
weights of vLLM are written as sampler_weight. What gated_loss has no words for is refused, by name:
use_bias_correction_kl, by which the KL term is times the ratio, masks by entropy or divergence, an
entropy bonus, two-sided clipping, other kinds of loss.
"""
import os
import sys

import torch
from dump_torch import save
from trl import GRPOConfig, GRPOTrainer


KINDS = ("grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo")


def refusals(trainer, inputs):
    """Why the loss cannot be written: it has terms that a dump could not say."""
    args = trainer.args

    def has(name):
        return getattr(args, name, None)

    if trainer.loss_type not in KINDS:
        yield f"loss_type={trainer.loss_type}: may be {', '.join(KINDS)}"
    if trainer.beta and has("use_bias_correction_kl"):
        yield ("use_bias_correction_kl=True: the KL term is times the ratio, and gated_loss has no "
               "such term: set use_bias_correction_kl=False")
    if has("top_entropy_quantile") not in (None, 1.0):
        yield f"top_entropy_quantile={args.top_entropy_quantile}: tokens are masked by entropy"
    if has("off_policy_mask_threshold") is not None:
        yield "off_policy_mask_threshold: sequences are masked by their divergence"
    if has("entropy_coef") or has("use_adaptive_entropy"):
        yield "entropy_coef, use_adaptive_entropy: the entropy's gradient is not in the dump"
    if has("delta") is not None:
        yield f"delta={args.delta}: clipping has a third edge"
    if "importance_sampling_ratio" in inputs and trainer.importance_sampling_level != "token":
        yield "importance weights of vLLM go with importance_sampling_level=token"


def settings_of(trainer, inputs, mask):
    """What the trainer's configuration is in the words of docs/equivalence.md."""
    kind, args = trainer.loss_type, trainer.args
    parts = trainer.current_gradient_accumulation_steps
    said = {"clamp": 1e30, "level": trainer.importance_sampling_level, "beta": trainer.beta,
            "kl": "k3"}
    if kind == "sapo":
        said.update(gate="sigmoid", weight_form="product", tau_pos=args.sapo_temperature_pos,
                    tau_neg=args.sapo_temperature_neg)
    elif kind == "cispo":
        said.update(gate="cispo", cap=trainer.epsilon_high)
    else:
        said.update(gate="clip", clip_low=trainer.epsilon_low, clip_high=trainer.epsilon_high)
    if kind in ("grpo", "sapo"):
        said.update(aggregation="sequence_mean", sequences=len(mask) * parts)
    elif kind == "dr_grpo":
        said.update(aggregation="constant", length=trainer.max_completion_length,
                    sequences=len(mask) * parts)
    elif kind == "bnpo":
        said.update(aggregation="token_mean", tokens=int(mask.sum()) * parts)
    else:
        tokens = inputs["num_items_in_batch"] / trainer.accelerator.num_processes
        said.update(aggregation="token_mean",
                    tokens=float(tokens) * parts / args.steps_per_generation)
    return said


class DumpLoss:
    """Before GRPOTrainer among the bases."""

    dump_folder, dumps_left = "dumps", 4

    def _get_per_token_logps_and_entropies(self, *args, **kwargs):
        answer = super()._get_per_token_logps_and_entropies(*args, **kwargs)
        if answer[0].requires_grad:
            self.dump_logps = answer[0]
        return answer

    def _compute_loss(self, model, inputs):
        loss = super()._compute_loss(model, inputs)
        if self.dumps_left and loss.requires_grad:
            self.dumps_left -= 1
            self.dump(loss, inputs)
        return loss

    def dump(self, loss, inputs):
        reasons = list(refusals(self, inputs))
        if reasons:
            raise ValueError("dump_trl.py cannot write this loss: " + "; ".join(reasons))
        new = self.dump_logps
        old = inputs.get("old_per_token_logps")
        mask = inputs["completion_mask"] * inputs.get("tool_mask", 1)
        tensors = {"logp_new": new, "logp_old": new if old is None else old, "mask": mask.bool(),
                   "advantage": inputs["advantages"], "loss": loss,
                   "dlogp": torch.autograd.grad(loss, new, retain_graph=True)[0]}
        if self.beta:
            tensors["logp_ref"] = inputs["ref_per_token_logps"]
        if "importance_sampling_ratio" in inputs:  # of sequences: one for all their tokens
            tensors["sampler_weight"] = inputs["importance_sampling_ratio"].expand_as(new)
        os.makedirs(self.dump_folder, exist_ok=True)
        path = os.path.join(self.dump_folder, f"{self.loss_type}-{self.dumps_left}.safetensors")
        save(path, "gated_loss", tensors, settings_of(self, inputs, mask))


class Trainer(DumpLoss, GRPOTrainer):
    pass


def tiny(folder):
    """A random model of 40 words and its tokenizer, so that nothing is downloaded. TRL loads the
    reference from the model's folder."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
    words = {word: i for i, word in enumerate(["<pad>", "<end>"] + [f"w{i}" for i in range(38)])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    config = Qwen2Config(vocab_size=40, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=2, num_key_value_heads=1, pad_token_id=0,
                         eos_token_id=1, bos_token_id=None)
    Qwen2ForCausalLM(config).save_pretrained(folder)
    return Qwen2ForCausalLM.from_pretrained(folder), PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<end>", padding_side="left")


def main(folder):
    from datasets import Dataset
    prompts = Dataset.from_dict({"prompt": ["w1 w2 w3", "w4 w5", "w6 w7 w8", "w9"] * 4})
    for kind in ("grpo", "dr_grpo", "dapo", "sapo"):
        torch.manual_seed(1)
        model, tokenizer = tiny(os.path.join(folder, "model"))
        options = GRPOConfig(
            output_dir=os.path.join(folder, "run"), loss_type=kind, num_generations=4,
            per_device_train_batch_size=8, num_iterations=2, max_completion_length=12, max_steps=4,
            learning_rate=0.05, beta=0.0 if kind == "dapo" else 0.04, save_strategy="no",
            use_bias_correction_kl=False, report_to=[], use_cpu=True,
            bf16=False, gradient_checkpointing=False)
        trainer = Trainer(
            model=model, processing_class=tokenizer, train_dataset=prompts, args=options,
            reward_funcs=lambda completions, **_: [float(len(c) % 7) for c in completions])
        trainer.dump_folder = folder
        trainer.train()


if __name__ == "__main__":
    main(sys.argv[1])
