"""The examples of spec/vectors/examples: formats.md F5.5."""
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from . import (digests, functions, gates, numerics, objective, optimizer, random, transformer)
from .numerics import F32, F64, Packed

INTEGERS = {"u8": np.uint8, "u32": np.uint32, "u64": np.uint64}
PATTERNS = {F32: np.uint32, F64: np.uint64}


@dataclass
class Example:
    """One call with its inputs and outputs; `line` of an output is where it stands."""
    file: Path
    text: str
    inputs: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    line: dict = field(default_factory=dict)


def parse_values(kind, sizes, words):
    """The array of a line (F5.5, 3 to 5); `nan` is the NaN of N2.2 and O5.1."""
    if kind == "text":
        return words[0]
    shape = tuple(int(size) for size in sizes.strip("()").split(",") if size)
    if kind in INTEGERS:
        values = np.array([int(word) for word in words], INTEGERS[kind])
    else:
        values = np.array([float.fromhex(word) for word in words], F64)
        if kind == "f32":
            values = values.astype(F32)
    return values.reshape(shape) if shape else values[0]


def read(path):
    """The examples of a file."""
    examples = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            if words[0] == "example":
                examples.append(Example(path, line.strip()[len("example "):]))
                continue
            direction, name, kind, sizes = words[:4]
            example = examples[-1]
            values = parse_values(kind, sizes, words[4:])
            (example.inputs if direction == "in" else example.outputs)[name] = values
            if direction == "out":
                example.line[name] = number
    return examples


# ---- one runner for each kind of call; each returns its outputs by name

def run_advantages(x):
    advantage, zero = objective.advantages(x.reward, x.group, x.kind, x.eps)
    return {"advantage": advantage, "zero_variance": zero}


def run_attention(x):
    packed = Packed(x.seq)
    o, row_max, row_scale = transformer.attention_forward(x.q, x.k, x.v, packed)
    dq, dk, dv = transformer.attention_backward(x.d_o, o, x.q, x.k, x.v, row_max, row_scale, packed)
    return {"o": o, "row_max": row_max, "row_scale": row_scale, "dq": dq, "dk": dk, "dv": dv}


def run_cache(x):
    """The text says kv_heads is 1; the files give caches without that axis."""
    k, v = x.k_cache[:, None].copy(), x.v_cache[:, None].copy()
    if hasattr(x, "q"):
        return {"o": transformer.attention_decode(x.q, k, v, x.slot, x.position)}
    if hasattr(x, "length"):
        transformer.kv_fork(k, v, x.to, vars(x)["from"], x.length)
    else:
        transformer.kv_store(k, v, x.k, x.v, x.slot, x.position)
    return {"k_cache": k[:, 0], "v_cache": v[:, 0]}


def run_coefficients(x):
    return {"coefficient": objective.coefficients(x.tokens, x.kind, x.constant_length)}


def run_digest(x):
    digest = digests.tensor_digest(x.x)
    return {"digest": np.array([digest % 2 ** 64, digest >> 64], np.uint64)}


def run_elementwise(x, text):
    if text == "residual_add":
        return {"y": transformer.residual_add(x.a, x.b)}
    if text == "swiglu_forward":
        return {"y": transformer.swiglu_forward(x.gate, x.up)}
    return dict(zip(("dgate", "dup"), transformer.swiglu_backward(x.dy, x.gate, x.up)))


def run_embedding(x):
    if hasattr(x, "table"):
        return {"y": transformer.embedding_forward(x.table, x.ids)}
    total = x.total[None].copy()
    transformer.embedding_grad(total, x.dy, x.ids, Packed(x.seq))
    return {"total": total[0]}


def run_functions(x, text):
    return {"y": functions.NAMES[text](x.x)}


def run_gate(x):
    program = gates.GateFile(gates.FOLDER / f"{x.file}.gate").program(int(x.side == "pos"))
    f = program.value(x.r)
    return {"w": program.weight(x.r), **({} if f is None else {"f": f})}


def gate_of(x):
    """The gate of an example of gated_loss."""
    if x.gate in objective.SmoothGate.WEIGHTS:
        return objective.SmoothGate(x.gate, *x.tau_neg_pos)
    if x.gate == "clip":
        return objective.ClipGate(x.low, x.high)
    if x.gate == "identity":
        return objective.IDENTITY
    file = gates.GateFile(gates.FOLDER / f"{x.gate}.gate")
    return objective.ExpressionGate((file.program(0), file.program(1)))


def run_gated_loss(x):
    how = objective.Objective(gate_of(x), x.level, x.kl, float(x.beta), float(x.gamma))
    batch = objective.Batch(Packed(x.seq), x.mask.astype(bool), x.logp_new, x.logp_old,
                            x.advantage, x.coefficient, getattr(x, "logp_ref", None),
                            getattr(x, "entropy", None))
    d, e, sums = objective.gated_loss(how, batch)
    return {"d": d, "e": e, **sums}


