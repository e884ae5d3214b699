"""transformers' side of training steps and rollouts: the same shape, random weights, binary32.

    torch_model.py step SHAPE TOKENS LENGTH THREADS
    torch_model.py rollout SHAPE SLOTS GROUP PROMPT NEW THREADS

SHAPE is a config.json as `sluice bench --on-request` prints it. Scaled dot-product attention, fused
AdamW, gradients clipped by their norm as Sluice's are; sampling at temperature 1, no end token.
"""
import json
import sys
import time

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from sides import serve


def model_of(shape):
    """Arbitrary weights, as quickly as they can be made: transformers' own take a minute."""
    shape = json.loads(shape)
    theta = shape.pop("rope_theta")
    config = AutoConfig.for_model(
        shape.pop("model_type"), **shape, eos_token_id=None, bos_token_id=None, pad_token_id=0,
        rope_parameters={"rope_type": "default", "rope_theta": theta})
    for name in ("kaiming_uniform_", "uniform_", "normal_", "trunc_normal_"):
        setattr(torch.nn.init, name, lambda tensor, *_, **__: tensor)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32,
                                             attn_implementation="sdpa")
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if weights.dim() == 2:
                weights.uniform_(-0.03, 0.03)
            else:
                weights.fill_(1.0 if "norm" in name else 0.0)
    return model


def seconds_of(call):
    begin = time.perf_counter()
    call()
    return {"seconds": time.perf_counter() - begin}


def step_call(shape, tokens, length):
    """A training step on sequences of that length."""
    model = model_of(shape).train()
    parameters = list(model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0,
                                  fused=True)
    ids = torch.randint(2, model.config.vocab_size, (int(tokens) // int(length), int(length)))

    def call():
        optimizer.zero_grad(set_to_none=True)
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
    return call


def rollout_call(shape, slots, group, prompt, new):
    """Completions of slots / group prompts, each `group` times in the batch, as TRL has them."""
    model = model_of(shape).eval()
    prompts = torch.randint(2, model.config.vocab_size, (int(slots) // int(group), int(prompt)))
    ids = prompts.repeat_interleave(int(group), 0)
    mask = torch.ones_like(ids)

    def call():
        model.generate(ids, attention_mask=mask, do_sample=True, temperature=1.0, top_k=0,
                       top_p=1.0, max_new_tokens=int(new), min_new_tokens=int(new))
    return call


def main():
    torch.set_num_threads(int(sys.argv[-1]))
    call = {"step": step_call, "rollout": rollout_call}[sys.argv[1]](*sys.argv[2:-1])
    call()  # the first takes memory
    serve(lambda _: seconds_of(call))


if __name__ == "__main__":
    main()
