"""Registry, initial parameters, forward and backward pass: transformer.md T5."""
from dataclasses import dataclass

import numpy as np

from . import numerics, random, transformer
from .numerics import F32, F64, rn32


@dataclass(frozen=True)
class Shape:
    """The sizes of a model; letters as in transformer.md."""
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    ff: int
    vocabulary: int
    theta: float
    eps: F32
    tie: bool

    def tensors(self):
        """The registry (T5.3): pairs of name and shape, in order."""
        d, q, kv = self.hidden, self.heads * self.head_dim, self.kv_heads * self.head_dim
        layer = {
            "input_layernorm.weight": (d,),
            "self_attn.q_proj.weight": (q, d), "self_attn.q_proj.bias": (q,),
            "self_attn.k_proj.weight": (kv, d), "self_attn.k_proj.bias": (kv,),
            "self_attn.v_proj.weight": (kv, d), "self_attn.v_proj.bias": (kv,),
            "self_attn.o_proj.weight": (d, q),
            "post_attention_layernorm.weight": (d,),
            "mlp.gate_proj.weight": (self.ff, d), "mlp.up_proj.weight": (self.ff, d),
            "mlp.down_proj.weight": (d, self.ff),
        }
        names = {"model.embed_tokens.weight": (self.vocabulary, d)}
        for l in range(self.layers):
            names |= {f"model.layers.{l}.{name}": shape for name, shape in layer.items()}
        names["model.norm.weight"] = (d,)
        if not self.tie:
            names["lm_head.weight"] = (self.vocabulary, d)
        return names

    @property
    def head(self):
        """The name of the head's tensor."""
        return "model.embed_tokens.weight" if self.tie else "lm_head.weight"


def decays(name):
    """Whether weight decay applies to a tensor (T5.3)."""
    return name.endswith(("_proj.weight", "lm_head.weight"))


def initial_parameters(shape, seed, init_std):
    """T5.4."""
    parameters = {}
    for index, (name, size) in enumerate(shape.tensors().items()):
        if len(size) == 2:
            std = rn32(init_std) if init_std != 0 else rn32(1.0 / np.sqrt(F64(size[1])))
            parameters[name] = random.normals(seed, index, size[0] * size[1], std).reshape(size)
        else:
            parameters[name] = np.full(size, 0 if name.endswith("bias") else 1, F32)
    return parameters


