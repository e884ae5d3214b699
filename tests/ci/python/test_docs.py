"""The Python of README and docs/python.md runs as it stands there; nothing says that the package
is PyPI's `sluice`."""
import json
import pickle
import re
import subprocess

import numpy
import pytest

import sluice


def blocks(text):
    """What stands between the fences of Python."""
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


@pytest.mark.parametrize("page, lines", [("README.md", [3]), ("docs/python.md", [7, 2])])
def test_the_lines_run(source, page, lines, capsys):
    codes = blocks((source / page).read_text("utf-8"))
    assert [len(code.splitlines()) for code in codes] == lines
    x = numpy.float32([[-1, -2], [-1.5, -3]])
    names = {}
    if lines == [3]:  # else the page makes its arrays
        names = dict(new=x, old=x + numpy.float32(0.25), advantages=numpy.float32([1, -1]),
                     mask=numpy.ones((2, 2), bool))
    exec("".join(codes), names)  # pylint: disable=exec-used
    printed = capsys.readouterr().out
    assert "erf: ADMISSIBLE, proved" in printed
    assert ("[1.00496" in printed) == (len(lines) == 2)  # sup r f'
    assert isinstance(names["out"], sluice.GatedLoss) and names["out"].gradient.all()


def test_the_calls_of_the_table_run(source):
    text = (source / "docs" / "python.md").read_text("utf-8")
    for module in (sluice.gates, sluice.equiv, sluice.runs):
        (section,) = re.findall(rf"^## .*`{module.__name__}`\n(.*?)^## ", text, re.M | re.S)
        calls = re.findall(r"^\| `(?:Gate\.)?(\w+)\(", section, re.M)
        assert len(calls) >= 4
        for name in calls:
            assert hasattr(module, name) or hasattr(sluice.gates.Gate, name), name
    assert sluice.gates.compare("sigmoid,tau=10", "erf", match="eur").matched == "eur"


def test_the_errors_of_the_page_are_named_as_they_are_caught(source):
    text = (source / "docs" / "python.md").read_text("utf-8")
    (words,) = re.findall(r"^- Errors are kinds of (.*?)^- ", text, re.M | re.S)
    names = re.findall(r"`(?:sluice\.)?([A-Z]\w+)`", words)
    assert sorted(names) == sorted(
        name for name in sluice.__all__ if isinstance(getattr(sluice, name), type)
        and issubclass(getattr(sluice, name), Exception))
    for name in names:
        kind = getattr(sluice, name)
        assert f"{kind.__module__}.{kind.__qualname__}" == f"sluice.{name}"
        assert type(pickle.loads(pickle.dumps(kind("text")))) is kind


def advises_another_project(text):
    """Whether a text installs `sluice`, which is somebody else's on PyPI."""
    return bool(re.search(r"pip3? install (?:-\S+ )*[\"']?sluice(?![\w./-])", text))


def test_no_page_installs_another_project(source):
    listed = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "--", "*.md"], cwd=source,
                            capture_output=True, text=True, check=True).stdout.split()
    assert "docs/python.md" in listed or "README.md" in listed
    for page in listed:
        assert not advises_another_project((source / page).read_text("utf-8")), page
    assert advises_another_project("pip install sluice") and advises_another_project(
        "pip install -U 'sluice'") and not advises_another_project("pip install sluice-gpo")


def is_stripped(notebook):
    """Whether it holds what is written, and nothing that a run of it left."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    return bool(code) and not any(cell["outputs"] or cell["execution_count"] for cell in code)


def test_notebooks_are_without_outputs(source):
    (path,) = (source / "ci" / "examples").glob("*.ipynb")
    notebook = json.loads(path.read_text("utf-8"))
    assert is_stripped(notebook)
    notebook["cells"][1]["execution_count"] = 1
    assert not is_stripped(notebook)
