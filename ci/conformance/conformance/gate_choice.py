"""The gate that a configuration names (L1.6, L1.7)."""
import numpy as np

from . import configuration, gates, objective
from .numerics import F32, F64, rn32


def gate_of(config):
    """L1.6 and L1.7."""
    name, neg, pos = config["gate.name"], config["gate.neg"], config["gate.pos"]
    if name in gates.FAMILIES:
        return family_of(name, neg, pos)
    file = gates.GateFile(name if name.endswith(".gate") else gates.FOLDER / f"{name}.gate")
    return objective.GateBySign(side_of(file, 0, neg), side_of(file, 1, pos))


def side_of(file, side, given):
    """The gate of one sign of a gate file (L1.7)."""
    family = file.kernels[side]
    if family is None:
        program = file.program(side, given)
        if not np.isfinite(program.weight(np.ones(1, F32))).all():
            raise ValueError(f"{file.path}: its weight at a ratio of 1 is not finite")
        return objective.ExpressionGate((program, program))
    file.values(side, given)
    value = file.kernel_value(side, given)
    file.check_kernel(side, family_weight(family, side, value), given)
    if family in objective.SmoothGate.WEIGHTS:
        return objective.SmoothGate(family, rn32(value), rn32(value))
    return objective.ClipGate(value, value) if family == "clip" else objective.IDENTITY


def family_of(name, neg, pos):
    """A built-in gate from the decimals of the configuration (L1.6, F2.3)."""
    allowed = {"clip": ({"low"}, {"high"}), "identity": (set(), set())}.get(name, ({"tau"},) * 2)
    for given, names in zip((neg, pos), allowed):
        if set(given) - names:
            raise ValueError(f"gate {name} has no parameter {min(set(given) - names)} there")
    if name in objective.SmoothGate.WEIGHTS:
        return objective.SmoothGate(name, configuration.strtof(neg.get("tau", "1.05")),
                                    configuration.strtof(pos.get("tau", "1.0")))
    if name == "clip":
        if float(neg.get("low", "0.2")) > 1:
            raise ValueError("gate clip: low is outside [0, 1]")    # F2.3
        return objective.ClipGate(float(neg.get("low", "0.2")), float(pos.get("high", "0.2")))
    return objective.IDENTITY


def family_weight(family, side, value):
    """The weight of a family in binary64, for the check of a gate file (G1.3)."""
    if family == "identity":
        return np.ones_like
    if family == "clip":
        edge = 1 + value if side else 1 - value
        return lambda r: (r <= edge if side else r >= edge).astype(F64)
    function = objective.SmoothGate.WEIGHTS[family].approximate
    return lambda r: function(value * (r - 1))
