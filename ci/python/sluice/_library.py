"""libsluice.so by ctypes: its structures, its functions, contexts. Internal.

The structures repeat <sluice/types.h> and others; the test `layout` compares them with the
compiler's, and ABI is the number of the headers that they were written from.
"""
import ctypes
import os
import struct
import threading
import weakref
from pathlib import Path
from typing import Any, NoReturn, SupportsIndex

from ._errors import InvalidInput, MemoryLimit, SluiceError, Unavailable

ABI = 5
THREADS = 1024
"""More make a context slow to begin, and a number beyond a C int would be another one."""

_STATUS = ("ok", "usage", "input", "io", "memory", "environment", "unavailable", "nonfinite",
           "mismatch")
FAMILIES = ("sigmoid", "erf", "arctan", "softsign", "clip", "identity", "expression")
LEVELS = ("token", "sequence")
AGGREGATIONS = ("sequence-mean", "token-mean", "constant")
KL_KINDS = ("k1", "k2", "k3")


class Error(ctypes.Structure):
    """sl_error"""
    status: int
    message: bytes
    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1000)]


class ContextOptions(ctypes.Structure):
    """sl_context_options"""
    _fields_ = [("backend", ctypes.c_char_p), ("isa", ctypes.c_int), ("threads", ctypes.c_int),
                ("device", ctypes.c_int), ("stream", ctypes.c_void_p),
                ("parallel", ctypes.c_void_p)]


class GateStruct(ctypes.Structure):
    """sl_gate"""
    family: "ctypes.Array[ctypes.c_int]"
    _fields_ = [("family", ctypes.c_int * 2), ("tau", ctypes.c_float * 2),
                ("clip_low", ctypes.c_double), ("clip_high", ctypes.c_double),
                ("function", ctypes.c_void_p), ("expression", ctypes.c_void_p)]


class GateParameter(ctypes.Structure):
    """sl_gate_parameter"""
    _fields_ = [("name", ctypes.c_char_p), ("value", ctypes.c_double * 2)]


class GateParameterInfo(ctypes.Structure):
    """sl_gate_parameter_info"""
    name: bytes
    low: float
    high: float
    value: "ctypes.Array[ctypes.c_double]"
    _fields_ = [("name", ctypes.c_char_p), ("low", ctypes.c_double), ("high", ctypes.c_double),
                ("value", ctypes.c_double * 2)]


class Objective(ctypes.Structure):
    """sl_objective"""
    gate: GateStruct
    _fields_ = [("gate", GateStruct), ("level", ctypes.c_int), ("aggregation", ctypes.c_int),
                ("constant_length", ctypes.c_double), ("kl", ctypes.c_int),
                ("beta", ctypes.c_double), ("gamma", ctypes.c_double)]


class Batch(ctypes.Structure):
    """sl_gated_loss_batch"""
    _fields_ = [("logp_new", ctypes.c_void_p), ("logp_old", ctypes.c_void_p),
                ("logp_ref", ctypes.c_void_p), ("entropy", ctypes.c_void_p),
                ("mask", ctypes.c_void_p), ("seq", ctypes.c_void_p),
                ("advantage", ctypes.c_void_p), ("coefficient", ctypes.c_void_p),
                ("n_seq", ctypes.c_size_t), ("token_advantage", ctypes.c_void_p)]


class UpdateRatios(ctypes.Structure):
    """sl_update_ratios"""
    _fields_ = [("effective", ctypes.c_double), ("clipped", ctypes.c_double),
                ("clipped_tokens", ctypes.c_double)]


class LossMetrics(ctypes.Structure):
    """sl_loss_metrics: numbers of binary64 alone"""
    _fields_ = [*((name, ctypes.c_double) for name in (
        "tokens", "sequences", "objective", "centred", "kl", "entropy", "ratio_mean",
        "ratio_variance", "ratio_max", "weight_mean", "below_half", "clamped", "kl_clamped",
        "approximate_kl")), ("update", UpdateRatios)]


SUMS = [("objective", "<f8"), ("centred", "<f8"), ("kl", "<f8"), ("entropy", "<f8"),
        ("y_sum", "<f8"), ("y_square_sum", "<f8"), ("weight_sum", "<f8"), ("effective_sum", "<f8"),
        ("ratio_max", "<f4"), ("tokens", "<u4"), ("below_half", "<u4"), ("clamped", "<u4"),
        ("log_ratio_sum", "<f8"), ("kl_clamped", "<u4"), ("zero", "<u4")]
"""sl_loss_sums, as a dtype of NumPy."""

