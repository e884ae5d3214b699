"""An installed wheel: each bundled library has a licence, the programs take no library of the
machine but what manylinux has, and proofs, loss and commands work. ci/wheel runs this."""
import importlib.metadata
import pathlib
import re
import shutil
import subprocess
import sys

import numpy
import pytest
from sluice import _cuda, _library

import sluice

PACKAGE = pathlib.Path(sluice.__file__).parent
HOST = re.compile(  # what every host of a manylinux wheel has
    r"linux-vdso|ld-linux|lib(c|m|mvec|dl|rt|pthread|util|resolv|gcc_s|stdc\+\+|z)\.so")
LINKER = "/lib64/ld-linux-x86-64.so.2"


def without_licence(libraries, licences):
    """The libraries that the list of licences does not name, or whose file says nothing."""
    rows = [row.split() for row in (licences / "README").read_text().splitlines()
            if row.startswith("lib")]
    missing = []
    for library in libraries:
        # auditwheel adds a digest to the name: libflint-1a2b3c4d.so.17
        name = re.sub(r"-[0-9a-f]{8}(?=\.so|[.\d]*\.so)", "", library)
        files = [row[-1] for row in rows if row[0] == name or row[0].startswith(name)
                 or name.startswith(row[0])]
        if not files or not re.search("licen[cs]e", (licences / files[0]).read_text("utf-8"), re.I):
            missing.append(library)
    return missing


@pytest.fixture(scope="module")
def bundled():
    """Names of the bundled libraries."""
    return sorted(path.name for path in PACKAGE.parent.joinpath("sluice_gpo.libs").iterdir())


@pytest.fixture(scope="module")
def licences():
    """The folder with their licences."""
    files = importlib.metadata.files("sluice-gpo")
    (readme,) = [f for f in files if str(f).endswith("licenses/bundled/README")]
    return pathlib.Path(readme.locate()).parent


def test_each_bundled_library_has_its_licence(bundled, licences):
    print("bundled:", *bundled)
    assert len(bundled) >= 10 and not without_licence(bundled, licences)
    assert "Apache License" in (licences / "sluice").read_text()


def test_a_library_without_one_is_noticed(bundled, licences, tmp_path):
    copy = tmp_path / "licences"
    shutil.copytree(licences, copy)
    text = (copy / "README").read_text().splitlines(keepends=True)
    (copy / "README").write_text("".join(row for row in text if not row.startswith("libmpfr")))
    assert [name[:7] for name in without_licence(bundled, copy)] == ["libmpfr"]


CUDA = PACKAGE / "lib" / "libsluice_cuda.so"
with_cuda = pytest.mark.skipif(not CUDA.exists(), reason="a wheel without CUDA")


@with_cuda
def test_nvidias_runtime_has_its_licence_and_the_driver_is_the_machines(licences):
    assert not without_licence(["libcudart_static.a"], licences)
    assert "libcudart_static.a" in (licences / "nvidia-cuda").read_text("utf-8")
    text = subprocess.run([LINKER, "--list", str(CUDA)], check=True, capture_output=True,
                          text=True).stdout
    assert all(HOST.search(line) for line in text.splitlines()) and "libcuda" not in text


@with_cuda
def test_without_a_driver_cuda_says_what_is_missing():
    backend = _cuda.Backend("cuda", CUDA)
    assert backend.is_there() and backend.library().sl_abi_version() == _library.ABI
    if pathlib.Path("/dev/nvidiactl").exists():
        assert _cuda.context_of(backend, 0, 1)
        return
    with pytest.raises(sluice.Unavailable, match="no CUDA device 0: there is no driver, or one th"):
        _cuda.context_of(backend, 0, 1)


@pytest.mark.parametrize("program", [
    "sluice", "sluice-verify", "sluice-compare", "sluice-equiv", "sluice-check"])
def test_programs_take_no_library_of_the_machine(program):
    assert not HOST.search("libstdcxx.so.6") and HOST.search("libstdc++.so.6")
    text = subprocess.run([LINKER, "--list", str(PACKAGE / "bin" / program)], check=True,
                          capture_output=True, text=True).stdout
    foreign = [line for line in text.splitlines() if "=>" in line and not HOST.search(line)
               and str(PACKAGE.parent.resolve()) not in str(
                   pathlib.Path(line.split("=>")[1].split()[0]).resolve())]
    assert not foreign and "not found" not in text


def test_proofs_and_loss():
    verdict = sluice.gates.verify("erf", ranges={"tau": ("0.5", "20")})
    assert verdict and sluice.gates.check(verdict)
    assert "EUR" in str(sluice.gates.compare("sigmoid", "arctan"))
    x = numpy.float32([[-1, -2], [-1.5, -3]])
    out = sluice.gated_loss(x, x, numpy.float32([1, -1]), numpy.ones((2, 2), bool), gate="erf",
                            tau_pos=10, tau_neg=12)
    # On policy w = r = 1: the gradient is -A / (N n), a power of two.
    assert out.gradient.tolist() == [[-0.25, -0.25], [0.25, 0.25]]


def test_the_plugin_of_pytest_is_there(equiv, request):
    """By its entry point alone: nobody has named it."""
    plugin = request.config.pluginmanager.get_plugin("sluice")
    assert plugin.__name__ == "sluice_pytest"
    assert pathlib.Path(plugin.__file__).parent == PACKAGE.parent
    assert all(equiv(lambda a, b: a + b, "add"))


@pytest.mark.parametrize("command, words", [
    (["sluice", "version"], "numerics version"), (["sluice-check", "--help"], "sluice-check"),
    (["sluice", "verify", "clip", "--no-float"], "NOT ADMISSIBLE"),
    (["sluice", "equiv", "tolerance", "--op", "add", "--shape", "n=64"], "add")])
def test_commands_are_on_the_path(command, words):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert words in done.stdout + done.stderr and done.returncode in (0, 1)


def test_there_is_no_compiler():
    assert not shutil.which("cc") and not shutil.which("gcc"), sys.path
