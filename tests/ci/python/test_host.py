"""What is refused at import, with a message: an older glibc or CPU, a library of another build. And
that the package's structures are the compiler's."""
import ctypes
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy
import pytest
from sluice import _library

import sluice

CC = os.environ.get("CC", "cc")


def python(code, *, before=(), path=None):
    """Runs a program, whose package may be another copy."""
    environment = dict(os.environ)
    if path:
        environment["PYTHONPATH"] = str(path)
    return subprocess.run([*before, sys.executable, "-c", code], env=environment, text=True,
                          capture_output=True, check=False)


@pytest.mark.parametrize("host, words", [
    ("'glibc 2.31'", "this machine has glibc 2.31"), ("'glibc 2.35'", "has glibc 2.35"),
    ("None", "this machine has no glibc")])
def test_an_older_c_library_is_refused(host, words):
    done = python(f"import os; os.confstr = lambda name: {host}; import sluice")
    assert done.returncode == 1 and words in done.stderr
    assert "ImportError: sluice needs glibc 2.36 or newer" in done.stderr


@pytest.mark.parametrize("host", ["glibc 2.36", "glibc 2.41", "glibc 3.0"])
def test_a_newer_one_is_not(host):
    assert python(f"import os; os.confstr = lambda name: {host!r}; import sluice").returncode == 0


@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="no qemu-x86_64 (ci/install test)")
def test_an_older_processor_is_refused():
    code = "import sluice; print('imported')"
    older = python(code, before=["qemu-x86_64", "-cpu", "Nehalem"])
    assert "ImportError: sluice: this CPU lacks AVX, AVX2" in older.stderr, older.stderr
    assert "Sluice needs x86-64-v3" in older.stderr and not older.stdout
    newer = python(code, before=["qemu-x86_64", "-cpu", "Haswell"])
    assert newer.stdout == "imported\n", newer.stderr


@pytest.mark.parametrize("text, words", [
    ("unsigned sl_abi_version(void) { return 999; }", "has ABI 999, and this package needs 5"),
    ("unsigned sl_abi_version(void) { return 5; }", "too old for this package: it has no sl_"),
    ("int sl_other(void) { return 0; }", "is too old for this package: it has no number of its"),
    (None, "is not there: this is no whole installation")])
def test_a_library_of_another_build_is_refused(tmp_path, build, text, words):
    copy = tmp_path / "sluice"
    shutil.copytree(build / "python" / "sluice", copy, ignore=shutil.ignore_patterns("bin", "lib"))
    (copy / "lib").mkdir()
    if text:
        (tmp_path / "stub.c").write_text(text)
        subprocess.run([CC, "-shared", "-fPIC", str(tmp_path / "stub.c"), "-o",
                        str(copy / "lib" / "libsluice.so")], check=True)
    done = python("import sluice", path=tmp_path)
    assert done.returncode == 1 and "ImportError: sluice: " in done.stderr
    assert words in done.stderr


STRUCTURES = {
    "sl_error": _library.Error, "sl_context_options": _library.ContextOptions,
    "sl_gate": _library.GateStruct, "sl_gate_parameter": _library.GateParameter,
    "sl_gate_parameter_info": _library.GateParameterInfo, "sl_objective": _library.Objective,
    "sl_gated_loss_batch": _library.Batch, "sl_update_ratios": _library.UpdateRatios,
    "sl_loss_metrics": _library.LossMetrics}
ENUMS = [
    *(f"SL_GATE_{name.upper()}" for name in _library.FAMILIES),
    *(f"SL_LEVEL_{name.upper()}" for name in _library.LEVELS),
    *(f"SL_AGG_{name.upper().replace('-', '_')}" for name in _library.AGGREGATIONS),
    *(f"SL_KL_{name.upper()}" for name in _library.KL_KINDS),
    "SL_OK", *(f"SL_ERR_{name.upper()}" for name in _library._STATUS[1:])]


