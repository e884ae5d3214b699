"""Run files: formats.md F2 and the table of keys of training.md."""
import math
import os
import re

import gmpy2
import numpy as np
import yaml

from .numerics import F32

INTEGER = re.compile(r"[+-]?[0-9]+")
REAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
MAX63 = 2 ** 63 - 1

# name: (type, range or words, default as it would stand in a file)
KEYS = {
    "run.seed": ("integer", (0, MAX63), "1"),
    "run.out": ("text", None, "runs/arithmetic"),
    "run.base": ("text", None, ""),
    "run.backend": ("text", None, "cpu"),
    "run.isa": ("choice", ("best", "avx2", "avx512"), "best"),
    "run.threads": ("integer", (0, 4096), "0"),
    "model.folder": ("text", None, ""),
    "model.hidden": ("integer", (1, 65536), "96"),
    "model.layers": ("integer", (1, 1024), "2"),
    "model.heads": ("integer", (1, 1024), "6"),
    "model.kv_heads": ("integer", (1, 1024), "2"),
    "model.head_dim": ("integer", (2, 1024), "16"),
    "model.ff": ("integer", (1, 1048576), "256"),
    "model.max_positions": ("integer", (2, 131072), "64"),
    "model.rope_theta": ("real", (1, 1e12), "10000"),
    "model.rms_eps": ("real32", (1e-12, 1), "1e-6"),
    "model.tie": ("boolean", None, "true"),
    "model.init_std": ("real", (0, 10), "0"),
    "task.name": ("choice", ("arithmetic", "gsm8k-calc", "jsonl", "gsm8k", "math", "mixture"),
                  "arithmetic"),
    "task.seed": ("integer", (0, MAX63), "0"),
    "task.held_out": ("integer", (2, 4000), "512"),
    "task.lookalikes": ("integer", (0, 10000000), "60000"),
    "task.train": ("text", None, ""),
    "task.test": ("text", None, ""),
    "task.held_out_fraction": ("real", (0, 0.9), "0.1"),
    "task.prompt_key": ("text", None, "prompt"),
    "task.answer_key": ("text", None, "answer"),
    "task.solution_key": ("text", None, "solution"),
    "task.system": ("text", None, ""),
    "task.prompt_limit": ("integer", (0, 131071), "0"),
    "task.prompt_over": ("choice", ("error", "drop", "cut"), "error"),
    "task.reward": ("choice", ("exact", "numeric", "math"), "exact"),
    "task.characters": ("text", None, ""),
    "reward.weights": ("mapping", None, None),
    "reward.answer_in": ("choice", ("completion", "tags"), "completion"),
    "reward.think_open": ("text", None, "<think>"),
    "reward.think_close": ("text", None, "</think>"),
    "reward.answer_open": ("text", None, "<answer>"),
    "reward.answer_close": ("text", None, "</answer>"),
    "reward.length_limit": ("integer", (0, 131071), "0"),
    "reward.length_buffer": ("integer", (1, 131071), "1"),
    "reward.command": ("text", None, ""),
    "reward.command_processes": ("integer", (1, 256), "1"),
    "reward.command_seconds": ("real", (0.001, 86400), "10"),
    "reward.replay": ("text", None, ""),
    "sft.steps": ("integer", (0, 10 ** 9), "1500"),
    "sft.batch": ("integer", (1, 1048576), "64"),
    "sft.lr": ("real", (0, 10), "3e-3"),
    "sft.warmup": ("integer", (0, 10 ** 9), "20"),
    "sft.stop_success": ("real", (0, 1), "0.45"),
    "sft.eval_every": ("integer", (1, 10 ** 9), "25"),
    "rl.preset": ("choice", ("none",), "none"),
    "rl.steps": ("integer", (0, 10 ** 9), "300"),
    "rl.prompts": ("integer", (1, 1048576), "128"),
    "rl.group": ("integer", (1, 4096), "8"),
    "rl.dynamic_sampling": ("integer", (0, 1000), "0"),
    "rl.updates": ("integer", (1, 65536), "4"),
    "rl.epochs": ("integer", (1, 1024), "1"),
    "rl.lr": ("real", (0, 10), "6e-4"),
    "rl.warmup": ("integer", (0, 10 ** 9), "5"),
    "rl.decay": ("choice", ("constant", "linear", "cosine"), "linear"),
    "rl.final": ("real", (0, 1), "0.1"),
    "rl.temperature": ("real32", (0.01, 100), "1"),
    "rl.top_k": ("integer", (0, 2 ** 31 - 1), "0"),
    "rl.top_p": ("real", (1e-6, 1), "1"),
    "rl.max_new_tokens": ("integer", (1, 131071), "4"),
    "rl.micro_batch": ("integer", (0, 1048576), "0"),
    "rl.reduce_shards": ("integer", (1, 1024), "8"),
    "rl.level": ("choice", ("token", "sequence"), "token"),
    "rl.aggregation": ("choice", ("sequence-mean", "token-mean", "constant"), "sequence-mean"),
    "rl.loss_parts": ("integer", (1, 1048576), "1"),
    "rl.constant_length": ("real", (1, 1e9), "1"),
    "rl.advantage": ("choice", ("population", "sample", "none", "leave-one-out"), "population"),
    "rl.advantage_eps": ("real", (0, 1), "1e-4"),
    "rl.kl": ("choice", ("k1", "k2", "k3"), "k3"),
    "rl.beta": ("real", (0, 1000), "0"),
    "rl.reference": ("text", None, ""),
    "rl.entropy_bonus": ("real", (0, 1000), "0"),
    "rl.entropy_mean": ("choice", ("loss", "tokens"), "loss"),
    "rl.shuffle_rewards": ("boolean", None, "false"),
    "gate.name": ("text", None, "sigmoid"),
    "gate.pos": ("mapping", None, None),
    "gate.neg": ("mapping", None, None),
    "gate.schedule": ("choice", ("constant", "linear", "cosine", "eur"), "constant"),
    "gate.scale_final": ("real", (0.001, 1000), "1"),
    "gate.scale_low": ("real", (0.001, 1), "0.25"),
    "gate.scale_high": ("real", (1, 1000), "4"),
    "gate.eur_target": ("real", (0, 1), "0.9"),
    "gate.eur_gain": ("real", (1e-6, 1), "0.5"),
    "optimizer.beta1": ("real32", (0, 0.9999999), "0.9"),
    "optimizer.beta2": ("real32", (0, 0.9999999), "0.95"),
    "optimizer.eps": ("real32", (1e-30, 1), "1e-8"),
    "optimizer.weight_decay": ("real", (0, 10), "0"),
    "optimizer.max_norm": ("real", (0, 1e9), "1"),
    "eval.every": ("integer", (1, 10 ** 9), "50"),
    "eval.problems": ("integer", (0, 10 ** 9), "0"),
    "checkpoint.every": ("integer", (0, 10 ** 9), "50"),
    "checkpoint.keep": ("integer", (1, 10 ** 6), "2"),
    "checkpoint.best": ("boolean", None, "false"),
}


