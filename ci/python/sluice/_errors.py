"""The exceptions of this package. Their text has the place, and what to do."""


class SluiceError(Exception):
    """The base of all others."""


class InvalidInput(SluiceError, ValueError):
    """An argument or an array that makes no sense, or a number that is not finite."""


class Unavailable(SluiceError, RuntimeError):
    """What this machine, thread or installation lacks."""


class CommandFailed(SluiceError, RuntimeError):
    """A command ended with an error of the system, or was killed."""


class MemoryLimit(SluiceError, MemoryError):
    """There was not enough memory, of the machine or under the limit that was given."""


class TimeLimit(SluiceError, TimeoutError):
    """A command took longer than the limit that was given."""
