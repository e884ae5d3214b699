"""Sequences of a batch (L1.4) and a rollout of them (L3.1)."""
from dataclasses import dataclass

import numpy as np

from .numerics import Packed


@dataclass
class Sequences:
    """Prompts with answers or completions (L1.4): ids of each, and the length of its prompt."""
    ids: list
    prompt: list

    def packed(self, shards):
        return Packed(np.cumsum([0] + [len(ids) for ids in self.ids]), shards)

    def tokens(self):
        """All ids, packed (N4.1)."""
        return np.array([token for ids in self.ids for token in ids], np.uint32)

    def masks(self):
        """mask and target of every slot (L1.4)."""
        masks, targets = [], []
        for ids, prompt in zip(self.ids, self.prompt):
            mask = np.zeros(len(ids), bool)
            mask[prompt - 1:len(ids) - 1] = True
            masks.append(mask)
            targets.append(np.append(ids[1:], 0) * mask)
        return np.concatenate(masks), np.concatenate(targets)

    def choose(self, numbers):
        """The sequences of these numbers, in this order."""
        return Sequences([self.ids[i] for i in numbers], [self.prompt[i] for i in numbers])


@dataclass
class Rollout:
    """One sampling of completions (L3.1); log-prob arrays are lists, one a sequence (L1.5)."""
    sequences: Sequences
    ended: list
    old: list
    rewards: list
    advantage: np.ndarray | None = None
    ref: list | None = None
    rounds: int = 0                 # of dynamic sampling (L3.12), and groups dropped in them
    dropped: int = 0