COMPONENTS = ("exact", "numeric", "math", "format", "length")   # in the order of the sum (F3.7)
TAGS = ("think_open", "think_close", "answer_open", "answer_close")


LANGUAGE = ("gsm8k", "math", "mixture")


class ConfigurationError(ValueError):
    """A run file that F2 refuses."""


def strtof(text):
    """A decimal rounded once to binary32, as strtof does (N6.5, F2.2)."""
    with gmpy2.local_context(gmpy2.ieee(32)):
        return F32(float(gmpy2.mpfr(text)))


def refuse(node, path, message):
    """An error that names file:line:column (F2.1)."""
    mark = node.start_mark
    raise ConfigurationError(f"{path}:{mark.line + 1}:{mark.column + 1}: {message}")


def pairs(node, path):
    """Names and nodes of a mapping; anything else, and repeated names, are refused (F2.1)."""
    if not isinstance(node, yaml.MappingNode):
        refuse(node, path, "expected a mapping")
    names = [key.value for key, _ in node.value]
    if len(set(names)) != len(names):
        refuse(node, path, "a repeated key")
    return [(name, value) for name, (_, value) in zip(names, node.value)]


def scalar(name, text, plain=True):
    """The value of a key from its text (F2.2); ValueError where it is not one."""
    kind, bounds, _ = KEYS[name]
    if kind == "text":
        if plain and text in ("~", "null", "Null", "NULL", ""):
            raise ValueError("a text")
        return text
    if kind == "choice":
        if text not in bounds:
            raise ValueError("one of " + ", ".join(bounds))
        return text
    if kind == "boolean":
        if not plain or text not in ("true", "false"):
            raise ValueError("true or false")
        return text == "true"
    pattern = INTEGER if kind == "integer" else REAL
    if not plain or not pattern.fullmatch(text):
        raise ValueError("an integer" if kind == "integer" else "a real number")
    value = int(text) if kind == "integer" else float(text)
    if not bounds[0] <= value <= bounds[1] or not math.isfinite(value):
        raise ValueError(f"{bounds[0]} to {bounds[1]}")
    return strtof(text) if kind == "real32" else value


