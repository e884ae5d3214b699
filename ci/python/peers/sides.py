"""The sides of a row: programs that measure when they are asked, a line for a line.

`sluice bench WHAT --on-request` and the workers here print a line of JSON when they are ready, then
answer each line that they get with another: {"seconds": S}, or {"error": TEXT}.
"""
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile


class SideError(Exception):
    """A side could not be started or measured; the text says why."""


LIMIT_S = 900
"""Longest wait for an answer: a side that hangs must not hold the table up for ever."""


class Program:
    """A process that answers requests. It starts when it is first asked. command: words, or what
    returns them then."""

    def __init__(self, command, environment=None):
        self.command, self.environment = command, environment
        self.process = self.ready = self.said = None
        self.name = ""

    def start(self):
        """What it said when it was ready."""
        if self.process is None:
            self.said = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")
            command = self.command() if callable(self.command) else self.command
            self.name = " ".join(os.path.basename(word) for word in command[:3])
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said,
                text=True, env={**os.environ, **(self.environment or {})})
            self.ready = self._answer()
        return self.ready

    def ask(self, request=""):
        """The answer to a line."""
        self.start()
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            self._lost()
        return self._answer()

    def _answer(self):
        if not select.select([self.process.stdout], [], [], LIMIT_S)[0]:
            self.process.kill()
            self.stop()
            raise SideError(f"{self.name}: no answer within {LIMIT_S} s")
        line = self.process.stdout.readline()
        if not line:
            self._lost()
        try:
            answer = json.loads(line)
        except ValueError:
            self.stop()
            raise SideError(f"{self.name} said: {line.strip()[:200]}") from None
        if "error" in answer:
            self.stop()
            raise SideError(answer["error"])
        return answer

    def _lost(self):
        """It has ended: its last words are the reason."""
        code = self.process.wait()
        self.said.seek(0)
        said = self.said.read().strip().split("\n")[-1]
        self.stop()
        if code < 0:
            said = said or f"ended by {signal.Signals(-code).name}"
        raise SideError(f"{self.name}: {said or f'exit code {code}'}"[:300])

    def stop(self):
        if self.process is None:
            return
        process, self.process = self.process, None
        for stream in (process.stdin, process.stdout):
            try:
                stream.close()
            except BrokenPipeError:  # a request that it has not read
                pass
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.said.close()


class Side:
    """One side of a row. alone: it ends, with its memory, before the other measures."""

    def __init__(self, program, request="", alone=False):
        self.program, self.request, self.alone = program, request, alone

    def measure(self):
        """Seconds."""
        seconds = self.program.ask(self.request)["seconds"]
        if self.alone:
            self.program.stop()
        return seconds

    def stop(self):
        self.program.stop()


class Training:
    """RL steps of `sluice train`: the median of the seconds that its log has of each."""

    def __init__(self, sluice, settings, folder, steps):
        self.folder, self.steps = folder, steps
        self.command = [sluice, "train", *settings, "--set", f"run.out={folder}"]

    def measure(self):
        subprocess.run(["rm", "-rf", self.folder], check=True)
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SideError("sluice train: " + done.stderr.strip().split("\n")[-1][:300])
        with open(os.path.join(self.folder, "metrics.jsonl"), encoding="utf-8") as log:
            steps = [json.loads(line) for line in log]
        seconds = [s["seconds"] for s in steps if s.get("phase") == "rl" and "seconds" in s]
        if len(seconds) < self.steps:
            raise SideError(f"sluice train: {len(seconds)} of {self.steps} steps in its log")
        return statistics.median(seconds[1:])  # the first claims memory

    def stop(self):
        pass


def serve(answer, **ready):
    """A worker's whole life: says that it is ready, then answer(request) for each line."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")  # libraries print, and must not print here
    os.dup2(2, 1)
    print(json.dumps(ready), file=out, flush=True)
    for line in sys.stdin:
        try:
            said = answer(line.strip())
        except Exception as error:  # pylint: disable=broad-except
            said = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(said), file=out, flush=True)
