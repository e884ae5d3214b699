"""Runs and what spec/vectors records of them: formats.md F5.4."""
import json
import re
from dataclasses import dataclass

from . import configuration, digests
from .training import Run

NAMES = {"state", "ledger", "measures"}
RECORD = re.compile(r"^# (state|ledger|measures) ([0-9a-f]{32})$", re.MULTILINE)


@dataclass
class Found:
    """What a run came to: the final state hash, the ledger, and the ledger's two digests."""
    state: str
    text: str

    @property
    def ledger(self):
        return self.digest(measures=False)

    @property
    def measures(self):
        return self.digest(measures=True)

    def digest(self, measures):
        """Of the lines of kind "measures", or of the others."""
        lines = [line for line in self.text.splitlines(keepends=True)
                 if line.startswith('{"kind":"measures",') == measures]
        return digests.bytes_digest("".join(lines).encode())


def train(path, report=lambda line: None):
    """The run of a file; `report` gets every line of the ledger and every evaluation."""
    lines = []

    def keep(line):
        if line["kind"] != "evaluation":
            lines.append(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n")
        report(line)

    state = Run(configuration.read(path), keep).train()
    return Found(state, "".join(lines))


def differences(path, found):
    """Lines that say what is not as the file of record has it."""
    with open(path, encoding="utf-8") as file:
        recorded = dict(RECORD.findall(file.read()))
    if set(recorded) != NAMES:
        return [f"{path}: no record of state, ledger and measures"]
    return [f"{path}: {name} {getattr(found, name)}, not {value} as recorded"
            for name, value in recorded.items() if getattr(found, name) != value]
