"""sluice.runs: trainings as child processes that an interruption does not harm, and what they
wrote."""
import json
import os
import shutil
import signal
import threading
import time

import numpy
import pytest
from sluice import _programs, runs

import sluice

TINY = {"run.threads": 1, "run": {"out": "run"},
        "model": {"hidden": 16, "layers": 1, "heads": 2, "kv_heads": 1, "head_dim": 8, "ff": 24,
                  "max_positions": 16},
        "task.held_out": 8, "sft": {"steps": 12, "batch": 8, "eval_every": 5, "stop_success": 1},
        "rl": {"steps": 6, "prompts": 4, "group": 3, "updates": 2}, "gate.name": "erf",
        "eval.every": 3, "checkpoint.every": 2}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A tiny run that is finished."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return runs.train("default", {**TINY, "run": {"out": folder}})


def test_a_run_is_trained(run):
    assert run.path.is_absolute() and (run.model / "tokenizer.json").is_file()
    assert 'name: "erf"' in run.config
    (state,) = (run.path / "checkpoints").glob("2-done-*/state.json")
    assert run.state == json.loads(state.read_text())["state"] == run.summary()["state"]
    again = runs.load(run.path)
    assert again == runs.Run(run.path) and again.state == run.state


def test_metrics_are_columns(run):
    table = run.metrics()
    assert len(table) == 6 and table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["step"].dtype == numpy.int64 and table["loss"].dtype == numpy.float64
    assert table["clamped"].dtype == numpy.int64 and table["kl"].dtype == numpy.float64
    assert set(table["phase"]) == {"rl"} and numpy.isnan(table["clip_ratio"]).all()
    assert [len(eur) for eur in table["eur"]] == [2] * 6 and table["eur"][0][0] == 1
    both = run.metrics(None)
    assert len(both) == 18 == len(run.metrics("sft")) + 6
    assert numpy.isnan(both["success"][:12]).all() and (both["success"][12:] >= 0).all()
    assert set(both.arrays()) == set(both.columns) > set(run.metrics("sft").columns)
    assert run.evaluations("rl")["step"].tolist() == [0, 3, 6]
    with pytest.raises(KeyError, match="reward_mean"):
        table["rewards"]
    with pytest.raises(sluice.InvalidInput, match="'rl', 'sft'"):
        run.metrics("warm")


def test_a_frame_has_the_same_numbers(run):
    pytest.importorskip("pandas")
    frame = run.metrics().frame()
    assert frame["loss"].tolist() == run.metrics()["loss"].tolist() and len(frame) == 6
    assert "<table" in run.metrics()._repr_html_()


