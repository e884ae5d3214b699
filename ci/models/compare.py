#!/usr/bin/env python3
"""Log-probs of Sluice against transformers in binary64, beside those of torch in float32.

    ci/models/compare.py SLUICE [--seed N] [--record FOLDER]

For each case of cases.py: what `sluice eval` gives, with the frequencies of both rules (spec T1.9,
T1.12), and what transformers gives in float32. The limit is what rounding may do: the largest
change of the binary64 result over DRAWS draws when each weight is scaled by 1 + e, |e| = n 2^-24
with random signs, n the longest sum and SMALL elementwise steps (Higham, Accuracy and Stability,
3.1). Wrong models must be above it: an attention factor or a scaling left out, norms of q and k
skipped, biases dropped, another theta.

What `sluice export` writes loads in transformers with the same numbers; BF16 goes out as it came.
--record keeps folders, tokens, results and limits for the test that needs no Python.
Exit code: 0 if all is as said, else 1.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap

import torch

sys.dont_write_bytecode = True
import cases  # noqa: E402
import exact  # noqa: E402

DRAWS, SMALL = 4, 8
RECORDED = ["qwen2-bf16", "qwen2-f16", "qwen2-yarn", "llama", "llama3", "llama-mscale", "qwen3",
            "qwen3-yarn", "qwen3-betas"]


def run(*command):
    return subprocess.run([str(x) for x in command], check=True, capture_output=True, text=True)


def ours(sluice, folder, sequences, work):
    tokens, out = work / "tokens.jsonl", work / "logprobs.jsonl"
    tokens.write_text("".join(json.dumps({"tokens": ids}) + "\n" for ids in sequences))
    run(sluice, "eval", folder, "--logprobs", out, "--tokens", tokens)
    return torch.tensor([json.loads(line)["logprobs"] for line in out.read_text().splitlines()],
                        dtype=torch.float64)


def limit_of(model, want, sequences):
    config = model.config
    longest = max(config.hidden_size, config.intermediate_size, config.vocab_size,
                  config.num_attention_heads * config.head_dim, len(sequences[0]))
    weights = [p.data.clone() for p in model.parameters()]
    most = 0.0
    for _ in range(DRAWS):
        for p, w in zip(model.parameters(), weights):
            sign = torch.randint(0, 2, w.shape, dtype=torch.float64) * 2 - 1
            p.data = w * (1 + (longest + SMALL) * 2.0**-24 * sign)
        most = max(most, (exact.log_probs(model, sequences) - want).abs().max().item())
    for p, w in zip(model.parameters(), weights):
        p.data = w
    return most


def rope_of(config):
    return config.get("rope_parameters") or config.get("rope_scaling") or {}


def without_scaling(config):
    theta = config.get("rope_theta", rope_of(config).get("rope_theta", 1e4))
    config.pop("rope_parameters", None)
    config.pop("rope_scaling", None)
    config["rope_theta"] = theta


def other_theta(config):
    if "rope_theta" in config:
        config["rope_theta"] *= 1.01
    else:
        config["rope_parameters"]["rope_theta"] *= 1.01


def as_llama(config):
    config["architectures"], config["model_type"] = ["LlamaForCausalLM"], "llama"
    config.pop("layer_types", None)


def faults(case):
    """Name, change of the configuration, change of the tensors."""
    def keep(tensors):
        return tensors

    kind = (case[2] or {}).get("rope_type")
    yield "theta wrong", other_theta, keep
    if kind:
        yield f"{kind} scaling skipped", without_scaling, keep
    if kind == "yarn":
        yield ("attention factor left out",
               lambda config: rope_of(config).update(attention_factor=1.0), keep)
    if case[1] == "qwen2":
        yield ("biases dropped", lambda config: None,
               lambda t: {k: x * 0 if k.endswith("bias") else x for k, x in t.items()})
    if case[1] == "qwen3":
        yield ("q_norm skipped", as_llama,
               lambda t: {k: x for k, x in t.items() if "q_norm" not in k and "k_norm" not in k})


def differences(theirs, folder, dtype):
    """What transformers reads otherwise from a written folder; its numbers are theirs as dtype."""
    got = exact.load(folder, torch.float32)
    x, y = theirs.state_dict(), got.state_dict()
    ropes = theirs.model.rotary_emb, got.model.rotary_emb
    if type(theirs) is not type(got) or x.keys() != y.keys():
        yield "class or names"
    elif not all(torch.equal(x[k].to(dtype).float(), y[k]) for k in x):
        yield "numbers"
    if not torch.equal(ropes[0].inv_freq, ropes[1].inv_freq):
        yield "frequencies"
    if ropes[0].attention_scaling != ropes[1].attention_scaling:
        yield "attention factor"


def check_written(sluice, folder, case, work):
    """What goes out has the same numbers; as BF16, torch's rounding of them, so that those of a
    BF16 folder come back."""
    theirs, problems = exact.load(folder, torch.float32), []
    kinds = [("f32", torch.float32), ("bf16", torch.bfloat16)]
    if case[3] == "BF16":
        kinds.append(("bf16", torch.float32))
    for word, dtype in kinds:
        run(sluice, "export", folder, work / word, "--dtype", word, "--shard-bytes", 1500)
        problems += [f"written as {word}: other {x}" for x in
                     differences(theirs, work / word, dtype)]
    return problems


def check(sluice, case, seed, work, record):
    folder = work / "folder"
    cases.make(folder, case, seed)
    generator = torch.Generator().manual_seed(seed)
    sequences = torch.randint(0, 23, (3, cases.LENGTH), generator=generator).tolist()
    model = exact.load(folder, torch.float64)
    want = exact.log_probs(model, sequences)
    limit = limit_of(model, want, sequences)

    def error(got):
        return (got - want).abs().max().item()

    torchs = error(exact.log_probs(exact.load(folder, torch.float32), sequences))
    mine = error(ours(sluice, folder, sequences, work))
    cases.edit_config(folder, lambda c: c.update(sluice_rope_tables="stepwise"))
    stepwise = error(ours(sluice, folder, sequences, work))
    cases.edit_config(folder, lambda c: c.pop("sluice_rope_tables"))
    problems = [f"{rule}: {x:.3g} is above the limit"
                for rule, x in (("exact", mine), ("stepwise", stepwise)) if not x <= limit]
    problems += check_written(sluice, folder, case, work)
    if record and case[0] in RECORDED:
        keep(record / case[0], folder, sequences, want, limit)
    seen = []
    for fault, change_config, change_tensors in faults(case):
        wrong = work / "wrong"
        shutil.rmtree(wrong, ignore_errors=True)
        shutil.copytree(folder, wrong)
        cases.edit_config(wrong, change_config)
        cases.one_file(wrong, change_tensors)
        x = error(ours(sluice, wrong, sequences, work))
        seen.append(f"{fault} {x:.1e}")
        if not x > limit:
            problems.append(f"planted: {fault} is not seen: {x:.3g}")
    print(f"| {case[0]} | {case[3]}{', shards' if case[4] else ''} | {torchs:.1e} | {mine:.1e} | "
          f"{stepwise:.1e} | {limit:.1e} | {'; '.join(seen)} |", flush=True)
    for problem in problems:
        print(f"{case[0]}: {problem}", file=sys.stderr)
    return not problems


def keep(to, folder, sequences, want, limit):
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(folder, to)
    text = json.dumps({"limit": float(f"{limit:.3g}"), "tokens": sequences,
                       "logprobs": want.tolist()})
    (to / "want.json").write_text(textwrap.fill(text, 98) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("sluice", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--record", type=pathlib.Path)
    o = parser.parse_args()
    torch.set_num_threads(1)
    print(f"seed {o.seed}, torch {torch.__version__}\n\n"
          "| case | weights | torch float32 | Sluice, exact | stepwise | limit | planted |\n"
          "|---|---|---|---|---|---|---|")
    good = True
    for i, case in enumerate(cases.CASES):
        with tempfile.TemporaryDirectory() as work:
            good &= check(o.sluice, case, o.seed * 1000 + i, pathlib.Path(work), o.record)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
