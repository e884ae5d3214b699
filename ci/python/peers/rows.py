"""The table of issue 17: what is compared, its figure, and how both sides are started."""
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Callable, Optional

import kernels
from measure import Floor
from sides import Program, Side, SideError, Training

HERE = os.path.dirname(os.path.abspath(__file__))


class Bench:
    """Where things are, and the programs that several rows ask. threads: of both sides."""

    def __init__(self, sluice, source, work):
        self.sluice, self.source, self.work, self._programs = sluice, source, work, {}

    def python(self, threads, *words):
        """A worker of this folder. The libraries of PyTorch read their threads here."""
        return Program(lambda: [sys.executable, os.path.join(HERE, words[0]),
                                *(w() if callable(w) else w for w in words[1:]), str(threads)],
                       {"OMP_NUM_THREADS": str(threads), "HF_HUB_OFFLINE": "1"})

    def asked(self, threads, *words):
        """`sluice bench` on request."""
        return Program([self.sluice, "bench", *words, "--on-request", "--threads", str(threads)])

    def shared(self, threads, *words):
        """A worker that stays for other rows."""
        key = threads, words
        if key not in self._programs:
            self._programs[key] = self.python(threads, *words)
        return self._programs[key]

    def kept(self):
        """The programs that stay."""
        return self._programs.values()

    def close(self):
        for program in self._programs.values():
            program.stop()
        self._programs.clear()

    def run(self, *words):
        """What a command of sluice prints."""
        done = subprocess.run([self.sluice, *words], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SideError(f"sluice {words[0]}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def warm_model(self):
        """The demo's model after its warm start, made once."""
        folder = os.path.join(self.work, "warm")
        model = os.path.join(folder, "model")
        if not os.path.exists(os.path.join(model, "config.json")):
            self.run("train", self.demo(), "--set", "rl.steps=0", "--set", f"run.out={folder}")
        return model

    def demo(self):
        return os.path.join(self.source, "ci", "examples", "demo.yaml")

    def demo_steps(self, threads):
        """RL steps of the demo from its warm model, without evaluations and checkpoints."""
        settings = {"model.folder": self.warm_model(), "sft.steps": 0, "rl.steps": 6,
                    "eval.problems": 2, "eval.every": 10**6, "checkpoint.every": 0,
                    "run.threads": threads}
        words = [self.demo()]
        for name, value in settings.items():
            words += ["--set", f"{name}={value}"]
        return Training(self.sluice, words, os.path.join(self.work, f"demo-{threads}"), 6)


@dataclass(frozen=True)
class Row:
    """goal: issue 17's figure. sides: makes both for so many threads. floor: of the work, or made
    of what our side said when it was ready. gib: memory that it needs. times: instead of sides,
    lists of both sides' seconds."""
    work: str
    goal: float
    pairs: int
    sides: Optional[Callable] = None
    floor: "object" = None
    note: str = ""
    threads: "tuple[int, ...]" = (1, 2)
    gib: float = 1.0
    large: bool = False
    times: Optional[Callable] = None


def kernel(name):
    def sides(bench, threads):
        return (Side(bench.shared(threads, "our_kernels.py"), name),
                Side(bench.shared(threads, "torch_kernels.py"), name))
    return sides


def model_sides(kind, words, fields, alone=False):
    """`sluice bench KIND` beside torch_model.py, which gets the shape and sizes that ours said."""
    def sides(bench, threads):
        ours = bench.asked(threads, kind, *words)
        told = [lambda name=name: str(ours.ready[name]) for name in fields]
        peer = bench.python(threads, "torch_model.py", kind,
                            lambda: json.dumps(ours.ready["shape"]), *told)
        return Side(ours, alone=alone), Side(peer, alone=alone)
    return sides


def step(shape, tokens, alone=False):
    return model_sides("step", ["--shape", shape, "--tokens", str(tokens)], ("tokens", "length"),
                       alone)


def rollout(shape, slots, group, prompt, new):
    words = {"shape": shape, "slots": slots, "group": group, "prompt": prompt, "new": new}
    return model_sides("rollout", [f"--{k}={v}" for k, v in words.items()],
                       ("slots", "group", "prompt", "new"))


def weights_of(shape):
    """Numbers of a model's matrices; a tied head is the embedding."""
    heads = shape["num_attention_heads"] + 2 * shape["num_key_value_heads"]
    layer = shape["hidden_size"] * (
        (heads + shape["num_attention_heads"]) * shape["head_dim"] + 3 * shape["intermediate_size"])
    return shape["num_hidden_layers"] * layer + shape["vocab_size"] * shape["hidden_size"]


def step_floor(ready):
    """Three products for each weight, attention, then AdamW's seven arrays."""
    shape, tokens, length = ready["shape"], ready["tokens"], ready["length"]
    weights = weights_of(shape)
    pairs = tokens * (length + 1) / 2 * shape["num_attention_heads"] * shape["num_hidden_layers"]
    return Floor(3 * weights * tokens + 7 * shape["head_dim"] * pairs, after=7 * 4 * weights)


def rollout_floor(ready):
    """A product for each weight and token of prompts and completions, or all weights once for each
    round of tokens."""
    weights, new, slots = weights_of(ready["shape"]), ready["new"], ready["slots"]
    return Floor(weights * (slots / ready["group"] * ready["prompt"] + slots * new),
                 4 * weights * new)


def demo_against(worker):
    def sides(bench, threads):
        return bench.demo_steps(threads), Side(bench.python(threads, worker, bench.warm_model()))
    return sides


def demo_threads(bench, threads):
    return bench.demo_steps(threads), bench.demo_steps(1)


def functions(bench, isa):
    """What `sluice bench functions` says, by function."""
    said = json.loads(bench.run("bench", "functions", "--json", "--isa", isa))
    return {r["function"]: r for r in said["results"] if "ns" in r}


def log_times(bench, isa, pairs):
    """Of each of `pairs` runs of the bench the medians of its own interleaved pairs."""
    runs = [functions(bench, isa) for _ in range(pairs)]
    if any("log" not in run for run in runs):
        raise SideError("this build has no libmvec")
    return ([1e-9 * run["log"]["ns"] for run in runs],
            [1e-9 * run["log"]["peer_ns"] for run in runs])


def function_ns(bench, isa):
    """Nanoseconds an element of each function, for floors."""
    return {name: r["ns"] for name, r in functions(bench, isa).items()}


def kernel_row(name, work, goal, note="", **more):
    return Row(work, goal, 15, kernel(name), kernels.FLOORS[name], note, **more)


STEP = ("forward, backward, clipping and fused AdamW, random weights and tokens; transformers' "
        "model of the same shape with scaled dot-product attention")
ROLLOUT = "temperature 1, no end token; transformers' generate with its cache"

ROWS = {
    "step-512x8": Row("training step, 512 x 8 layers, 8 x 256 tokens", 1.1, 5,
                      step("small", 2048), step_floor, STEP + "; the first goal is 1.0"),
    "step-512x8-few": Row("training step, 512 x 8 layers, 1 x 64 tokens", 1.0, 15,
                          step("small", 64), step_floor, STEP),
    "step-qwen": Row("training step, Qwen2.5-0.5B's shape, 64 tokens", 1.0, 3,
                     step("qwen2.5-0.5b", 64, alone=True), step_floor,
                     STEP + "; the two in turns as new processes, for 24 GiB do not hold both",
                     gib=14, large=True),
    "step-128x4": Row("training step, 128 x 4 layers, 8 x 256 tokens", 1.6, 15,
                      step("tiny", 2048), step_floor, STEP),
    "demo-trl": Row("RL step of the demo against TRL's GRPOTrainer", 10, 7,
                    demo_against("trl_loop.py"), None,
                    "1,024 completions and four updates from the demo's warm model; Sluice's time "
                    "is the median of five steps of `sluice train`"),
    "demo-torch": Row("RL step of the demo against a loop written by hand in PyTorch", 4, 15,
                      demo_against("torch_loop.py"), None,
                      "the same against ci/python/peers/torch_loop.py, whose prompts are prefilled "
                      "once and whose log-probs of rollouts are kept"),
    "demo-threads": Row("RL step of the demo, two threads against one", 1.7, 15, demo_threads, None,
                        "both sides are `sluice train`; the peer is the one on one thread",
                        threads=(2,)),
    "rollout-demo": Row("rollout of the demo", 12, 7, rollout("demo", 1024, 8, 6, 4),
                        rollout_floor, "128 prompts of 6 tokens, 8 completions of 4 each; "
                        + ROLLOUT),
    "rollout-512x8": Row("rollout, 512 x 8 layers, 32 slots", 3, 7,
                         rollout("small", 32, 1, 32, 32), rollout_floor,
                         "32 prompts of 32 tokens, 32 new tokens; " + ROLLOUT),
    "rollout-512x8-one": Row("rollout, 512 x 8 layers, 1 slot", 2, 15,
                             rollout("small", 1, 1, 32, 32), rollout_floor,
                             "one prompt of 32 tokens, 32 new tokens; " + ROLLOUT),
    "product-square": kernel_row("product-square", "product 1024^3", 1.0,
                                 "no weights packed before; the peer is torch.mm"),
    "product-up": kernel_row("product-up", "product, k 896, n 4864, 2048 tokens", 1.0),
    "product-down": kernel_row("product-down", "product, k 4864, n 896, 2048 tokens", 1.0),
    "product-down-input": kernel_row("product-down-input", "its input gradient", 1.0),
    "product-down-weight": kernel_row("product-down-weight", "its weight gradient", 1.0,
                                      "added to a total on both sides"),
    "head": kernel_row("head", "head, vocabulary 151,936, forward and backward", 1.0,
                       "128 rows of 896; the peer is linear and cross_entropy", gib=5, large=True),
    "attention-2048": kernel_row("attention-2048", "attention, n 2048, forward and backward", 1.3,
                                 "14 heads of 64, two for keys; the peer is "
                                 "scaled_dot_product_attention"),
    "attention-4096": kernel_row("attention-4096", "attention, n 4096, forward and backward", 1.3),
    "linear-row": kernel_row("linear-row", "linear at one row (decode), n 4864, k 896", 1.0,
                             "weights packed once, as rollouts have them"),
    "swiglu": kernel_row("swiglu", "SwiGLU forward, 64 MiB", 1.0,
                         "the peer is silu and a product, into memory that it has already"),
    "adamw": kernel_row("adamw", "AdamW, 64 MiB", 1.0, "of a gradient whose norm has been taken, "
                        "as in a step; the peer is torch.optim.AdamW, fused"),
    "loss": kernel_row("loss", "gated loss, 64k tokens, with its gradient", 2.0,
                       "64 completions of 1,024 tokens, sigmoid; the peer is TRL's code of SAPO, "
                       "forward and backward"),
    "log": Row("log against libmvec's", 1 / 3, 5, None, None,
               "the goal is at most 3 times libmvec's time; both are medians of `sluice bench "
               "functions`, one run a pair", threads=(1,), times=log_times),
    "step-smollm2": Row("training step, SmolLM2-135M's shape, 8 x 128 tokens", 1.0, 3,
                        step("smollm2-135m", 1024, alone=True), step_floor,
                        STEP + "; the two in turns as new processes", gib=5, large=True),
    "rollout-smollm2": Row("rollout, SmolLM2-135M's shape, 64 slots", 3, 3,
                           rollout("smollm2-135m", 64, 1, 16, 16), rollout_floor,
                           "64 prompts of 16 tokens, 16 new tokens; " + ROLLOUT, gib=4,
                           large=True),
}