_POINTER, _SIZE, _INT, _REAL = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_double
_ERROR = ctypes.POINTER(Error)
_PROTOTYPES: "dict[str, tuple[Any, list[Any]]]" = {
    "sl_abi_version": (ctypes.c_uint32, []),
    "sl_abi_numerics": (ctypes.c_uint32, []),
    "sl_abi_check_processor": (_INT, [_ERROR]),
    "sl_context_create": (_INT, [ctypes.POINTER(_POINTER), ctypes.POINTER(ContextOptions),
                                 _ERROR]),
    "sl_context_destroy": (None, [_POINTER]),
    "sl_context_error": (_ERROR, [_POINTER]),
    "sl_context_backend": (ctypes.c_char_p, [_POINTER]),
    "sl_context_threads": (_INT, [_POINTER]),
    "sl_context_synchronize": (_INT, [_POINTER]),
    "sl_backend_add": (None, [_POINTER]),
    "sl_memory_read": (_INT, [_POINTER, _POINTER, _POINTER, _SIZE]),
    "sl_memory_write": (_INT, [_POINTER, _POINTER, _POINTER, _SIZE]),
    "sl_memory_zero": (_INT, [_POINTER, _POINTER, _SIZE]),
    "sl_objective_tokens": (None, [_POINTER, _POINTER, _POINTER, _SIZE]),
    "sl_objective_coefficients": (_INT, [_POINTER, _POINTER, _SIZE, _INT, _REAL, _ERROR]),
    "sl_objective_part_coefficients": (_INT, [_POINTER, _POINTER, _SIZE, _INT, _REAL, _REAL, _REAL,
                                              _ERROR]),
    "sl_loss_measure": (None, [_POINTER, _POINTER, _SIZE]),
    "sl_gated_loss": (_INT, [_POINTER, _POINTER, _POINTER, _POINTER, ctypes.POINTER(Objective),
                             ctypes.POINTER(Batch)]),
    "sl_update_measure": (_INT, [_POINTER, ctypes.POINTER(Objective),
                                 ctypes.POINTER(Batch), _POINTER, _POINTER, _SIZE, _ERROR]),
    "sl_gate_parse": (_INT, [ctypes.POINTER(GateStruct), ctypes.POINTER(_POINTER), ctypes.c_char_p,
                             _SIZE, ctypes.c_char_p, ctypes.POINTER(GateParameter), _SIZE,
                             _ERROR]),
    "sl_gate_load": (_INT, [ctypes.POINTER(GateStruct), ctypes.POINTER(_POINTER),
                            ctypes.c_char_p, ctypes.POINTER(GateParameter), _SIZE, _ERROR]),
    "sl_gate_definition_free": (None, [_POINTER]),
    "sl_gate_evaluate": (None, [_POINTER, _INT, _POINTER, _POINTER, _POINTER, _SIZE]),
    "sl_gate_definition_name": (ctypes.c_char_p, [_POINTER]),
    "sl_gate_definition_citation": (ctypes.c_char_p, [_POINTER]),
    "sl_gate_definition_has_value": (_INT, [_POINTER, _INT]),
    "sl_gate_definition_parameters": (_SIZE, [_POINTER]),
    "sl_gate_definition_parameter": (GateParameterInfo, [_POINTER, _SIZE]),
    "sl_gate_definition_expression": (_INT, [_POINTER, _INT, _INT, ctypes.c_char_p, _SIZE]),
    "sl_gate_builtin_count": (_SIZE, []),
    "sl_gate_builtin_name": (ctypes.c_char_p, [_SIZE]),
    "sl_gate_builtin_text": (ctypes.c_char_p, [ctypes.c_char_p]),
}


def fail(error: Error) -> NoReturn:
    """Raises what a status of the library is in this package."""
    kind = _STATUS[error.status] if error.status < len(_STATUS) else "unknown"
    text = error.message.decode("utf-8", "replace")
    if kind == "environment":
        raise Unavailable(
            f"{text}: this thread flushes subnormal numbers to zero or rounds another way; call "
            "torch.set_flush_denormal(False) in it (a library built with -ffast-math may have set "
            "this when it was loaded)")
    if kind == "memory":
        raise MemoryLimit(text)
    if kind == "unavailable":
        raise Unavailable(text)
    if kind in ("usage", "input", "nonfinite", "io"):
        raise InvalidInput(text)
    raise SluiceError(text)


_ELF_HEADER = struct.Struct("<4sBB34xQ10xHH2x")


def _is_cut_short(path: Path) -> bool:
    """Whether it ends before the table of its sections, which a linker writes last: the process
    that loads such a file may be killed by SIGBUS."""
    with path.open("rb") as file:
        head = file.read(_ELF_HEADER.size)
    if len(head) < _ELF_HEADER.size:
        return False  # what loads it has words for that
    magic, word, order, table, size, count = _ELF_HEADER.unpack(head)
    return (magic, word, order) == (b"\x7fELF", 2, 1) and path.stat().st_size < table + size * count


