"""problems.py: the same bytes for the same seed, right answers, nothing held out is trained on."""
import json
import os
import re
import subprocess
import sys

MAKER = os.path.join(os.environ["SLUICE_SOURCE"], "ci", "examples", "smollm2", "problems.py")


def run(folder, *options):
    """Runs the maker."""
    return subprocess.run([sys.executable, MAKER, folder, *options], capture_output=True, text=True,
                          check=False)


def made(folder, *options):
    """The lines of both files."""
    assert run(folder, *options).returncode == 0
    return [[json.loads(line) for line in (folder / name).read_text().splitlines()]
            for name in ("train.jsonl", "held-out.jsonl")]


def expression(line):
    """The question's numbers in order; those of sums sorted."""
    found = [int(word) for word in re.findall(r"\d+", line["problem"])]
    sums = not re.search(r"gave|sold|loses|takes|boxes|shelves", line["problem"])
    return tuple(sorted(found)) if sums else (line["solution"].count("*"), *found)


def test_seeds(tmp_path):
    """The same seed gives the same bytes, another one others."""
    for name, seed in (("a", "7"), ("b", "7"), ("c", "8")):
        made(tmp_path / name, "--seed", seed, "--train", "300", "--held-out", "90")
    for name in ("train.jsonl", "held-out.jsonl"):
        files = [(tmp_path / folder / name).read_bytes() for folder in "abc"]
        assert files[0] == files[1] != files[2]


def test_apart(tmp_path):
    """No problem twice, none in both files."""
    train, held_out = made(tmp_path)
    assert (len(train), len(held_out)) == (1000, 500)
    names = [expression(line) for line in train + held_out]
    assert len(set(names)) == len(names)


def test_right(tmp_path):
    """Every equation of a solution holds, the last one gives the answer, all numbers are used."""
    train, held_out = made(tmp_path)
    for line in train + held_out:
        equations = re.findall(r"(\d+) ([-+*]) (\d+) = (\d+)", line["solution"])
        for x, sign, y, result in equations:
            value = {"+": int(x) + int(y), "-": int(x) - int(y), "*": int(x) * int(y)}[sign]
            assert value == int(result) > 0
        assert equations[-1][3] == line["answer"]
        given = re.findall(r"\d+", line["problem"])
        used = [number for x, _, y, _ in equations for number in (x, y)]
        assert sorted([*used, line["answer"]]) == sorted(given + [e[3] for e in equations])


def test_too_many(tmp_path):
    """More problems than differ, or none that can be read: an error and no file."""
    for wrong in ("10001", "-1", "x"):
        result = run(tmp_path / "out", "--held-out", wrong)
        assert result.returncode == 2
        assert f"expected a number from 0 to 10000, found '{wrong}'" in result.stderr
    assert not (tmp_path / "out").exists()