class Model:
    """The passes of T5.1 and T5.2 for parameters that change."""

    def __init__(self, shape, parameters, positions):
        self.shape, self.parameters, self.positions = shape, parameters, positions
        self.cos, self.sin = transformer.rope_tables(shape.theta, positions, shape.head_dim)

    def frozen(self):
        """The model as it stands, which later updates do not change."""
        return Model(self.shape, dict(self.parameters), self.positions)

    def layer(self, l, name):
        """The name of a tensor of layer l."""
        return f"model.layers.{l}.{name}"

    def linear(self, l, name, x):
        """A linear layer with its bias, if it has one."""
        weight = self.layer(l, f"{name}.weight")
        return transformer.linear_forward(x, self.parameters[weight],
                                          self.parameters.get(self.layer(l, f"{name}.bias")))

    def split(self, x, heads):
        """(T, heads d) to (T, heads, d)."""
        return x.reshape(len(x), heads, self.shape.head_dim)

    def forward(self, ids, packed):
        """T5.1 up to the final norm: what the backward pass needs, `hidden` among it."""
        p, shape = self.parameters, self.shape
        if packed.longest > self.positions:
            raise ValueError(f"a sequence of {packed.longest} tokens is longer than "
                             f"{self.positions} positions")
        x = transformer.embedding_forward(p["model.embed_tokens.weight"], ids)
        layers = []
        for l in range(shape.layers):
            x, saved = self.forward_layer(l, x, packed)
            layers.append(saved)
        hidden, rstd = transformer.rmsnorm_forward(x, p["model.norm.weight"], shape.eps)
        return {"ids": ids, "packed": packed, "layers": layers, "output": x, "hidden": hidden,
                "rstd": rstd}

    def forward_layer(self, l, x, packed):
        """One layer of T5.1: its output, and what is saved."""
        p, shape, position = self.parameters, self.shape, packed.position
        s = {"input": x}
        s["h1"], s["rstd1"] = transformer.rmsnorm_forward(
            x, p[self.layer(l, "input_layernorm.weight")], shape.eps)
        q = self.split(self.linear(l, "self_attn.q_proj", s["h1"]), shape.heads)
        k = self.split(self.linear(l, "self_attn.k_proj", s["h1"]), shape.kv_heads)
        s["v"] = self.split(self.linear(l, "self_attn.v_proj", s["h1"]), shape.kv_heads)
        s["q"] = transformer.rope_forward(q, position, self.cos, self.sin)
        s["k"] = transformer.rope_forward(k, position, self.cos, self.sin)
        s["o"], s["row_max"], s["row_scale"] = transformer.attention_forward(
            s["q"], s["k"], s["v"], packed)
        projected = self.linear(l, "self_attn.o_proj", s["o"].reshape(len(x), -1))
        s["middle"] = transformer.residual_add(x, projected)
        s["h2"], s["rstd2"] = transformer.rmsnorm_forward(
            s["middle"], p[self.layer(l, "post_attention_layernorm.weight")], shape.eps)
        s["gate"] = self.linear(l, "mlp.gate_proj", s["h2"])
        s["up"] = self.linear(l, "mlp.up_proj", s["h2"])
        s["act"] = transformer.swiglu_forward(s["gate"], s["up"])
        return transformer.residual_add(s["middle"], self.linear(l, "mlp.down_proj", s["act"])), s

    def logprobs(self, trace, target, mask, inv_temperature):
        """The head of T5.1: logp, entropy, M and l (T4.2); kept for the backward pass."""
        head = self.parameters[self.shape.head]
        results = transformer.logprob_forward(trace["hidden"], head, target, mask, inv_temperature)
        trace["head"] = (target, mask, inv_temperature, *results)
        return results[0], results[1]

    def last_logits(self, sequences):
        """Logits of the last row of each sequence of ids (T4.1, L3.3).

        Equal sequences have equal bits and are computed once.
        """
        distinct = list(dict.fromkeys(map(tuple, sequences)))
        packed = numerics.Packed(np.cumsum([0] + [len(ids) for ids in distinct]))
        trace = self.forward(np.concatenate([np.array(ids) for ids in distinct]), packed)
        logits = numerics.matmul(trace["hidden"][packed.seq[1:] - 1],
                                 self.parameters[self.shape.head])
        row = {ids: i for i, ids in enumerate(distinct)}
        return logits[[row[tuple(ids)] for ids in sequences]]

    def backward(self, trace, dlogp, dentropy):
        """T5.2 and N4.3, N4.4: the gradient, by name."""
        p, packed = self.parameters, trace["packed"]
        total = {name: np.zeros((packed.shards, *size), F32)
                 for name, size in self.shape.tensors().items()}
        head_total = np.zeros_like(total[self.shape.head]) if self.shape.tie else \
            total[self.shape.head]
        target, mask, inv_temperature, _, entropy, row_max, row_sum = trace["head"]
        dh = transformer.logprob_backward(
            head_total, dlogp, dentropy, entropy, row_max, row_sum, trace["hidden"],
            p[self.shape.head], target, mask, inv_temperature, packed)
        norm = "model.norm.weight"
        transformer.rmsnorm_weight_grad(total[norm], dh, trace["output"], trace["rstd"], packed)
        dx = transformer.rmsnorm_backward(dh, trace["output"], p[norm], trace["rstd"])
        for l in reversed(range(self.shape.layers)):
            dx = self.backward_attention(l, self.backward_mlp(l, dx, trace, total), trace, total)
        embedding = total["model.embed_tokens.weight"]
        transformer.embedding_grad(embedding, dx, trace["ids"], packed)
        if self.shape.tie:
            total["model.embed_tokens.weight"] = head_total + embedding
        return {name: numerics.tree(totals) for name, totals in total.items()}

    def weight_grad(self, l, name, dy, x, total, packed):
        """The totals of a linear layer (T2.3)."""
        transformer.linear_weight_grad(total[self.layer(l, f"{name}.weight")],
                                       total.get(self.layer(l, f"{name}.bias")), dy, x, packed)

    def input_grad(self, l, parts):
        """T2.2 of linear layers by their names."""
        return transformer.linear_input_grad([(dy, self.parameters[self.layer(l, f"{name}.weight")])
                                              for name, dy in parts])

    def norm_grad(self, l, name, dy, x, rstd, dx, total, packed):
        """The totals of a norm, and the gradient of its input with the residual dx (T1.4, T1.5)."""
        name = self.layer(l, name)
        transformer.rmsnorm_weight_grad(total[name], dy, x, rstd, packed)
        return transformer.rmsnorm_backward(dy, x, self.parameters[name], rstd, dx)

    def backward_mlp(self, l, dx, trace, total):
        """T5.2 from the end of a layer to `middle`."""
        s, packed = trace["layers"][l], trace["packed"]
        dact = self.input_grad(l, [("mlp.down_proj", dx)])
        dgate, dup = transformer.swiglu_backward(dact, s["gate"], s["up"])
        dh = self.input_grad(l, [("mlp.gate_proj", dgate), ("mlp.up_proj", dup)])
        self.weight_grad(l, "mlp.down_proj", dx, s["act"], total, packed)
        self.weight_grad(l, "mlp.gate_proj", dgate, s["h2"], total, packed)
        self.weight_grad(l, "mlp.up_proj", dup, s["h2"], total, packed)
        return self.norm_grad(l, "post_attention_layernorm.weight", dh, s["middle"], s["rstd2"], dx,
                              total, packed)

    def backward_attention(self, l, dx, trace, total):
        """T5.2 from `middle` to the layer's input."""
        s, packed = trace["layers"][l], trace["packed"]
        d_o = self.split(self.input_grad(l, [("self_attn.o_proj", dx)]), self.shape.heads)
        dq, dk, dv = transformer.attention_backward(d_o, s["o"], s["q"], s["k"], s["v"],
                                                    s["row_max"], s["row_scale"], packed)
        dq = transformer.rope_backward(dq, packed.position, self.cos, self.sin)
        dk = transformer.rope_backward(dk, packed.position, self.cos, self.sin)
        flat = {name: x.reshape(len(x), -1) for name, x in (("q", dq), ("k", dk), ("v", dv))}
        dh = self.input_grad(l, [(f"self_attn.{name}_proj", dy) for name, dy in flat.items()])
        self.weight_grad(l, "self_attn.o_proj", dx, s["o"].reshape(len(dx), -1), total, packed)
        for name, dy in flat.items():
            self.weight_grad(l, f"self_attn.{name}_proj", dy, s["h1"], total, packed)
        return self.norm_grad(l, "input_layernorm.weight", dh, s["input"], s["rstd1"], dx, total,
                              packed)
