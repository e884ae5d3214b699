"""The commands of this installation as child processes, with limits. Internal.

They are processes of their own because a prover that lacks memory, or time, ends its process; so it
never ends the caller's.
"""
import errno
import numbers
import os
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator, NoReturn, Sequence

from ._errors import (
    CommandFailed, InvalidInput, MemoryLimit, TimeLimit, Unavailable, hidden, path_of)

__tracebackhide__ = hidden

DONE, FAILED, USAGE, INPUT, UNDECIDED, SYSTEM, REQUIREMENT = 0, 1, 2, 3, 4, 5, 7  # docs/using.md

_FOLDER = Path(__file__).parent / "bin"


LONGEST = 2_000_000
"""Seconds: poll takes milliseconds as an int of C."""

LEAST = 100_000_000
"""Bytes of address space with which every command starts: sluice-check takes 76 MB, sluice 18."""


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _whole(value: object) -> bool:
    return (isinstance(value, numbers.Integral) and not isinstance(value, bool)
            or isinstance(value, float) and value.is_integer())


def operand(value: "str | os.PathLike[str]") -> str:
    """A name or a path as a command takes it, which is no option though it begins with '-'."""
    text = path_of("what was passed", value)
    return f"./{text}" if text.startswith("-") else text


@dataclass(frozen=True)
class Limits:
    """What a command may take: seconds by the clock, bytes of address space; None is no limit."""
    seconds: "float | None" = None
    memory: "int | None" = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not (_number(self.seconds) and 0 < self.seconds <= LONGEST):
            raise InvalidInput(f"timeout must be seconds above 0 and at most {LONGEST}, or None "
                               f"for no limit, not {self.seconds!r}")
        if self.memory is not None and not (_whole(self.memory) and 0 < self.memory < 2**63):
            raise InvalidInput("memory must be bytes above 0, a whole number below 2^63, or None, "
                               f"not {self.memory!r}")


@dataclass(frozen=True)
class Completed:
    """How a command ended."""
    code: int
    output: str
    errors: str


def path(program: str) -> Path:
    """Where a command of this installation is."""
    found = _FOLDER / program
    if not found.exists():
        raise Unavailable(f"this installation has no {program} (looked for {found}): install the "
                          "wheel, or build from source with SLUICE_PROOFS=ON")
    return found


class _Process(subprocess.Popen[str]):
    """subprocess takes a child whose exit status is lost for one that ended well: where SIGCHLD is
    ignored, or something else in this process waits for all children. A certificate that was
    refused would then be an accepted one."""

    def _try_wait(self, wait_flags: int) -> "tuple[int, int]":
        """What every wait of Popen goes through."""
        try:
            return os.waitpid(self.pid, wait_flags)
        except ChildProcessError:
            raise _lost() from None


def _lost() -> Unavailable:
    return Unavailable("how a command ended cannot be known here: this process ignores SIGCHLD, or "
                       "something in it waits for all children; call "
                       "signal.signal(signal.SIGCHLD, signal.SIG_DFL) first")


def _start(program: str, arguments: "Sequence[str]", memory: "int | None") -> _Process:
    """In a session of its own, so that Ctrl-C in a terminal reaches this process alone, which then
    ends the command. Memory is limited by the shell, which then becomes the command: a function
    that runs between fork and exec is not safe with threads, and a limit that is set from here may
    come too late. Where the system's own limit is lower, that holds."""
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        raise _lost()
    command = [str(path(program)), *arguments]
    if any("\0" in text for text in command):
        raise InvalidInput(f"an argument of {program} holds a zero byte")
    if memory is not None:
        limit = f'ulimit -v {max(int(memory) // 1024, 1)} 2>/dev/null; exec "$0" "$@"'
        command = ["/bin/sh", "-c", limit, *command]
    # Annotations on GitHub are for who calls the command, and would be read as its answer here.
    environment = dict(os.environ, SLUICE_PROGRESS="0", GITHUB_ACTIONS="", GITHUB_STEP_SUMMARY="")
    return _Process(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, encoding="utf-8", errors="replace", env=environment, start_new_session=True)


