"""PyTorch's side of the single kernels: what a user of PyTorch would write.
Usage: torch_kernels.py THREADS"""
import os
import sys

import torch
from torch.nn import functional

from kernels import (ADAMW, DOWN, HEAD, HEAD_DIM, HEADS, KV_HEADS, LENGTH, ROW, SEQUENCES, SQUARE,
                     SWIGLU, UP, run)

sys.path.append(os.path.join(os.path.dirname(__file__), "..", "speed"))
from loss import theirs as trl_loss  # noqa: E402  pylint: disable=wrong-import-position


def numbers(*shape, scale=1.0):
    return (2 * torch.rand(shape) - 1) * scale


def linear(shape):
    x, w, y = numbers(shape.t, shape.k), numbers(shape.n, shape.k), torch.empty(shape.t, shape.n)
    return lambda: torch.mm(x, w.t(), out=y)


def input_gradient():
    dy, w, dx = numbers(DOWN.t, DOWN.n), numbers(DOWN.n, DOWN.k), torch.empty(DOWN.t, DOWN.k)
    return lambda: torch.mm(dy, w, out=dx)


def weight_gradient():
    """Added to a total, as Sluice's is."""
    dy, x, dw = numbers(DOWN.t, DOWN.n), numbers(DOWN.t, DOWN.k), torch.zeros(DOWN.n, DOWN.k)
    return lambda: dw.addmm_(dy.t(), x)


def head():
    h = numbers(HEAD.t, HEAD.k).requires_grad_()
    w = numbers(HEAD.n, HEAD.k, scale=0.05).requires_grad_()
    target = torch.arange(HEAD.t) * 7919 % HEAD.n

    def call():
        loss = functional.cross_entropy(functional.linear(h, w), target, reduction="sum")
        torch.autograd.grad(loss, (h, w))
    return call


def attention(n):
    q, d_o = (numbers(1, HEADS, n, HEAD_DIM) for _ in range(2))
    k, v = (numbers(1, KV_HEADS, n, HEAD_DIM) for _ in range(2))
    for x in (q, k, v):
        x.requires_grad_()

    def call():
        o = functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        torch.autograd.grad(o, (q, k, v), d_o)
    return call


def swiglu():
    """Into memory that it has already: new pages would take longer than the kernel."""
    gate, up = numbers(SWIGLU), numbers(SWIGLU)
    y = torch.empty_like(gate)

    def call():
        torch.ops.aten.silu.out(gate, out=y)
        torch.mul(y, up, out=y)
    return call


def adamw():
    p = numbers(ADAMW).requires_grad_()
    p.grad = numbers(ADAMW, scale=1e-3)
    return torch.optim.AdamW([p], lr=1e-6, betas=(0.9, 0.95), weight_decay=0.0, fused=True).step


def loss():
    """TRL's code of SAPO, forward and backward."""
    old = numbers(SEQUENCES, LENGTH)
    new = (old + numbers(SEQUENCES, LENGTH, scale=0.1)).requires_grad_()
    batch = {"logp_new": new, "logp_old": old, "advantages": numbers(SEQUENCES),
             "mask": torch.ones(SEQUENCES, LENGTH, dtype=torch.long)}
    return lambda: torch.autograd.grad(trl_loss("sapo", batch), new)


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[1]))
    run({"product-square": lambda: linear(SQUARE), "product-up": lambda: linear(UP),
         "product-down": lambda: linear(DOWN), "product-down-input": input_gradient,
         "product-down-weight": weight_gradient, "head": head,
         "attention-2048": lambda: attention(2048), "attention-4096": lambda: attention(4096),
         "linear-row": lambda: linear(ROW), "swiglu": swiglu, "adamw": adamw, "loss": loss})
