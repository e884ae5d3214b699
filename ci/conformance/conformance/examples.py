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
    calls: list = field(default_factory=list)
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
            if words[0] == "call":
                examples[-1].calls = words[1:]
                continue
            direction, name, kind, sizes = words[:4]
            example = examples[-1]
            values = parse_values(kind, sizes, words[4:])
            (example.inputs if direction == "in" else example.outputs)[name] = values
            if direction == "out":
                example.line[name] = number
    return examples


# ---- the calls of F5.5 by name; each takes the inputs and returns its outputs by name

def named(function, *names):
    """A call whose results come in the order of these names."""
    return lambda x: dict(zip(names, function(x)))


def one(name, function):
    """A call of one result."""
    return lambda x: {name: function(x)}


def total_of(name, function):
    """A call that adds to a total, here of one shard."""
    def call(x):
        total = vars(x)[name][None].copy()
        function(total, x)
        return {name: total[0]}
    return call


def attention_backward(x):
    return transformer.attention_backward(x.d_o, x.o, x.q, x.k, x.v, x.row_max, x.row_scale,
                                          Packed(x.seq))


def kv_call(function, *names):
    def call(x):
        k, v = x.k_cache.copy(), x.v_cache.copy()
        function(k, v, *(vars(x)[name] for name in names))
        return {"k_cache": k, "v_cache": v}
    return call


def linear_input_grad(x):
    count = sum(name.startswith("dy") for name in vars(x))
    return transformer.linear_input_grad([(vars(x)[f"dy{i}"], vars(x)[f"w{i}"])
                                          for i in range(count)])


def linear_weight_grad(x):
    dw, db = x.dw[None].copy(), x.db[None].copy()
    transformer.linear_weight_grad(dw, db, x.dy, x.x, Packed(x.seq))
    return {"dw": dw[0], "db": db[0]}


def logprob_backward(x):
    dw = x.dw[None].copy()
    dh = transformer.logprob_backward(
        dw, x.dlogp, getattr(x, "dentropy", None), x.entropy, x.row_max, x.row_sum, x.h, x.w,
        x.target, x.mask, x.inv_temperature, Packed(x.seq))
    return {"dh": dh, "dw": dw[0]}


def sample(x):
    token = random.sample(x.logits, x.temperature, int(x.top_k), float(x.top_p), int(x.seed),
                          x.sequence, x.step, x.position)
    return token, *transformer.sampled_logprobs(x.logits, token, x.temperature)


def gate(x):
    program = gates.GateFile(gates.FOLDER / f"{x.file}.gate").program(int(x.side == "pos"))
    f = program.value(x.r)
    return {"w": program.weight(x.r), **({} if f is None else {"f": f})}


def expression(x):
    program = gates.GateFile("example", f"gate example f = {x.f}").program(1)
    return tuple(program.evaluate64(root, x.r.astype(F64)) for root in (program.f, program.w))


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


def gated_loss(x):
    how = objective.Objective(gate_of(x), x.level, x.kl, float(x.beta), float(x.gamma))
    batch = objective.Batch(Packed(x.seq), x.mask.astype(bool), x.logp_new, x.logp_old,
                            getattr(x, "advantage", None), x.coefficient,
                            getattr(x, "logp_ref", None), getattr(x, "entropy", None),
                            getattr(x, "token_advantage", None))
    d, e, sums = objective.gated_loss(how, batch)
    return {"d": d, "e": e, **sums}


def learning_rate(x):
    return np.array([optimizer.learning_rate(t, x.base, int(x.warmup), x.decay, x.final,
                                             int(x.total)) for t in range(1, int(x.total) + 1)])


def products(x):
    (p1, c1), (p2, c2) = optimizer.advance(x.p1, x.beta1), optimizer.advance(x.p2, x.beta2)
    return p1, p2, c1, c2


def adamw_step(x):
    return optimizer.adamw(x.p, x.m, x.v, x.g, SimpleNamespace(**{**vars(x), "k": x.grad_scale}))


def shuffle(x):
    order = random.shuffled(len(x.items), int(x.seed), x.sequence, x.step, x.purpose)
    return x.items[order]


def normals(x):
    return random.normals(int(x.seed), x.tensor, int(x.count), x.std)


def philox(x):
    return np.array(random.philox(int(x.seed), x.position, x.sequence, x.step, x.purpose),
                    np.uint32)


def tensor_digest(x):
    digest = digests.tensor_digest(x.x)
    return np.array([digest % 2 ** 64, digest >> 64], np.uint64)