@contextmanager
def _uninterrupted() -> "Iterator[None]":
    """Ctrl-C waits for the end of this: within Popen it would leave a command that nobody knows.
    Python interrupts the main thread alone."""
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield
        return
    seen: "list[Any]" = []
    signal.signal(signal.SIGINT, lambda *given: seen.append(given))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if seen:
            before(*seen[0])


def _end(process: _Process, gently: bool) -> None:
    """gently: as it wants to end, with a checkpoint; a second interruption is not gentle. A command
    of its own session is a group, with what it has started."""
    try:
        if gently and process.poll() is None:
            process.send_signal(signal.SIGTERM)  # SIGINT may be ignored, and stays so in a child
            process.communicate()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()


def run(program: str, arguments: "Sequence[str]", limits: Limits, gently: bool = False) \
        -> Completed:
    """Runs a command to its end. Whatever interrupts the wait, KeyboardInterrupt too, ends it;
    gently: by SIGTERM, and it is waited for.

    Errors: TimeLimit; MemoryLimit where it gave up for want of memory; InvalidInput with its
    message where it refused what it was given; CommandFailed where it was killed.
    """
    process = None
    try:
        with _uninterrupted():
            process = _start(program, arguments, limits.memory)
        output, errors = process.communicate(timeout=limits.seconds)
    except subprocess.TimeoutExpired:
        raise TimeLimit(f"{program} {arguments[0]} took longer than {limits.seconds:g} s: raise "
                        "timeout") from None
    finally:
        if process is not None:
            _end(process, gently)
    completed = Completed(process.returncode, output, errors)
    if completed.code not in (DONE, FAILED, UNDECIDED, REQUIREMENT):
        _fail(program, arguments, completed, limits)
    return completed


def _short_of_memory(text: str, memory: "int | None") -> str:
    """What it said, with the limit; below LEAST what that is, because the system's loader of
    programs says little, or nothing."""
    if memory is None:
        return text
    if memory >= LEAST:
        return f"{text} (memory={int(memory)} bytes: raise it)"
    return (f"{text}: there is no room for it to start, or little more (memory={int(memory)} "
            f"bytes: raise it; every command starts with {LEAST})")


def _fail(program: str, arguments: "Sequence[str]", completed: Completed,
          limits: Limits) -> NoReturn:
    text = completed.errors.strip() or completed.output.strip()
    text = re.sub(r"^sluice[a-z -]*: (error: )?", "", text)
    text = re.sub(r"\s*Try `[^']*'( or `[^']*')? for more information\.$", "", text)
    # Under a limit the loader of programs may fail too, with a code of its own; a file is then
    # unreadable.
    short = os.strerror(errno.ENOMEM) in text
    if completed.code not in (USAGE, INPUT):
        short |= "memory" in text or limits.memory is not None and completed.code != SYSTEM
    # Threads that find no room for their stacks: the command names the limit itself.
    short |= limits.memory is not None and "address space is limited" in text
    if short:
        raise MemoryLimit(_short_of_memory(text or f"{program} {arguments[0]} was ended by signal "
                                           f"{-completed.code}", limits.memory))
    if completed.code in (USAGE, INPUT):
        raise InvalidInput(text)
    if completed.code == SYSTEM:
        raise CommandFailed(text)
    how = f"signal {-completed.code}" if completed.code < 0 else f"exit code {completed.code}"
    raise CommandFailed(f"{program} {arguments[0]} was ended by {how}: {text}")


def _become(program: str) -> NoReturn:
    try:
        file = str(path(program))
    except Unavailable as error:
        sys.exit(f"{program}: error: {error}")
    os.execv(file, [program, *sys.argv[1:]])


def sluice() -> NoReturn:
    """The command `sluice` of this installation."""
    _become("sluice")


def sluice_check() -> NoReturn:
    """The command `sluice-check` of this installation."""
    _become("sluice-check")