def parameters(node, path, number):
    """Names to the decimals of reals, which number reads: of gates strtof, else float (F2.2)."""
    result = {}
    for name, value in pairs(node, path):
        if not isinstance(value, yaml.ScalarNode) or value.style is not None or \
                not REAL.fullmatch(value.value) or not np.isfinite(number(value.value)) or \
                not 0 < len(name.encode()) <= 31:
            refuse(value, path, f"{name}: expected a real number")
        result[name] = value.value
    if len(result) > 8:
        refuse(node, path, "more than 8 parameters")
    return result


def read(path):
    """The configuration of a file, a dictionary by the names of the table."""
    given = set()
    config = {name: {} if kind == "mapping" else default if kind == "text" else
              scalar(name, default) for name, (kind, _, default) in KEYS.items()}
    with open(path, encoding="utf-8") as file:
        root = yaml.compose(file, Loader=yaml.SafeLoader)
    for section, body in [] if root is None else pairs(root, path):
        for key, node in pairs(body, path):
            name = f"{section}.{key}"
            if name not in KEYS:
                refuse(node, path, f"{name}: no such key")
            given.add(name)
            if KEYS[name][0] == "mapping":
                config[name] = parameters(node, path,
                                          float if name == "reward.weights" else strtof)
                continue
            if not isinstance(node, yaml.ScalarNode):
                refuse(node, path, f"{name}: expected one value")
            try:
                config[name] = scalar(name, node.value, node.style is None)
            except ValueError as error:
                refuse(node, path, f"{name}: expected {error}, found {node.value}")
    if config["model.folder"] and "sft.steps" not in given:
        config["sft.steps"] = 0
    language_defaults(config, given, path)
    place_paths(config)
    check(config, path)
    return config


def language_defaults(config, given, path):
    """What tasks in plain language have by default (F3.11); their system text is not in spec/."""
    if config["task.name"] not in LANGUAGE:
        return
    if "task.system" not in given:
        raise ConfigurationError(f"{path}: task.system is to be named here")
    defaults = {"task.reward": "math", "reward.answer_in": "tags",
                "task.prompt_key": {"math": "problem"}.get(config["task.name"], "question")}
    config.update({key: value for key, value in defaults.items() if key not in given})


def place_paths(config):
    """Relative paths start from run.base (F2.4)."""
    for name in ("model.folder", "task.train", "task.test", "rl.reference", "gate.name"):
        if config[name] and (name != "gate.name" or config[name].endswith(".gate")):
            config[name] = os.path.join(config["run.base"], config[name])


def check(config, path):
    """The checks between keys of F2.3."""
    shards = config["rl.reduce_shards"]
    product = config["optimizer.weight_decay"] * max(
        float(F32(config[name])) for name in ("sft.lr", "rl.lr"))
    task, train = config["task.name"], config["task.train"]
    rules = {
        "kv_heads divides heads": config["model.heads"] % config["model.kv_heads"] == 0,
        "head_dim is even": config["model.head_dim"] % 2 == 0,
        "task.held_out is even": config["task.held_out"] % 2 == 0,
        "rl.updates divides rl.prompts": config["rl.prompts"] % config["rl.updates"] == 0,
        "rl.loss_parts divides the groups of an update":
            config["rl.prompts"] // config["rl.updates"] % config["rl.loss_parts"] == 0,
        "rl.reduce_shards is a power of two": shards & (shards - 1) == 0,
        "leave-one-out and rl.dynamic_sampling need rl.group >= 2":
            (config["rl.advantage"] != "leave-one-out" and not config["rl.dynamic_sampling"])
            or config["rl.group"] >= 2,
        "a rollout has less than 2^32 sequences":
            config["rl.dynamic_sampling"] * config["rl.prompts"] * config["rl.group"] < 2 ** 32,
        "1 - weight decay times a learning rate, as binary32, is at least 0":
            F32(1 - product) >= 0,
        "reward.weights names components; command is not here":
            set(config["reward.weights"]) <= set(COMPONENTS),
        "a tag is empty": all(config[f"reward.{tag}"] for tag in TAGS),
        "reward.length_buffer is at most the limit":
            "length" not in config["reward.weights"] or config["reward.length_buffer"] <=
            (config["reward.length_limit"] or config["rl.max_new_tokens"]),
        "gsm8k-calc needs task.train and task.test":
            task != "gsm8k-calc" or (train and config["task.test"]),
        "a task of files needs task.train": task not in ("jsonl", *LANGUAGE) or train,
    }
    for rule, holds in rules.items():
        if not holds:
            raise ConfigurationError(f"{path}: {rule}")
