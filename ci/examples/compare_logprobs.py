"""The largest difference between the log-probs of transformers and of Sluice.

    sluice eval MODEL --logprobs FILE
    compare_logprobs.py MODEL FILE

A line of FILE is {"tokens": [...], "logprobs": [...]}; logprobs[i] is that of tokens[i + 1].
"""
import json, sys, torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
count, worst = 0, 0.0
for row in map(json.loads, open(sys.argv[2])):
    ids, ours = torch.tensor(row["tokens"]), torch.tensor(row["logprobs"], dtype=torch.float64)
    with torch.no_grad():
        logits = model(ids[None]).logits[0, :-1].double()
        theirs = logits.log_softmax(-1).gather(1, ids[1:, None])[:, 0]
    count, worst = count + len(ours), max(worst, (theirs - ours).abs().max().item())
print(f"{count} log-probs, largest difference {worst:.3g}")
