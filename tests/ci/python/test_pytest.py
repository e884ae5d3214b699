"""The plugin for pytest, in sessions of its own: nothing is imported before it is used, one seed a
session and under xdist, the summary once, JUnit's properties."""
import importlib.util
import os
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest

KERNELS = """
import os, sys

def right(x, w, bias):
    return x @ w.T + bias

def test_right(equiv):
    equiv(right, "linear")

def test_wrong(equiv):
    equiv(lambda x, w, bias: x @ w.T, "linear")

def test_seed(equiv):
    with open(os.path.join(os.environ["SEEDS"], str(os.getpid())), "a") as file:
        file.write(f"{equiv.seed} ")

def test_nothing():
    pass
"""

LIGHT = """
import sys

def test_light():
    heavy = [name for name in ("numpy", "torch", "sluice", "ctypes") if name in sys.modules]
    assert "sluice_pytest" in sys.modules
    assert not heavy, heavy
"""

HEAVY = """
import sys

def test_heavy(equiv):
    assert "numpy" not in sys.modules
    equiv(lambda a, b: a + b, "add", kinds=["usual"])
    assert "numpy" in sys.modules and "torch" not in sys.modules
"""


@pytest.fixture
def session(tmp_path):
    """Runs pytest on a file's text; its exit code, output, and JUnit's cases by name."""
    (tmp_path / "seeds").mkdir()

    def run(text, *options):
        (tmp_path / "test_mine.py").write_text(text)
        junit = tmp_path / "junit.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "sluice_pytest",
             f"--rootdir={tmp_path}", f"--junitxml={junit}", *options, "test_mine.py"],
            cwd=tmp_path, env=dict(os.environ, SEEDS=str(tmp_path / "seeds")),
            capture_output=True, text=True, check=False)
        cases = ElementTree.parse(junit).iter("testcase") if junit.exists() else ()
        return done, {case.get("name"): case for case in cases}
    return run


def seeds(folder):
    """What the tests' processes had."""
    return [path.read_text().split() for path in (folder / "seeds").iterdir()]


def properties(case):
    """JUnit's, of a test."""
    return [(x.get("name"), x.get("value")) for x in case.iter("property")]


def check_report(done, cases, seed):
    """What a session of KERNELS says."""
    text = done.stdout
    assert done.returncode == 1 and "1 failed, 3 passed" in text
    assert f"sluice: --sluice-seed={seed}" in text
    assert text.count("= sluice equiv =") == 1
    summary = text.split("= sluice equiv =")[1]
    for line in ("test_mine.py::test_right: linear f32 usual: equal, at most ",
                 "test_mine.py::test_right: linear f32 exact: equal, at most 0 of the bound",
                 "test_mine.py::test_wrong: linear f32 usual: different: the bias is missing",
                 f"pytest --sluice-seed={seed} repeats their inputs"):
        assert summary.count(line) == 1, line
    replay = f"pytest 'test_mine.py::test_wrong' --sluice-seed={seed}"
    assert f"replays with {replay}" in text
    wrong = dict(properties(cases["test_wrong"]))
    assert wrong == {"sluice.seed": seed, "sluice.replay": replay,
                     "sluice.equiv": "linear f32 usual: different: the bias is missing"}
    assert [name for name, _ in properties(cases["test_right"])] == [
        "sluice.seed", "sluice.equiv", "sluice.equiv"]
    assert not properties(cases["test_nothing"])


def test_a_session(session, tmp_path):
    done, cases = session(KERNELS)
    (seed,) = re.findall(r"^sluice: --sluice-seed=(\d+)$", done.stdout, re.M)
    check_report(done, cases, seed)
    assert seeds(tmp_path) == [[seed]]


def test_the_line_that_replays_has_the_same_numbers(session):
    first, cases = session(KERNELS, "-k", "test_wrong")
    replay = dict(properties(cases["test_wrong"]))["sluice.replay"]
    place = re.compile(r"verdict +(different: y.*)")
    second, again = session(KERNELS, "-k", "test_wrong", replay.split()[-1])
    assert place.findall(first.stdout) == place.findall(second.stdout) != []
    assert properties(again["test_wrong"]) == properties(cases["test_wrong"])
    seed = int(replay.split("=")[-1])
    third, _ = session(KERNELS, "-k", "test_wrong", f"--sluice-seed={seed + 1}")
    assert place.findall(third.stdout) != place.findall(first.stdout)


@pytest.mark.skipif(not importlib.util.find_spec("xdist"), reason="no pytest-xdist here")
@pytest.mark.parametrize("given", [(), ("--sluice-seed=12345",)])
def test_workers_have_the_session_s_seed(session, tmp_path, given):
    # Eight that cost nothing come first, so that neither worker does all.
    slow = "def test_slow_{}(equiv):\n    time.sleep(0.3)\n    test_seed(equiv)\n"
    many = "import time\n" + "".join(slow.format(i) for i in range(8)) + KERNELS
    done, cases = session(many, "-n2", "--maxschedchunk=1", *given)
    found = seeds(tmp_path)
    assert len(found) == 2 and len({seed for seeds_ in found for seed in seeds_}) == 1
    done.stdout = done.stdout.replace("1 failed, 11 passed", "1 failed, 3 passed")
    check_report(done, cases, found[0][0])
    assert not given or found[0][0] == "12345"


def test_nothing_heavy_is_imported_before_it_is_used(session):
    assert session(LIGHT)[0].returncode == 0
    done, _ = session(HEAVY)
    assert done.returncode == 0, done.stdout
    # What the first test must notice.
    done, _ = session("import numpy\n" + LIGHT)
    assert done.returncode == 1 and "AssertionError: ['numpy', 'ctypes']" in done.stdout


REFUSED = """
def test_op(equiv):
    equiv(lambda a, b: a, "ad")

def test_name(equiv):
    equiv(lambda a, other: a, "add")

def test_near(equiv):
    equiv(lambda logp_new, logp_old, advantages, mask: None, "gated_loss")

def test_shape(equiv):
    equiv(lambda a, b: a[:1], "add")

def test_none(equiv):
    equiv(lambda a, b: None, "add")
"""


def test_a_refusal_shows_the_test_and_not_how_it_was_found(session):
    done, _ = session(REFUSED)
    text = done.stdout
    assert done.returncode == 1 and "5 failed" in text
    for line in ("no op 'ad'; did you mean add?", "the kernel wants 'other', and add has a, b",
                 "did you mean advantage?", "axes", "the kernel returned None"):
        assert re.search(rf"^E .*{re.escape(line)}", text, re.M), line
    frames = re.findall(r"^(\S+\.py):\d+: ", text, re.M)
    assert frames == ["test_mine.py"] * 5, frames


def test_an_error_of_the_kernel_shows_the_kernel(session):
    done, _ = session("def kernel(a, b):\n    raise KeyError('mine')\n\n"
                      "def test_mine(equiv):\n    equiv(kernel, 'add')\n")
    assert re.search(r"^test_mine\.py:2: KeyError", done.stdout, re.M)


def test_no_summary_without_a_judgement(session):
    done, _ = session("def test_nothing():\n    pass\n")
    assert done.returncode == 0 and "sluice equiv" not in done.stdout


@pytest.mark.parametrize("seed", ["-1", "x", "4503599627370497"])
def test_a_seed_that_is_none(session, seed):
    done, _ = session(KERNELS, f"--sluice-seed={seed}")
    assert done.returncode == 4 and "--sluice-seed" in done.stderr
