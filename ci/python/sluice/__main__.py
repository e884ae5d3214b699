"""python -m sluice: the command `sluice`."""
from ._programs import sluice

sluice()