def load(path: Path) -> ctypes.CDLL:
    """A library, if it is one of this package's ABI and runs on this processor."""
    if not path.exists():
        raise ImportError(f"sluice: {path} is not there: this is no whole installation; install "
                          "the wheel, or build from source as docs/python.md says")
    if _is_cut_short(path):
        raise ImportError(f"sluice: {path} is cut short: install it anew")
    library = ctypes.CDLL(str(path))
    too_old = f"sluice: {path} is too old for this package: it has no {{}}; install package and " \
        "library together"
    try:
        found = library.sl_abi_version
    except AttributeError:
        raise ImportError(too_old.format("number of its ABI")) from None
    found.restype = ctypes.c_uint32
    if found() != ABI:
        raise ImportError(f"sluice: {path} has ABI {found()}, and this package needs {ABI}: "
                          "install package and library together")
    for name, (result, arguments) in _PROTOTYPES.items():
        function = getattr(library, name, None)
        if function is None:
            raise ImportError(too_old.format(name))
        function.restype, function.argtypes = result, arguments
    error = Error()
    if library.sl_abi_check_processor(ctypes.byref(error)):
        raise ImportError("sluice: " + error.message.decode())
    return library


lib = load(Path(__file__).parent / "lib" / "libsluice.so")


def numerics_version() -> int:
    """The version of the numerics that the library follows."""
    return int(lib.sl_abi_numerics())


def _check_threads(threads: object) -> None:
    if type(threads) is int and 0 <= threads <= THREADS:  # as it is asked at each call
        return
    if isinstance(threads, bool) or not isinstance(threads, SupportsIndex) or \
            not 0 <= threads.__index__() <= THREADS:
        raise InvalidInput(f"threads must be 0 for all, or 1 to {THREADS}, not {threads!r}")


class Context:
    """A context of the library with a lock, so that several Python threads may share it.

    threads: how many threads compute, 0 for all that the system offers, up to THREADS. backend:
    "cpu" or "plain". pool: the address of a function as GOMP_parallel of an OpenMP runtime, whose
    threads compute in place of the context's own; not in a child of fork. A context cannot be
    copied: its memory has one owner.
    Errors: Unavailable, InvalidInput, MemoryLimit.
    """

    def __init__(self, threads: int = 0, backend: str = "cpu", *,
                 pool: "int | None" = None) -> None:
        _check_threads(threads)
        if backend not in ("cpu", "plain"):
            raise Unavailable(f"backend is {backend!r}, and must be 'cpu' or 'plain': a Context "
                              "computes on arrays in CPU memory; on a CUDA device "
                              "sluice.torch.gated_loss does, and needs none")
        self._options = ContextOptions(backend.encode(), 0, threads, parallel=pool)
        self._handle = ctypes.c_void_p()
        self._lock = threading.Lock()
        self._create()
        _contexts.add(self)

    def _create(self) -> None:
        error, handle = Error(), ctypes.c_void_p()
        if lib.sl_context_create(ctypes.byref(handle), ctypes.byref(self._options),
                                 ctypes.byref(error)):
            fail(error)
        self._handle = handle

    def _live(self) -> ctypes.c_void_p:
        """The handle, made anew after a fork that took it away."""
        if not self._handle:
            self._create()
        return self._handle

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Context owns memory of this process, and cannot be copied or pickled: "
                        "make another, of as many threads")

    def __del__(self) -> None:
        handle = getattr(self, "_handle", None)
        if handle and lib is not None:  # at the end of the interpreter
            lib.sl_context_destroy(handle)

    @property
    def backend(self) -> str:
        """What computes, as "cpu/avx512"."""
        with self._lock:
            return str(lib.sl_context_backend(self._live()).decode())

    @property
    def threads(self) -> int:
        """How many threads compute."""
        with self._lock:
            return int(lib.sl_context_threads(self._live()))

    def gated_loss(self, d: "int | None", e: "int | None", sums: "int | None", objective: Objective,
                   batch: Batch) -> None:
        """sl_gated_loss: d, e and sums are addresses."""
        with self._lock:
            if lib.sl_gated_loss(self._live(), d, e, sums, ctypes.byref(objective),
                                 ctypes.byref(batch)):
                fail(lib.sl_context_error(self._handle).contents)

    def _after_fork(self) -> None:
        """In a child: a context that another thread of the parent was using is left as it is, and
        replaced when it is needed. The lock is a new one always: one for which a thread of the
        parent waited may be free here and yet never wake who takes it next."""
        if not self._lock.acquire(blocking=False):
            self._handle = ctypes.c_void_p()
        self._options.parallel = None  # its threads are the parent's
        self._lock = threading.Lock()


_contexts: "weakref.WeakSet[Context]" = weakref.WeakSet()
_shared: "dict[tuple[int, str, int | None], Context]" = {}
_shared_lock = threading.Lock()


def shared_context(threads: int = 0, backend: str = "cpu", pool: "int | None" = None) -> Context:
    """The process's context with that many threads, of that pool."""
    _check_threads(threads)  # True and 1.0 are keys like 1
    with _shared_lock:
        context = _shared.get((threads, backend, pool))
        if context is None:
            context = _shared[threads, backend, pool] = Context(threads, backend, pool=pool)
        return context


def _in_child() -> None:
    global _shared_lock
    _shared_lock = threading.Lock()
    for context in list(_contexts):
        context._after_fork()


os.register_at_fork(after_in_child=_in_child)
