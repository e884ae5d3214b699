#!/usr/bin/env python3
"""Dumps of PyTorch's kernels, one file an op, for `sluice equiv --dump FILE`.

    dump_torch.py FOLDER [--dtype float32|bfloat16] [--device cpu|cuda] [--seed N]

Each function calls what training calls and names the tensors as docs/equivalence.md has them. For
one of your own: take the nearest function, put your kernel in, and keep the names and axes.
`contract` says which arithmetic the kernel may use: here float32 sums in any order, tensor cores'
blocks on cuda, and which intermediates go through the storage type.
"""
import argparse
import os
import struct
import json

import torch
from torch.nn import functional as F

NAMES = {torch.float64: "F64", torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16",
         torch.int64: "I64", torch.bool: "BOOL"}


def save(path, op, tensors, settings=(), layouts=(), contract=()):
    """A dump as safetensors, with what the numbers do not say as its metadata."""
    texts = {"sluice.op": op}
    texts.update({f"sluice.{name}": str(value) for name, value in dict(settings).items()})
    texts.update({f"sluice.layout.{name}": axes for name, axes in dict(layouts).items()})
    if contract:
        texts["sluice.contract"] = ",".join(contract)
    head, parts, end = {"__metadata__": texts}, [], 0
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        part = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        head[name] = {"dtype": NAMES[tensor.dtype], "shape": list(tensor.shape),
                      "data_offsets": [end, end + len(part)]}
        parts.append(part)
        end += len(part)
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))


class Dumps:
    def __init__(self, folder, dtype, device):
        self.folder, self.dtype, self.device = folder, dtype, device
        self.contract = ["order=blocks:8"] if device == "cuda" else []

    def random(self, *shape, dtype=None):
        return torch.randn(shape, device=self.device).to(dtype or self.dtype)

    def save(self, op, tensors, settings=(), layouts=(), stored="", name=None):
        contract = self.contract + (
            [f"stored={stored}"] if stored and self.dtype != torch.float32 else [])
        save(os.path.join(self.folder, f"{name or op}.safetensors"), op, tensors, settings, layouts,
             contract)

    def linear(self):
        x, w, bias = self.random(48, 256), self.random(64, 256), self.random(64)
        self.save("linear", {"x": x, "w": w, "bias": bias, "y": F.linear(x, w, bias)})

    def attention(self):
        q, k = self.random(2, 4, 32, 64), self.random(2, 4, 32, 64)
        v = self.random(2, 4, 32, 64)
        o = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        self.save("attention", {"q": q, "k": k, "v": v, "o": o}, {"causal": 1},
                  {"q": "bhid", "k": "bgjd", "v": "bgjd", "o": "bhid"}, stored="p")

    def rmsnorm(self):
        x, w = self.random(32, 256), self.random(256)
        y = F.rms_norm(x, (256,), w, 1e-6)
        self.save("rmsnorm", {"x": x, "w": w, "y": y}, {"eps": 1e-6})

    def swiglu(self):
        gate, up = self.random(32, 128), self.random(32, 128)
        self.save("swiglu", {"gate": gate, "up": up, "y": F.silu(gate) * up}, stored="silu")

    def logprob(self):
        """Logits as the model has them; log-probs in float32, as trainers take them."""
        logits, target = 4 * self.random(32, 500), torch.randint(500, (32,), device=self.device)
        logp = (logits.float() / 0.7).log_softmax(-1).gather(1, target[:, None])[:, 0]
        self.save("logprob", {"logits": logits, "target": target, "logp": logp},
                  {"temperature": 0.7})

    def adamw(self):
        """The third step, so that both moments hold something. The fused kernel computes in
        float32; the one of several ops rounds each of them to the type of the parameters."""
        p = torch.nn.Parameter(self.random(2048))
        optimizer = torch.optim.AdamW([p], lr=1e-3, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1,
                                      fused=self.dtype == torch.bfloat16)
        for _ in range(2):
            p.grad = self.random(2048)
            optimizer.step()
        state = optimizer.state[p]
        before = {"p": p.detach().clone(), "m": state["exp_avg"].clone(),
                  "v": state["exp_avg_sq"].clone(), "g": self.random(2048)}
        p.grad = before["g"].clone()
        optimizer.step()
        after = {"p_new": p, "m_new": state["exp_avg"], "v_new": state["exp_avg_sq"]}
        self.save("adamw", {**before, **after},
                  {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1,
                   "step": 3})

    def loss(self):
        """Losses in float32, of 8 sequences with masks; gradients by automatic differentiation."""
        shape = (8, 24)
        old = -self.random(*shape, dtype=torch.float32).abs()
        new = old + 0.3 * self.random(*shape, dtype=torch.float32)
        mask = torch.rand(shape, device=self.device) < 0.8
        mask[:, 0] = True
        advantage = self.random(8, dtype=torch.float32)
        for name, function, settings in (
                ("loss_clip", clip_loss, {"gate": "clip", "aggregation": "token_mean"}),
                ("loss_sigmoid", sigmoid_loss, {"gate": "sigmoid", "weight_form": "product"})):
            leaf = new.clone().requires_grad_()
            loss = function(leaf, old, mask, advantage)
            loss.backward()
            self.save("gated_loss", {"logp_new": leaf, "logp_old": old, "mask": mask,
                                     "advantage": advantage, "dlogp": leaf.grad, "loss": loss},
                      {**settings, "clamp": 1e30}, name=name)


def clip_loss(new, old, mask, advantage):
    """PPO's, as a mean over all tokens."""
    ratio = (new - old).exp()
    a = advantage[:, None]
    objective = torch.minimum(ratio * a, ratio.clamp(0.8, 1.2) * a)
    return -(objective * mask).sum() / mask.sum()


def sigmoid_loss(new, old, mask, advantage):
    """The sigmoid gate, as a mean over the sequences' means."""
    a = advantage[:, None]
    tau = torch.where(a > 0, 1.0, 1.05)
    objective = a * torch.sigmoid(tau * ((new - old).exp() - 1)) * 4 / tau
    return -((objective * mask).sum(1) / mask.sum(1)).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    os.makedirs(options.folder, exist_ok=True)
    dumps = Dumps(options.folder, getattr(torch, options.dtype), options.device)
    for op in (dumps.linear, dumps.attention, dumps.rmsnorm, dumps.swiglu, dumps.logprob,
               dumps.loss, dumps.adamw):
        op()


if __name__ == "__main__":
    main()
