"""A reward.command that every model gets variance from: the share of even ids in a completion.

Nothing is learnt by it that anybody wants; it shows that a model of any size trains (docs/using.md,
Rewards)."""
import json
import sys

for line in sys.stdin:
    asked = json.loads(line)
    even = sum(i % 2 == 0 for i in asked["ids"])
    print(json.dumps({"id": asked["id"], "reward": even / len(asked["ids"])}), flush=True)