CALLS = {
    **{name: one("y", lambda x, f=f: f(x.x)) for name, f in functions.NAMES.items()},
    "philox": one("words", philox),
    "normals": one("values", normals),
    "shuffle": one("items", shuffle),
    "sample": named(sample, "token", "logp", "entropy"),
    "embedding_forward": one("y", lambda x: transformer.embedding_forward(x.table, x.ids)),
    "embedding_grad": total_of("total", lambda total, x: transformer.embedding_grad(
        total, x.dy, x.ids, Packed(x.seq))),
    "rmsnorm_forward": named(lambda x: transformer.rmsnorm_forward(x.x, x.w, x.eps), "y", "rstd"),
    "rmsnorm_backward": one("dx", lambda x: transformer.rmsnorm_backward(
        x.dy, x.x, x.w, x.rstd, getattr(x, "residual", None))),
    "rmsnorm_weight_grad": total_of("total", lambda total, x: transformer.rmsnorm_weight_grad(
        total, x.dy, x.x, x.rstd, Packed(x.seq))),
    "residual_add": one("y", lambda x: transformer.residual_add(x.a, x.b)),
    "swiglu_forward": one("y", lambda x: transformer.swiglu_forward(x.gate, x.up)),
    "swiglu_backward": named(lambda x: transformer.swiglu_backward(x.dy, x.gate, x.up),
                             "dgate", "dup"),
    "rope_tables": named(lambda x: transformer.rope_tables(float(x.theta), int(x.positions),
                                                           int(x.d)), "cos", "sin"),
    "rope_forward": one("x", lambda x: transformer.rope_forward(x.x, x.position, x.cos, x.sin)),
    "rope_backward": one("x", lambda x: transformer.rope_backward(x.x, x.position, x.cos, x.sin)),
    "linear_forward": one("y", lambda x: transformer.linear_forward(x.x, x.w,
                                                                    getattr(x, "bias", None))),
    "linear_input_grad": one("dx", linear_input_grad),
    "linear_weight_grad": linear_weight_grad,
    "attention_forward": named(lambda x: transformer.attention_forward(x.q, x.k, x.v,
                                                                       Packed(x.seq)),
                               "o", "row_max", "row_scale"),
    "attention_backward": named(attention_backward, "dq", "dk", "dv"),
    "attention_decode": one("o", lambda x: transformer.attention_decode(
        x.q, x.k_cache, x.v_cache, x.slot, x.position)),
    "kv_store": kv_call(transformer.kv_store, "k", "v", "slot", "position"),
    "kv_fork": kv_call(transformer.kv_fork, "to", "from", "length"),
    "logprob_forward": named(lambda x: transformer.logprob_forward(
        x.h, x.w, x.target, x.mask, x.inv_temperature), "logp", "entropy", "row_max", "row_sum"),
    "logprob_backward": logprob_backward,
    "gate": gate,
    "expression": named(expression, "f", "w"),
    "gated_loss": gated_loss,
    "advantages": named(lambda x: objective.advantages(x.reward, x.group, x.kind, x.eps),
                        "advantage", "zero_variance"),
    "coefficients": one("coefficient", lambda x: objective.coefficients(x.tokens, x.kind,
                                                                        x.constant_length)),
    "learning_rate": one("lr", learning_rate),
    "grad_square_sum": one("norm_squared", lambda x: optimizer.square_sum(x.g)),
    "clip": one("grad_scale", lambda x: optimizer.clip_factor(np.sqrt(x.norm_squared),
                                                              x.max_norm)),
    "products": named(products, "p1", "p2", "c1", "c2"),
    "adamw_step": named(adamw_step, "p", "m", "v"),
    "tensor_digest": one("digest", tensor_digest),
}


def run(example):
    """The outputs of one example: its calls in order, each with the outputs of those before."""
    outputs = {}
    with np.errstate(all="ignore"):
        for call in example.calls:
            if call not in CALLS:
                raise ValueError(f"{example.file}: no call {call}")
            outputs |= CALLS[call](SimpleNamespace(**{**example.inputs, **outputs}))
    return outputs


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


def check(folder, only="*"):
    """The examples of a folder's files: their number, and lines that say what differs."""
    count, lines = 0, []
    for path in sorted(Path(folder).glob(f"{only}.txt")):
        for example in read(path):
            count += 1
            lines += differences(example, run(example))
    return count, lines
