"""transformers in binary64: what it computes in float32 whatever the type of the model is undone.

The angles of RoPE stay float32, as they are the model's (spec T1.9); their cosines are binary64.
"""
import contextlib

import torch
from transformers import AutoModelForCausalLM


def norm(self, x):
    return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)


def rope(self, x, position_ids):
    angles = position_ids[..., None].float() * self.inv_freq.float()
    angles = torch.cat((angles, angles), dim=-1).double()
    return angles.cos() * self.attention_scaling, angles.sin() * self.attention_scaling


@contextlib.contextmanager
def softmax_in_the_models_type():
    """Attention asks for a softmax in float32."""
    usual = torch.nn.functional.softmax
    torch.nn.functional.softmax = lambda x, dim=None, dtype=None: usual(x, dim=dim)
    try:
        yield
    finally:
        torch.nn.functional.softmax = usual


def load(folder, dtype):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32,
                                                 attn_implementation="eager").eval()
    if dtype == torch.float64:
        frequencies = model.model.rotary_emb.inv_freq.clone()
        model = model.double()
        model.model.rotary_emb.inv_freq = torch.nn.Buffer(frequencies, persistent=False)
        for module in model.modules():
            kind = type(module).__name__
            if kind.endswith("RMSNorm"):
                module.forward = norm.__get__(module)
            if kind.endswith("RotaryEmbedding"):
                module.forward = rope.__get__(module)
    return model


def log_probs(model, sequences):
    """Of the tokens after the first, as binary64."""
    exact = next(model.parameters()).dtype == torch.float64
    rows = []
    with torch.no_grad(), softmax_in_the_models_type() if exact else contextlib.nullcontext():
        for ids in sequences:
            ids = torch.tensor(ids)
            logits = model(ids[None]).logits[0, :-1].double()
            rows.append(logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0])
    return torch.stack(rows)
