"""A step that several processes share, as docs/python.md says: under DistributedDataParallel."""
import torch
import torch.distributed as dist
from sluice.torch import gated_loss
from torch.nn.parallel import DistributedDataParallel

import sluice

RANKS = 2


class Table(torch.nn.Module):
    """Log-probs of 6 sequences of 5 tokens, each a parameter: nothing else adds up."""

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Parameter(-torch.arange(1.0, 31.0).reshape(6, 5) / 8)

    def forward(self, rows):
        """Those of these sequences."""
        return self.table[rows]


def backward(model, rows, whole, factor):
    """Of the loss of these sequences, of which the third has no token that counts."""
    old = Table().table.detach() + torch.linspace(-0.2, 0.2, 30).reshape(6, 5)
    mask = torch.arange(5) < torch.tensor([[5], [2], [0], [4], [1], [3]])
    advantages = torch.tensor([1.0, -0.5, 2.0, -2.0, 0.25, 1.0])
    if whole is None:
        counts = torch.stack([mask[rows].any(1).sum(), mask[rows].sum()])
        dist.all_reduce(counts)
        whole = sluice.Denominators(*counts.tolist())
    loss, _ = gated_loss(model(rows), old[rows], advantages[rows], mask[rows], gate="erf",
                         tau_pos=10, tau_neg=12, denominators=whole)
    (loss * factor).backward()


def work(rank, folder):
    """What a process does."""
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank,
                            world_size=RANKS)
    model = Table()
    backward(DistributedDataParallel(model), torch.arange(6).chunk(RANKS)[rank], None, RANKS)
    torch.save(model.table.grad, f"{folder}/{rank}")
    dist.destroy_process_group()


def test_ranks_have_the_gradient_of_one_process(tmp_path):
    torch.multiprocessing.spawn(work, (str(tmp_path),), RANKS)
    alone = Table()
    backward(alone, torch.arange(6), sluice.Denominators(sequences=5, tokens=15), 1)
    for rank in range(RANKS):  # two ranks and their mean are exact
        found = torch.load(tmp_path / str(rank))
        assert found.any() and torch.equal(found, alone.table.grad)
