"""PyTorch as a peer of `sluice-device bench` and `sluice-device step`.

Eager, binary32, TF32 off, deterministic algorithms. Training steps (forward, loss of all tokens but
the first of a sequence, backward, clipping, AdamW) of two Qwen2 shapes on random weights, copies
and products.

Usage: bench_torch.py [--device cuda|cpu] [--shrink N] [--seconds S]
"""
import argparse, os, statistics, time

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # what deterministic cuBLAS asks for
import torch
import torch.nn.functional as F

if not hasattr(torch.nn, "RMSNorm"):
    raise SystemExit(f"PyTorch {torch.__version__} has no RMSNorm: 2.4 is needed")
parser = argparse.ArgumentParser()
parser.add_argument("--device", default="cuda")
parser.add_argument("--shrink", type=int, default=1, help="divides sizes, for a short trial run")
parser.add_argument("--seconds", type=float, default=25, help="no measurement begins later")
args = parser.parse_args()
device, begin = torch.device(args.device), time.monotonic()
torch.manual_seed(1)
torch.use_deterministic_algorithms(True)
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
torch.set_float32_matmul_precision("highest")


def wait():
    if device.type == "cuda":
        torch.cuda.synchronize()


def seconds(call, rounds=9, least=0.01):
    """Median seconds of a call, in rounds of at least `least` seconds; None if it is too late."""
    if time.monotonic() - begin > args.seconds:
        return None
    call(), wait()
    start = time.monotonic()
    call(), wait()
    calls = 1 + int(least / max(time.monotonic() - start, 1e-9))
    times = []
    for _ in range(rounds):
        start = time.monotonic()
        for _ in range(calls):
            call()
        wait()
        times.append((time.monotonic() - start) / calls)
    return statistics.median(times)


def line(name, t, work, unit):
    rate = "not measured: out of time"
    if t is not None:
        rate = f"{work / t:10.3f} {unit} ({1e3 * t:.3f} ms)"
    print(f"{name:44s} {rate}", flush=True)


def random(*shape):
    return torch.rand(shape, device=device) * 2 - 1


class Layer(torch.nn.Module):
    def __init__(self, hidden, heads, kv_heads, ff):
        super().__init__()
        self.heads, self.kv_heads, self.d = heads, kv_heads, hidden // heads
        self.norm1 = torch.nn.RMSNorm(hidden, eps=1e-6)
        self.norm2 = torch.nn.RMSNorm(hidden, eps=1e-6)
        self.qkv = torch.nn.Linear(hidden, (heads + 2 * kv_heads) * self.d)
        self.o = torch.nn.Linear(hidden, hidden, bias=False)
        self.gate_up = torch.nn.Linear(hidden, 2 * ff, bias=False)
        self.down = torch.nn.Linear(ff, hidden, bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        heads = [self.heads, self.kv_heads, self.kv_heads]
        qkv = self.qkv(self.norm1(x)).view(b, t, -1, self.d).transpose(1, 2)
        q, k, v = qkv.split(heads, 1)
        half = self.d // 2
        turn = lambda y: y * cos + torch.cat((-y[..., half:], y[..., :half]), -1) * sin
        group = self.heads // self.kv_heads
        k, v = turn(k).repeat_interleave(group, 1), v.repeat_interleave(group, 1)
        o = F.scaled_dot_product_attention(turn(q), k, v, is_causal=True)
        x = x + self.o(o.transpose(1, 2).reshape(b, t, -1))
        gate, up = self.gate_up(self.norm2(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(torch.nn.Module):
    def __init__(self, hidden, layers, heads, kv_heads, ff, vocab, length):
        super().__init__()
        self.embedding = torch.nn.Embedding(vocab, hidden)
        self.layers = torch.nn.ModuleList(Layer(hidden, heads, kv_heads, ff) for _ in range(layers))
        self.norm = torch.nn.RMSNorm(hidden, eps=1e-6)
        d = hidden // heads
        angle = torch.outer(torch.arange(length), 1e6 ** (-torch.arange(0, d, 2) / d)).repeat(1, 2)
        self.register_buffer("cos", angle.cos())
        self.register_buffer("sin", angle.sin())

    def forward(self, ids):
        x = self.embedding(ids)
        for layer in self.layers:
            x = layer(x, self.cos, self.sin)
        return F.linear(self.norm(x), self.embedding.weight)


def train(name, sequences, length, **shape):
    model = Model(length=length, **shape).to(device)
    adamw = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ids = torch.randint(shape["vocab"], (sequences, length), device=device)

    def step():
        adamw.zero_grad(set_to_none=True)
        F.cross_entropy(model(ids)[:, :-1].flatten(0, 1), ids[:, 1:].flatten()).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adamw.step()

    sizes = f", sizes / {args.shrink}" if args.shrink > 1 else ""
    line(f"training step, {name}{sizes}", seconds(step, rounds=5), sequences * length, "tokens/s")


where = torch.cuda.get_device_name() if device.type == "cuda" else "the CPU"
print(f"PyTorch {torch.__version__} on {where}", flush=True)
s = args.shrink
train("Qwen2.5-0.5B, 4 x 512 tokens", 4, 512 // s, hidden=896 // s, layers=max(1, 24 // s),
      heads=14, kv_heads=2, ff=4864 // s, vocab=151936 // s)
train("hidden 512, 8 layers, 8 x 256 tokens", 8, 256 // s, hidden=512 // s, layers=max(1, 8 // s),
      heads=8, kv_heads=2, ff=1408 // s, vocab=1024)
n = 2**26 // s
a, b = random(n), random(n)
line(f"copy of {n * 4 / 2**20:.1f} MiB", seconds(lambda: a.copy_(b)), 8e-9 * n, "GB/s")
del a, b
for t, n, k in (4096, 4096, 4096), (8192, 4864, 896), (8192, 896, 4864), (64, 4864, 896):
    t, n, k = -(-t // s), -(-n // s), -(-k // s)
    x, w = random(t, k), random(n, k)
    line(f"product {t} x {n} x {k}", seconds(lambda: x @ w.T), 2e-12 * t * n * k, "TFLOP/s")
