"""sluice.torch.gated_loss beside the torch code of TRL's losses: time of forward and backward,
interleaved, and peak memory of each in a process of its own. Prints a table in Markdown.

    python loss.py [--pairs N] [--threads 1,2] [--sizes 64x1024,256x8192] [--clock wall|cpu]

Each pair runs both, by turns first; the ratio is the median over the pairs. --clock cpu counts the
process's own time, of all its threads: for a machine that other programs use too. Memory is what
the resident set grows by at most from before the forward pass to after the backward one; below a
million tokens it is not measured, because the allocator has room for them already.
"""
import argparse
import gc
import os
import statistics
import subprocess
import sys
import time

import numpy
import torch

from sluice.torch import gated_loss

LOSSES = ("sapo", "grpo")
SETTINGS = {"sapo": dict(gate="sigmoid", tau_pos=1.0, tau_neg=1.05),
            "grpo": dict(gate="clip", parameters={"low": 0.2, "high": 0.2})}


def batch(size, length):
    """Log-probs near each other, completions of every length: half of the slots are padding."""
    draw = torch.Generator().manual_seed(1)
    old = -3 * torch.rand(size, length, generator=draw)
    new = old + 0.1 * torch.randn(size, length, generator=draw)
    ends = torch.randint(1, length + 1, (size, 1), generator=draw)
    mask = torch.arange(length) < ends
    return dict(logp_new=new.requires_grad_(), logp_old=old, mask=mask,
                advantages=torch.randn(size, generator=draw))


def ours(kind, arguments):
    return gated_loss(**arguments, **SETTINGS[kind])[0]


def theirs(kind, arguments):
    """What TRL 1.16.0's GRPOTrainer._compute_loss does with log-probs, without its metrics."""
    advantages, mask = arguments["advantages"].unsqueeze(1), arguments["mask"]
    log_ratio = arguments["logp_new"] - arguments["logp_old"]
    coef_1 = torch.exp(log_ratio)
    if kind == "sapo":
        temperatures = torch.where(advantages > 0, 1.0, 1.05)
        soft_coef_1 = torch.sigmoid(temperatures * (coef_1 - 1)) * 4 / temperatures
        per_token_loss = -soft_coef_1 * advantages
    else:
        coef_2 = torch.clamp(coef_1, 1 - 0.2, 1 + 0.2)
        per_token_loss = -torch.min(coef_1 * advantages, coef_2 * advantages)
    return ((per_token_loss * mask).sum(-1) / mask.sum(-1).clamp(min=1.0)).mean()


SIDES = {"ours": ours, "theirs": theirs}
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}
MEMORY_FROM = 2**20


def inputs_of(side, arguments):
    """TRL's mask is of integers."""
    return arguments if side == "ours" else dict(arguments, mask=arguments["mask"].long())


def step(side, kind, arguments, clock=time.perf_counter):
    """Seconds of forward and backward, and the gradient."""
    begin = clock()
    loss = SIDES[side](kind, arguments)
    grad, = torch.autograd.grad(loss, arguments["logp_new"])
    return clock() - begin, grad


def resident(name):
    """A line of /proc/self/status, in bytes."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(name))


def peak(side, kind, size, length):
    """The growth of this process's resident set in one step. A small step before it loads code."""
    step(side, kind, inputs_of(side, batch(2, 8)))
    arguments = inputs_of(side, batch(size, length))
    gc.collect()
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")  # the peak begins anew
    before = resident("VmRSS:")
    step(side, kind, arguments)
    return resident("VmHWM:") - before


def peak_elsewhere(*arguments):
    """The same in a new process."""
    command = [sys.executable, __file__, "--peak", ",".join(map(str, arguments))]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare(kind, size, length, pairs, clock):
    """Median milliseconds of both, and of the ratio with its range."""
    arguments = batch(size, length)
    sides = {side: inputs_of(side, arguments) for side in SIDES}
    grads = {side: step(side, kind, sides[side])[1] for side in SIDES}  # also warms up
    ahead = (grads["ours"] > 0) == (grads["theirs"] > 0)
    assert ahead.float().mean() > 0.99, "the two do not compute the same"  # tests say how near
    times = {side: [] for side in SIDES}
    for pair in range(pairs):
        for side in list(SIDES)[::1 if pair % 2 else -1]:
            times[side].append(step(side, kind, sides[side], clock)[0])
    ratios = sorted(b / a for a, b in zip(times["ours"], times["theirs"]))
    return ([1000 * statistics.median(times[side]) for side in SIDES],
            statistics.median(ratios), (ratios[0], ratios[-1]))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        lines = file.read().splitlines()
    name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    flags = next(line for line in lines if line.startswith("flags"))
    return name + (", AVX-512" if " avx512f " in flags else ", AVX2")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=15)
    options.add_argument("--threads", default=f"1,{os.cpu_count()}")
    options.add_argument("--sizes", default="64x1024,256x8192")
    options.add_argument("--clock", choices=CLOCKS, default="wall")
    options.add_argument("--peak", help="internal: side,kind,size,length,threads")
    given = options.parse_args()
    if given.peak:
        side, kind, size, length, threads = given.peak.split(",")
        torch.set_num_threads(int(threads))
        print(peak(side, kind, int(size), int(length)))
        return
    print(f"{processor()}; {os.cpu_count()} CPUs; torch {torch.__version__}, NumPy "
          f"{numpy.__version__}; {given.pairs} pairs, {given.clock} time.\n")
    print("| loss | batch | threads | ours, ms | TRL's, ms | ratio | range | ours, MiB "
          "| TRL's, MiB | share |")
    print("|---" * 10 + "|")
    for size, length in (map(int, x.split("x")) for x in given.sizes.split(",")):
        for threads in sorted(set(map(int, given.threads.split(",")))):
            for kind in LOSSES:
                row(kind, size, length, threads, given)


def row(kind, size, length, threads, given):
    torch.set_num_threads(threads)
    (a, b), ratio, (low, high) = compare(kind, size, length, given.pairs, CLOCKS[given.clock])
    memory = "- | - | -"
    if size * length >= MEMORY_FROM:
        mine, other = (peak_elsewhere(side, kind, size, length, threads) / 2**20 for side in SIDES)
        memory = f"{mine:.1f} | {other:.1f} | {mine / other:.2f}"
    print(f"| {kind} | {size} x {length} | {threads} | {a:.2f} | {b:.2f} | {ratio:.2f} "
          f"| {low:.2f} to {high:.2f} | {memory} |", flush=True)


if __name__ == "__main__":
    main()