def test_without_pandas_the_error_says_what_to_do(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(sluice.Unavailable, match="pip install pandas.*arrays()"):
        run.metrics().frame()
    assert "6 rows: kind, phase" in run.metrics()._repr_html_()


def test_ledger_and_samples(run):
    ledger = run.ledger()
    assert ledger.numerics == sluice.numerics_version and ledger.certificate is None
    assert len(ledger.steps) == 18 and len(ledger.measures) == 6 and len(ledger.changes) == 0
    assert (ledger.steps["state"] == run.metrics(None)["state"]).all()
    assert all(len(row) == len(ledger.tensors) for row in ledger.steps["parameters"])
    samples = run.samples()
    assert len(samples) >= 6 and samples["ended"].dtype == bool
    assert set(samples.columns) == {"step", "prompt", "completion", "answer", "ended", "reward"}


def test_a_line_that_is_being_written_is_left_out(run, tmp_path):
    text = (run.path / "metrics.jsonl").read_bytes()
    (tmp_path / "metrics.jsonl").write_bytes(text[:-20])
    assert len(runs.load(tmp_path).evaluations()) == len(run.evaluations()) - 1
    (tmp_path / "metrics.jsonl").write_bytes(b"{\n" + text)
    with pytest.raises(sluice.InvalidInput, match="metrics.jsonl:1"):
        runs.load(tmp_path).metrics()


def test_a_run_that_goes_on_has_the_state_of_its_last_step(run, tmp_path):
    shutil.copytree(run.path, tmp_path / "run")
    for done in (tmp_path / "run" / "checkpoints").glob("2-done-*"):
        shutil.rmtree(done)
    going = runs.load(tmp_path / "run")
    assert "state" not in going.summary()
    assert going.state == run.metrics(None)["state"][-1]


def test_what_is_no_run(tmp_path):
    with pytest.raises(sluice.InvalidInput, match="folder of a run"):
        runs.load(tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(sluice.InvalidInput, match="config.yaml|metrics.jsonl"):
        runs.load(tmp_path).state
    with pytest.raises(sluice.InvalidInput, match="samples.jsonl.*folder of a run"):
        runs.load(tmp_path).samples()


def test_the_page(run, tmp_path):
    run.report(tmp_path / "page.html")
    assert "<svg" in (tmp_path / "page.html").read_text()


def test_keys_that_are_wrong(tmp_path):
    for settings, words in (({"rl.step": 3}, "^rl: unknown key.*did you mean rl.steps"),
                            ({"rl": {"steps": "x"}}, "^rl.steps: expected"),
                            ({"gate.name": None}, "gate.name: a NoneType"),
                            ({"gate.name": "clap"}, "clap"),
                            ({"rl.steps": numpy.int64(-1)}, "^rl.steps: expected .* '-1'"),
                            ({"rl.steps": "1\0"}, "holds a zero byte")):
        with pytest.raises(sluice.InvalidInput, match=words):
            runs.train("default", {"run.out": tmp_path / "none", **settings})
    with pytest.raises(sluice.InvalidInput, match="settings is a list, and must be a mapping"):
        runs.train(settings=[("rl.steps", 1)])
    with pytest.raises(sluice.InvalidInput, match="absent.yaml"):
        runs.train(tmp_path / "absent.yaml")
    assert not (tmp_path / "none").exists()


def test_a_finished_run_goes_on(run, tmp_path):
    mine = {**TINY, "run": {"out": tmp_path / "more"}}
    first = runs.train(settings={**mine, "rl": {**TINY["rl"], "decay": "constant", "steps": 4}})
    longer = runs.resume(first, {"rl.steps": 6})
    assert len(longer.metrics()) == 6 and longer.path == first.path
    with pytest.raises(sluice.CommandFailed, match="rl.updates"):
        runs.resume(first.path, {"rl.updates": 1})


def wait_for(condition):
    """Up to a minute."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def long_run(folder):
    """Settings of a run that would take long."""
    return {**TINY, "run": {"out": folder}, "sft.steps": 4,
            "rl": {**TINY["rl"], "steps": 200000, "decay": "constant"}, "checkpoint.every": 100000}


def stopped_well(folder):
    """It wrote a checkpoint of its last step, and no process holds the run."""
    done = len(runs.load(folder).metrics())
    assert 0 < done < 200000
    assert runs.resume(folder, {"rl.steps": done + 1}).metrics()["step"][-1] == done + 1


def test_an_interruption_writes_a_checkpoint(tmp_path):
    """KeyboardInterrupt, as Ctrl-C gives it, while the run is at work."""
    folder = tmp_path / "long"

    def interrupt():
        wait_for(lambda: (folder / "metrics.jsonl").exists()
                 and len(runs.load(folder).metrics()) > 3)
        os.kill(os.getpid(), signal.SIGINT)
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        runs.train(settings=long_run(folder))
    thread.join()
    stopped_well(folder)


def test_a_limit_of_time_writes_a_checkpoint(tmp_path):
    with pytest.raises(sluice.TimeLimit):
        runs.train(settings=long_run(tmp_path / "long"), timeout=2)
    stopped_well(tmp_path / "long")


def test_to_tensorboard(run, tmp_path):
    pytest.importorskip("tensorboard")
    pytest.importorskip("torch")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    run.to_tensorboard(tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    success = events.Scalars("rl/success")
    assert [x.step for x in success] == [1, 2, 3, 4, 5, 6]
    # Scalars are binary32 there.
    assert [x.value for x in success] == [
        float(numpy.float32(x)) for x in run.metrics()["success"]]
    assert len(events.Scalars("rl/held_out_success")) == 3


def test_to_tensorboard_without_a_writer(run, tmp_path, monkeypatch):
    for name in ("torch.utils.tensorboard", "tensorboardX"):
        monkeypatch.setitem(__import__("sys").modules, name, None)
    with pytest.raises(sluice.Unavailable, match="pip install tensorboardX"):
        run.to_tensorboard(tmp_path)


def test_to_tensorboard_wants_a_folder(run, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(sluice.InvalidInput, match="file: a file is there: pass a folder"):
        run.to_tensorboard(tmp_path / "file")
    with pytest.raises(sluice.InvalidInput, match="the folder"):
        run.to_tensorboard(3)


def test_a_limit_without_room_for_threads(tmp_path):
    with pytest.raises(sluice.MemoryLimit, match="memory=20000000 bytes: raise it"):
        sluice.runs.train("default", {"run.out": str(tmp_path / "out"), "run.threads": 2},
                          memory=20_000_000)


def test_the_smallest_useful_limit_is_said(tmp_path):
    out = {"run": {"out": tmp_path / "out"}}
    with pytest.raises(sluice.MemoryLimit, match="train was ended by signal.*no room.*memory=10 "):
        runs.train("default", {**TINY, **out}, memory=10)
    assert not (tmp_path / "out").exists()
    assert len(runs.train("default", {**TINY, **out}, memory=_programs.LEAST).metrics()) == 6


def test_a_study(source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base.yaml").write_text(f"""
model: {{hidden: 16, layers: 1, heads: 2, kv_heads: 1, head_dim: 8, ff: 24, max_positions: 16}}
task: {{name: jsonl, train: {source}/tests/trainer/tiny.jsonl, held_out_fraction: 0.25}}
sft: {{steps: 10, batch: 8, eval_every: 7, stop_success: 1}}
rl: {{preset: paper, steps: 4, prompts: 8, group: 3, max_new_tokens: 4}}
""")
    (tmp_path / "study.yaml").write_text("""
base: base.yaml
out: tiny
seeds: [3, 8]
arms:
  clip: {gate.name: clip, gate.pos.high: 0.2, gate.neg.low: 0.2}
  erf: {gate.name: erf, gate.pos.tau: 10, gate.neg.tau: 12}
compare: {baseline: clip}
""")
    found = runs.study("study.yaml", seeds=[3], jobs=1)
    assert found.path == tmp_path / "tiny" and found.page.is_file()
    assert set(found.runs()) == {("clip", 3), ("erf", 3)}
    assert len(found.runs()["erf", 3].metrics()) == 4
    assert found.findings and set(found.findings.values()) <= {
        row["verdict"] for row in found.results["findings"]}
    with pytest.raises(sluice.InvalidInput, match="settings is a list, and must be a mapping"):
        runs.train(settings=[("rl.steps", 1)])
    with pytest.raises(sluice.InvalidInput, match="absent.yaml"):
        runs.study("absent.yaml")


def test_a_second_interruption_ends_at_once(tmp_path, monkeypatch):
    """What hangs, and ignores the first one, is killed."""
    program = tmp_path / "hangs"
    program.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    program.chmod(0o755)
    monkeypatch.setattr(_programs, "path", lambda name: program)
    timer = threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        _programs.run("hangs", ["x"], _programs.Limits(seconds=0.3), gently=True)
    assert time.monotonic() - begin < 30
    timer.join()
