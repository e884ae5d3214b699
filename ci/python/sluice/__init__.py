"""Sluice: gated policy optimisation with every bit specified.

    import sluice
    print(sluice.gates.verify("erf", ranges={"tau": ("0.5", "20")}))
    loss = sluice.gated_loss(new, old, advantages, mask, gate="erf", tau_pos=10, tau_neg=12)

`sluice.gates` proves gates, `sluice.gated_loss` is the loss on NumPy arrays, `sluice.torch` (which
needs PyTorch) the same as a differentiable operator. `sluice.equiv` judges kernels, `sluice.runs`
trains and reads runs. Importing this needs NumPy and nothing else.
"""
from . import _host

_host.check()

from . import _library, equiv, gates, runs  # noqa: E402  (a host that is too old is refused first)
from ._errors import (  # noqa: E402
    CommandFailed, InvalidInput, MemoryLimit, SluiceError, TimeLimit, Unavailable)
from ._library import Context  # noqa: E402
from .loss import Denominators, GatedLoss, Metrics, gated_loss  # noqa: E402

__version__ = "0.1.0"

numerics_version: int = _library.numerics_version()
"""The version of the specification that fixes the bits of all results."""

__all__ = [
    "CommandFailed", "Context", "Denominators", "GatedLoss", "InvalidInput", "MemoryLimit",
    "Metrics", "SluiceError", "TimeLimit", "Unavailable", "equiv", "gated_loss", "gates",
    "numerics_version", "runs",
]
