"""A sampled evaluation: training.md L4.5, formats.md F4.8 (2) and F4.11."""
import json
import math
import struct
from fractions import Fraction

import numpy as np

from . import configuration, digests, grading, random, rewards, tasks, training

BOOTSTRAP = 10000


def real(x, digits):
    """A number as printf's %.{digits}g has it, for JSON."""
    return float(f"{x:.{digits}g}")


def configuration_of(given):
    """The default configuration with other values."""
    config = {name: {} if kind == "mapping" else default if kind == "text" else
              configuration.scalar(name, default)
              for name, (kind, _, default) in configuration.KEYS.items()}
    return {**config, **given}


def task_digest(task):
    """What stands for all problems (F4.8, 2)."""
    data = b""
    for part in (task.warm_start, task.training, task.held_out):
        data += struct.pack("<Q", len(part))
        data += b"".join(text.encode() + b"\0" for problem in part for text in problem)
    return digests.bytes_digest(data)


def model_digest(parameters):
    """The digest of the digests of a model's tensors (F4.5)."""
    return digests.bytes_digest(b"".join(digests.tensor_digest(x).to_bytes(16, "big")
                                         for x in parameters.values()))


def shown(tokenizer, ids):
    """The text of ids; one that is no character is `<id>` (F1.5)."""
    return "".join(tokenizer.alphabet[i - 2] if 2 <= i < tokenizer.size else f"<{i}>" for i in ids)


def sequence_of(p, m, samples):
    """The sequence of completion m of problem p."""
    return p * samples + m


class Evaluation:
    """K completions of each held-out problem."""

    def __init__(self, config, samples):
        self.config, self.samples = config, samples
        self.run = training.Run(config, lambda line: None)
        self.problems = self.run.task.held_out
        self.tags = rewards.tags_of(config)

    def head(self):
        config = self.config
        return {"kind": "evaluation", "version": 1, "model": model_digest(self.run.parameters),
                "task": task_digest(self.run.task), "problems": len(self.problems),
                "samples": self.samples, "seed": config["run.seed"],
                "temperature": real(config["rl.temperature"], 9), "top_k": config["rl.top_k"],
                "top_p": config["rl.top_p"], "max_new": config["rl.max_new_tokens"],
                "reward": config["task.reward"], "answer_in": config["reward.answer_in"]}

    def completions(self):
        """The lines of F4.11 behind the first."""
        for p, problem in enumerate(self.problems):
            prompt = self.run.tokenizer.encode(problem[0])
            for m in range(self.samples):
                first = sequence_of(p, m, self.samples)
                done = self.run.complete([prompt], self.config["rl.temperature"], first)
                yield self.line(p, m, problem, done.sequences.ids[0][len(prompt):])

    def line(self, p, m, problem, ids):
        ended = ids[-1] == tasks.Tokenizer.END
        text = self.run.rewards.text(ids)
        correct = self.run.rewards.success(ids, problem.gold)
        by_text = False
        if text is not None and ended and self.config["task.reward"] == "math":
            by_text = grading.grade(text, problem.gold)[1]
        form = 0.0 if text is None else rewards.template(text, self.tags)
        return {"problem": p, "sample": m, "correct": correct == 1, "ended": ended,
                "by_text": by_text, "format": form,
                "completion": shown(self.run.tokenizer, ids[:-1] if ended else ids), "ids": ids}


def wilson(share, n):
    """The interval at 95 % of a share of n trials."""
    z = 1.959963984540054
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def bootstrap(counts, samples, seed):
    """The ends of the interval by problems drawn anew."""
    n, sums = len(counts), []
    for b in range(BOOTSTRAP):
        u = random.draws(seed, np.arange(n), b, 2, random.TASK)
        sums.append(sum(counts[random.high64(x, n)] for x in u.tolist()))
    sums.sort()
    return [sums[i] / (n * samples) for i in (249, 9750)]


def pass_at(counts, samples, k):
    """pass@k, without bias."""
    miss = lambda c: Fraction(math.comb(samples - c, k), math.comb(samples, k))
    return float(sum(1 - miss(c) for c in counts) / len(counts))


def figures(lines, samples, seed):
    """What L4.5 measures of the lines, as `sluice eval --json` prints it."""
    n = len(lines) // samples
    counts = [sum(line["correct"] for line in lines[p * samples:(p + 1) * samples])
              for p in range(n)]
    accuracy = sum(counts) / (n * samples)
    powers = sorted({samples, *(2 ** e for e in range(20) if 2 ** e < samples)})
    return {"held_out": n, "samples": samples, "accuracy": accuracy,
            "wilson": list(wilson(accuracy, n)), "bootstrap": bootstrap(counts, samples, seed),
            "pass": {str(k): pass_at(counts, samples, k) for k in powers},
            "format": sum(line["format"] for line in lines) / len(lines),
            "ended": sum(line["ended"] for line in lines) / len(lines),
            "by_text": sum(line["by_text"] for line in lines)}


def rounded(value):
    """Numbers to nine digits, as they are printed."""
    if isinstance(value, dict):
        return {key: rounded(x) for key, x in value.items()}
    if isinstance(value, list):
        return [rounded(x) for x in value]
    return real(value, 9) if isinstance(value, float) else value


def differences(vectors):
    """How many lines sampled.jsonl has, and what is not as recorded (F5.4)."""
    recorded = [line for _, line in tasks.json_lines(vectors / "sampled.jsonl")]
    head = recorded[0]
    config = configuration_of({
        "model.folder": str(vectors / "model"), "task.name": "jsonl",
        "task.train": str(vectors / "sampled-problems.jsonl"), "task.held_out_fraction": 0.9,
        "task.reward": head["reward"], "reward.answer_in": head["answer_in"], "rl.prompts": 1,
        "run.seed": head["seed"], "rl.top_k": head["top_k"], "rl.top_p": head["top_p"],
        "rl.temperature": configuration.strtof(repr(head["temperature"])),
        "rl.max_new_tokens": head["max_new"]})
    evaluation = Evaluation(config, head["samples"])
    found = [evaluation.head(), *evaluation.completions()]
    lines = [f"sampled.jsonl:{i + 1}: {a}" for i, (a, b) in enumerate(zip(found, recorded))
             if a != b]
    with open(vectors / "sampled-figures.jsonl", encoding="ascii") as file:
        wanted = json.load(file)
    measured = rounded(figures(found[1:], head["samples"], head["seed"]))
    lines += [f"sampled-figures.jsonl: {key} {measured[key]}" for key in wanted
              if measured[key] != wanted[key]]
    if len(found) != len(recorded):
        lines.append(f"{len(found)} lines")
    return len(found), lines
