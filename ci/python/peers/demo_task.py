"""The demo's task for the peers: its problems, reward and sizes (ci/examples/demo.yaml)."""
import random

PROMPTS, GROUP, UPDATES, NEW = 128, 8, 4, 4
LEARNING_RATE, TEMPERATURES = 6e-4, (1.0, 1.05)
END, CHARACTERS = 1, "0123456789+-*/="
"""The id of the end token; the characters' ids follow it."""


def problems():
    """(prompt, answer): all two-digit sums and differences that are not negative, in some order.
    Every prompt has six characters."""
    found = [(f"{a}+{b}=", str(a + b)) for a in range(10, 100) for b in range(10, 100)]
    found += 2 * [(f"{a}-{b}=", str(a - b)) for a in range(10, 100) for b in range(10, a + 1)]
    random.Random(1).shuffle(found)
    return found


def ids_of(text):
    return [END + 1 + CHARACTERS.index(c) for c in text]