def run_linear(x):
    if hasattr(x, "dw"):
        dw, db = x.dw[None].copy(), x.db[None].copy()
        transformer.linear_weight_grad(dw, db, x.dy, x.x, Packed(x.seq))
        return {"dw": dw[0], "db": db[0]}
    if hasattr(x, "dy0"):
        parts = [(vars(x)[f"dy{i}"], vars(x)[f"w{i}"]) for i in range(9) if hasattr(x, f"dy{i}")]
        return {"dx": transformer.linear_input_grad(parts)}
    return {"y": transformer.linear_forward(x.x, x.w, getattr(x, "bias", None))}


def run_logprob(x):
    logp, entropy, row_max, row_sum = transformer.logprob_forward(
        x.h, x.w, x.target, x.mask, x.inv_temperature)
    dw = x.dw[None].copy()
    dh = transformer.logprob_backward(
        dw, x.dlogp, getattr(x, "dentropy", None), entropy, row_max, row_sum, x.h, x.w, x.target,
        x.mask, x.inv_temperature, Packed(x.seq))
    return {"logp": logp, "entropy": entropy, "dh": dh, "dw": dw[0]}


def run_optimizer(x):
    if hasattr(x, "decay"):
        return {"lr": np.array([optimizer.learning_rate(t, x.base, int(x.warmup), x.decay, x.final,
                                                        int(x.total))
                                for t in range(1, int(x.total) + 1)])}
    square = optimizer.square_sum(x.g)
    if not hasattr(x, "p"):
        return {"norm_squared": square}
    k = optimizer.clip_factor(np.sqrt(square), x.max_norm)
    p1, c1 = optimizer.advance(x.p1, x.beta1)
    p2, c2 = optimizer.advance(x.p2, x.beta2)
    p, m, v = optimizer.adamw(x.p, x.m, x.v, x.g, SimpleNamespace(**{**vars(x), "k": k, "c1": c1,
                                                                    "c2": c2}))
    return {"norm_squared": square, "grad_scale": k, "p1": p1, "p2": p2, "p": p, "m": m, "v": v}


def run_random(x, expected):
    if hasattr(x, "items"):
        order = random.shuffled(len(x.items), int(x.seed), x.sequence, x.step, x.purpose)
        return {"items": x.items[order]}
    if hasattr(x, "tensor"):
        return {"values": random.normals(int(x.seed), x.tensor, expected["values"].size, x.std)}
    words = random.philox(int(x.seed), x.position, x.sequence, x.step, x.purpose)
    return {"words": np.array(words, np.uint32)}


def run_rmsnorm(x):
    if hasattr(x, "total"):
        total = x.total[None].copy()
        transformer.rmsnorm_weight_grad(total, x.dy, x.x, x.rstd, Packed(x.seq))
        return {"total": total[0]}
    if hasattr(x, "dy"):
        return {"dx": transformer.rmsnorm_backward(x.dy, x.x, x.w, x.rstd,
                                                   getattr(x, "residual", None))}
    return dict(zip(("y", "rstd"), transformer.rmsnorm_forward(x.x, x.w, x.eps)))


def run_rope(x, text):
    if hasattr(x, "theta"):
        return dict(zip(("cos", "sin"),
                        transformer.rope_tables(float(x.theta), int(x.positions), int(x.d))))
    rope = transformer.rope_forward if text.startswith("forward") else transformer.rope_backward
    return {"x": rope(x.x, x.position, x.cos, x.sin)}


def run_sample(x):
    token = random.sample(x.logits, x.temperature, int(x.top_k), float(x.top_p), int(x.seed),
                          x.sequence, x.step, x.position)
    logp, entropy = transformer.sampled_logprobs(x.logits, token, x.temperature)
    return {"token": token, "logp": logp, "entropy": entropy}


def run(example):
    """The outputs of one example."""
    x = SimpleNamespace(**example.inputs)
    name = example.file.stem
    runner = globals()[f"run_{name}"]
    with np.errstate(all="ignore"):
        if name in ("elementwise", "functions", "rope"):
            return runner(x, example.text)
        return runner(x, example.outputs) if name == "random" else runner(x)


# ---- comparison

def pattern(values, kind):
    """The bits of values, as numbers of the type of the file."""
    values = np.atleast_1d(np.asarray(values, kind)).reshape(-1)
    return values.view(PATTERNS.get(kind, kind))


def differences(example, outputs):
    """A line for each output that is missing or has another bit; the first element of each."""
    for name, expected in example.outputs.items():
        place = f"{example.file}:{example.line[name]}: {example.text}: {name}"
        if name not in outputs:
            yield f"{place}: not computed"
            continue
        kind = np.asarray(expected).dtype.type
        want, have = pattern(expected, kind), pattern(outputs[name], kind)
        if want.size != have.size:
            yield f"{place}: {have.size} values, not {want.size}"
            continue
        wrong = np.nonzero(want != have)[0]
        if wrong.size:
            digits = 2 * want.itemsize
            yield (f"{place}[{wrong[0]}]: expected {want[wrong[0]]:0{digits}x}, "
                   f"found {have[wrong[0]]:0{digits}x} ({wrong.size} of {want.size} differ)")


def check(folder):
    """All examples of a folder: their number, and lines that say what differs."""
    count, lines = 0, []
    for path in sorted(Path(folder).glob("*.txt")):
        for example in read(path):
            count += 1
            lines += differences(example, run(example))
    return count, lines
