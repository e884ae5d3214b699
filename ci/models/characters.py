#!/usr/bin/env python3
"""Do transformers' classes read the character tokenizer of a trained model as Sluice does (spec
F1.9)? Usage: ci/models/characters.py SLUICE

A tiny run on two-digit arithmetic, one on texts with spaces and line ends, one on characters of
several bytes: ids and texts of AutoTokenizer and PreTrainedTokenizerFast over all texts of the
task, and the model's most likely next tokens. Two ids that are exchanged must be noticed. Exit
code 1 at a difference.
"""
import json
import os
import subprocess
import sys
import tempfile

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerFast

TINY = {"run.threads": 1, "model.hidden": 16, "model.layers": 1, "model.heads": 2,
        "model.kv_heads": 1, "model.head_dim": 8, "model.ff": 24, "model.max_positions": 32,
        "sft.steps": 4, "sft.batch": 4, "rl.steps": 1, "rl.prompts": 2, "rl.group": 2,
        "rl.updates": 1, "task.held_out": 2}
SPACED = ["say hello", "two  spaces", "tab\tand\nline", "{[(<|~`^\\\"'it's 1.5%"]
WIDE = ["é中 a", "naïve 日本", "x\u0301y"]


def train(sluice, folder, texts):
    """A run's model folder; texts: of a file, or None for arithmetic."""
    settings = {**TINY, "run.out": folder}
    if texts:
        with open(folder + ".jsonl", "w", encoding="utf-8") as file:
            for text in [text + str(i) for text in texts for i in range(8)]:
                file.write(json.dumps({"prompt": text, "answer": text[:4]}) + "\n")
        settings.update({"task.name": "jsonl", "task.train": folder + ".jsonl",
                         "task.held_out_fraction": 0.25})
    options = [f"--set={name}={value}" for name, value in settings.items()]
    subprocess.run([sluice, "train", "default", "--quiet", *options], check=True,
                   stdout=subprocess.DEVNULL)
    return os.path.join(folder, "model")


def alphabet_of(model):
    with open(os.path.join(model, "tokenizer.sluice.json"), encoding="utf-8") as file:
        return json.load(file)["alphabet"]


def arithmetic():
    """All texts of the demo's task: problems with their answers."""
    pairs = [(a, b) for a in range(100) for b in range(100)]
    return [f"{a}+{b}={a + b}" for a, b in pairs] + [f"{a}-{b}={a - b}" for a, b in pairs]


def differences(tokenizer, alphabet, texts):
    """Texts whose ids or whose way back differ."""
    ids = tokenizer(texts)["input_ids"]
    ours = [[2 + alphabet.index(c) for c in text] for text in texts]
    return [text for text, a, b in zip(texts, ids, ours)
            if a != b or tokenizer.decode(a, clean_up_tokenization_spaces=False) != text]


def exchanged(model):
    """A folder's tokenizer.json with two ids exchanged."""
    path = os.path.join(model, "tokenizer.json")
    with open(path, encoding="utf-8") as file:
        document = json.load(file)
    vocab = document["model"]["vocab"]
    vocab["1"], vocab["2"] = vocab["2"], vocab["1"]
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file)


def check_model(model, tokenizer):
    """It loads, has an output for every id of the tokenizer, and ends where the tokenizer says."""
    policy = AutoModelForCausalLM.from_pretrained(model)
    batch = tokenizer(["12+34=", "1-2="], padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = policy(**batch).logits
    assert logits.shape[-1] == len(tokenizer) and logits.isfinite().all()
    assert policy.config.eos_token_id == tokenizer.eos_token_id == 1
    assert tokenizer.pad_token_id == 0


def main(sluice):
    bad = 0
    with tempfile.TemporaryDirectory() as work:
        for name, texts, classes in (
                ("arithmetic", None, (AutoTokenizer, PreTrainedTokenizerFast)),
                ("spaces", SPACED, (AutoTokenizer, PreTrainedTokenizerFast)),
                ("several bytes", WIDE, (PreTrainedTokenizerFast,))):
            model = train(sluice, os.path.join(work, name), texts)
            alphabet, texts = alphabet_of(model), texts or arithmetic()
            for kind in classes:
                tokenizer = kind.from_pretrained(model)
                wrong = differences(tokenizer, alphabet, texts)
                print(f"{name}, {kind.__name__}: {len(wrong)} of {len(texts)} texts differ",
                      *wrong[:3], sep="\n  " if wrong else "")
                bad += len(wrong) + (len(tokenizer) != 2 + len(alphabet))
            if name == "arithmetic":
                check_model(model, tokenizer)
                exchanged(model)
                planted = AutoTokenizer.from_pretrained(model)
                assert differences(planted, alphabet, texts), "exchanged ids are not noticed"
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
