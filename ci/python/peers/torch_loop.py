"""A loop written by hand in PyTorch for the demo's RL step: no trainer, no library of models, just
what the demo needs. A request is one rollout and its four optimiser steps.
Usage: torch_loop.py MODEL_FOLDER THREADS"""
import json
import os
import sys
import time

import torch
from safetensors.torch import load_file
from torch.nn import functional

from demo_task import (CHARACTERS, END, GROUP, LEARNING_RATE, NEW, PROMPTS, TEMPERATURES, UPDATES,
                       ids_of, problems)
from sides import serve


class Policy:
    """Qwen2 on ids (B, T); logits (B, T, V). cache: of each layer, keys and values so far."""

    def __init__(self, folder):
        with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
            self.config = json.load(file)
        weights = load_file(os.path.join(folder, "model.safetensors"))
        self.weights = {name.removeprefix("model."): w.requires_grad_()
                        for name, w in weights.items()}
        size, positions = self.config["head_dim"], torch.arange(64.0)
        angles = positions[:, None] * self.config["rope_theta"] ** (
            -torch.arange(0, size, 2) / size)
        self.cos, self.sin = (torch.cat((f(angles), f(angles)), -1) for f in (torch.cos, torch.sin))

    def norm(self, x, name):
        return functional.rms_norm(x, x.shape[-1:], self.weights[name + ".weight"],
                                   self.config["rms_norm_eps"])

    def linear(self, x, name):
        return functional.linear(x, self.weights[name + ".weight"],
                                 self.weights.get(name + ".bias"))

    def heads(self, x, name):
        """(B, heads, T, d)"""
        made = self.linear(x, name)
        return made.view(*made.shape[:2], -1, self.config["head_dim"]).transpose(1, 2)

    def turned(self, x, begin):
        cos, sin = (t[begin:begin + x.shape[2]] for t in (self.cos, self.sin))
        low, high = x.chunk(2, -1)
        return x * cos + torch.cat((-high, low), -1) * sin

    def attention(self, x, layer, cache, begin):
        q, k, v = (self.heads(x, f"{layer}self_attn.{name}_proj") for name in "qkv")
        q, k = self.turned(q, begin), self.turned(k, begin)
        if cache is not None:
            if layer in cache:
                k, v = (torch.cat(pair, 2) for pair in zip(cache[layer], (k, v)))
            cache[layer] = k, v
        o = functional.scaled_dot_product_attention(q, k, v, is_causal=x.shape[1] > 1,
                                                    enable_gqa=True)
        return self.linear(o.transpose(1, 2).flatten(2), layer + "self_attn.o_proj")

    def logits(self, ids, cache=None, begin=0, last=False):
        x = functional.embedding(ids, self.weights["embed_tokens.weight"])
        for i in range(self.config["num_hidden_layers"]):
            layer = f"layers.{i}."
            x = x + self.attention(self.norm(x, layer + "input_layernorm"), layer, cache, begin)
            h = self.norm(x, layer + "post_attention_layernorm")
            gate, up = (self.linear(h, f"{layer}mlp.{name}_proj") for name in ("gate", "up"))
            x = x + self.linear(functional.silu(gate) * up, layer + "mlp.down_proj")
        x = self.norm(x[:, -1:] if last else x, "norm")
        return functional.linear(x, self.weights["embed_tokens.weight"])


@torch.no_grad()
def rollout(policy, prompts):
    """Completions (B * GROUP, NEW), their log-probs and mask; a prompt is prefilled once."""
    cache = {}
    logits = policy.logits(prompts, cache, last=True)[:, 0].repeat_interleave(GROUP, 0)
    for layer, pair in cache.items():
        cache[layer] = tuple(x.repeat_interleave(GROUP, 0) for x in pair)
    tokens, logps = [], []
    for i in range(NEW):
        logp = logits.log_softmax(-1)
        tokens.append(torch.multinomial(logp.exp(), 1))
        logps.append(logp.gather(1, tokens[-1]))
        if i + 1 < NEW:
            logits = policy.logits(tokens[-1], cache, prompts.shape[1] + i)[:, 0]
    made = torch.cat(tokens, 1)
    ended = (made == END).int()
    return made, torch.cat(logps, 1), (ended.cumsum(1) - ended) == 0


def text_of(ids):
    """A completion's characters, up to its end token."""
    text = []
    for i in ids:
        if i == END:
            return "".join(text)
        text.append(CHARACTERS[i - END - 1] if i > END else "?")
    return None


def advantages(completions, answers):
    """Of each group, by the deviation of its population."""
    rewards = torch.tensor([float(text_of(ids) == answers[i // GROUP])
                            for i, ids in enumerate(completions.tolist())]).view(-1, GROUP)
    centred = rewards - rewards.mean(1, keepdim=True)
    return (centred / (rewards.std(1, correction=0, keepdim=True) + 1e-4)).flatten()


def loss_of(policy, ids, old, mask, advantage):
    """SAPO's, a mean over sequences of means over tokens."""
    logits = policy.logits(ids[:, :-1])[:, -NEW:]
    new = logits.log_softmax(-1).gather(2, ids[:, -NEW:, None])[..., 0]
    a = advantage[:, None]
    tau = torch.where(a > 0, *TEMPERATURES)
    gated = torch.sigmoid(tau * (torch.exp(new - old) - 1)) * 4 / tau * a
    return -((gated * mask).sum(1) / mask.sum(1)).mean()


class Loop:
    def __init__(self, folder):
        self.policy, self.problems, self.at = Policy(folder), problems(), 0
        self.optimizer = torch.optim.AdamW(self.policy.weights.values(), lr=LEARNING_RATE,
                                           betas=(0.9, 0.95), weight_decay=0.0, fused=True)

    def step(self):
        chosen = [self.problems[(self.at + i) % len(self.problems)] for i in range(PROMPTS)]
        self.at += PROMPTS
        prompts = torch.tensor([ids_of(prompt) for prompt, _ in chosen])
        completions, old, mask = rollout(self.policy, prompts)
        advantage = advantages(completions, [answer for _, answer in chosen])
        ids = torch.cat((prompts.repeat_interleave(GROUP, 0), completions), 1)
        for part in zip(*(x.chunk(UPDATES) for x in (ids, old, mask, advantage))):
            self.optimizer.zero_grad(set_to_none=True)
            loss_of(self.policy, *part).backward()
            torch.nn.utils.clip_grad_norm_(self.policy.weights.values(), 1.0)
            self.optimizer.step()


def main(folder, threads):
    torch.set_num_threads(threads)
    loop = Loop(folder)
    for _ in range(2):
        loop.step()  # takes memory

    def answer(_):
        begin = time.perf_counter()
        loop.step()
        return {"seconds": time.perf_counter() - begin}
    serve(answer)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