def layouts(structures, sums):
    """Sizes and offsets as this package has them."""
    found = {name: ctypes.sizeof(kind) for name, kind in structures.items()}
    for name, kind in structures.items():
        for field in kind._fields_:
            found[f"{name}.{field[0]}"] = getattr(kind, field[0]).offset
    kind = numpy.dtype(sums)
    found["sl_loss_sums"] = kind.itemsize
    found.update({f"sl_loss_sums.{name}": kind.fields[name][1] for name in kind.names})
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, source, build):
    """What the compiler makes of the headers: sizes, offsets, values of enums."""
    work = tmp_path_factory.mktemp("layout")
    rows = [f'printf("%zu %zu\\n", sizeof({name}), (size_t)0);' if "." not in name else
            'printf("%zu 0\\n", offsetof({}, {}));'.format(*name.split("."))
            for name in layouts(STRUCTURES, _library.SUMS)]
    rows += [f'printf("%d 0\\n", (int){name});' for name in ENUMS]
    rows += ['printf("%d 0\\n", SL_ABI_VERSION);', 'printf("%d 0\\n", SL_NUMERICS_VERSION);']
    (work / "layout.c").write_text(
        "#include <sluice/abi.h>\n#include <sluice/gate.h>\n#include <sluice/kernels.h>\n"
        "#include <sluice/objective.h>\n#include <stdio.h>\nint main(void) {\n"
        + "\n".join(rows) + "\nreturn 0;\n}\n")
    subprocess.run([CC, "-std=c17", f"-I{source}/kernels/include", f"-I{build}/include",
                    str(work / "layout.c"), "-o", str(work / "layout")], check=True)
    text = subprocess.run([str(work / "layout")], check=True, capture_output=True, text=True).stdout
    return [int(line.split()[0]) for line in text.splitlines()]


def test_structures_and_enums_are_the_compilers(compiled):
    wanted = layouts(STRUCTURES, _library.SUMS)
    values = [names.index(name) for names, name in
              ((group, name) for group in (
                  _library.FAMILIES, _library.LEVELS, _library.AGGREGATIONS, _library.KL_KINDS,
                  _library._STATUS) for name in group)]
    said = [*wanted.values(), *values, _library.ABI, sluice.numerics_version]
    names = [*wanted, *ENUMS, "SL_ABI_VERSION", "SL_NUMERICS_VERSION"]
    different = [(n, a, b) for n, a, b in zip(names, said, compiled) if a != b]
    assert len(said) == len(compiled) and not different, "raise SL_ABI_VERSION and ABI together"


def test_metrics_are_numbers_of_the_library_in_its_order():
    names = [name for name, _ in _library.LossMetrics._fields_]
    assert names.pop() == "update" and len(_library.UpdateRatios._fields_) == 3
    assert [*names, "effective", "clip_ratio", "clip_ratio_tokens"] == [
        field.name for field in dataclasses.fields(sluice.Metrics)]


def test_a_field_of_another_place_is_noticed(compiled):
    class Moved(ctypes.Structure):
        _fields_ = [("level", ctypes.c_int), *_library.Objective._fields_]
    wrong = layouts({**STRUCTURES, "sl_objective": Moved}, _library.SUMS)
    assert list(wrong.values()) != compiled[:len(wrong)]


def test_versions_are_those_of_the_command(build):
    text = subprocess.run([str(build / "sluice"), "version", "--json"], check=True,
                          capture_output=True, text=True).stdout
    said = json.loads(text)
    assert sluice.__version__ == said["version"] and sluice.numerics_version == said["numerics"]


def test_the_commands_start(build):
    environment = dict(os.environ)
    for code in ("import sys; sys.argv = ['sluice', 'version']; from sluice._programs import sluice"
                 "; sluice()", "import runpy, sys; sys.argv = ['sluice', 'version']; "
                 "runpy.run_module('sluice', run_name='__main__')"):
        done = subprocess.run([sys.executable, "-c", code], env=environment, text=True,
                              capture_output=True, check=False)
        assert done.returncode == 0 and done.stdout.startswith(f"sluice {sluice.__version__}")
    done = python("import sys; sys.argv = ['sluice-check', '--help'];"
                  "from sluice._programs import sluice_check; sluice_check()")
    assert done.stdout.startswith("Usage: sluice-check")
