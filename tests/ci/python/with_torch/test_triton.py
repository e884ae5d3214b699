"""Kernels in Triton, judged under pytest: right ones pass in three types, wrong ones fail with the
cause by its name. By Triton's interpreter where there is no GPU."""
import os
import pathlib
import re
import subprocess
import sys
from xml.etree import ElementTree

import pytest
import torch

CAUSES = {
    "eps_outside": "eps is added to the root, not under it",
    "not_divided": "the sum of squares is not divided by their number",
    "cast_early": "x r is stored in the type of the output before the weight",
    "no_last_term": "the last term of each sum is missing",
    "f16": "inputs are rounded to float16",
    "one_more": "the causal mask lets one key more through",
    "no_scale": "scores are not scaled",
    "no_rescaling": None}  # of running sums: on record as no formula


def session(path, *options):
    """A session of pytest with the plugin, on one file."""
    environment = dict(os.environ)
    if not torch.cuda.is_available():
        environment["TRITON_INTERPRET"] = "1"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "sluice_pytest",
         *options, path], env=environment, capture_output=True, text=True, check=False)
    print(done.stdout[-20000:])
    return done


@pytest.fixture(scope="module")
def cases(tmp_path_factory):
    """Elements of the JUnit file, by the test's name."""
    pytest.importorskip("triton")
    junit = tmp_path_factory.mktemp("triton") / "junit.xml"
    done = session(pathlib.Path(__file__).with_name("triton_cases.py"), f"--junitxml={junit}")
    assert done.returncode == 1
    return {case.get("name"): case for case in ElementTree.parse(junit).iter("testcase")}


def test_right_kernels_pass(cases):
    right = [case for name, case in cases.items() if name.startswith("test_right[")]
    assert len(right) == 9 and not [case.get("name") for case in right if case.find("failure")]
    for case in right:
        said = [x.get("value") for x in case.iter("property") if x.get("name") == "sluice.equiv"]
        assert len(said) == 2 and "usual: equal" in said[0] and "exact: equal" in said[1]


@pytest.mark.parametrize("wrong", CAUSES)
def test_wrong_kernels_fail_by_name(cases, wrong):
    ((_, case),) = [found for found in cases.items() if found[0].startswith(f"test_wrong[{wrong}-")]
    message, whole = case.find("failure").get("message"), case.find("failure").text
    properties = {x.get("name"): x.get("value") for x in case.iter("property")}
    assert "sluice.equiv.NotEquivalent" in message
    words = CAUSES[wrong] or "exact is"
    assert words in message.splitlines()[0] and words in properties["sluice.equiv"]
    assert properties["sluice.replay"] in whole and "sluice equiv --gen=" in whole
    assert f"--sluice-seed={properties['sluice.seed']}" in properties["sluice.replay"]


def test_nothing_else_ran(cases):
    assert len(cases) == 9 + len(CAUSES)


def test_the_page_s_kernel(source, tmp_path):
    """docs/pytest.md: as it stands it passes, and with the change that it names it does not."""
    pytest.importorskip("triton")
    text = (source / "docs" / "pytest.md").read_text("utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    path = tmp_path / "test_rmsnorm.py"
    path.write_text(code)
    done = session(path)
    assert done.returncode == 0 and "rmsnorm f16 exact: equal, at most" in done.stdout
    assert code.count(" / columns + eps)") == 1 and code.count('"f16"') == 1
    wrong = code.replace(" / columns + eps)", " / columns) + eps)").replace("/ tl.sq", "/ (tl.sq")
    path.write_text(wrong.replace('"f16"', '"f32"'))
    done = session(path)
    assert done.returncode == 1
    assert "different: eps is added to the root, not under it" in done.stdout
