"""Largest difference between transformers' log-probs and Sluice's, of the token sequences in a file of JSON lines
{"tokens": [...], "logprobs": [...]}, logprobs[i] being that of tokens[i + 1]: sluice eval MODEL --logprobs FILE, then compare_logprobs.py MODEL FILE."""
import json, sys, torch
from transformers import AutoModelForCausalLM

model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).eval()
count, worst = 0, 0.0
for row in map(json.loads, open(sys.argv[2])):
    ids, ours = torch.tensor(row["tokens"]), torch.tensor(row["logprobs"], dtype=torch.float64)
    with torch.no_grad():
        theirs = model(ids[None]).logits[0, :-1].double().log_softmax(-1).gather(1, ids[1:, None])[:, 0]
    count, worst = count + len(ours), max(worst, (theirs - ours).abs().max().item())
print(f"{count} log-probs, largest difference {worst:.3g}")
