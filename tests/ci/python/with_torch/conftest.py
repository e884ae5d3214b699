"""A small problem, and both ways of a call."""
import pytest
import sluice.torch as sluice_torch


@pytest.fixture
def small(make_problem):
    """For checks that run an operator many times."""
    return make_problem(3, [9, 4, 0, 17])


@pytest.fixture(params=["direct", "operator"])
def way(request, monkeypatch):
    """Both ways that a call may take."""
    if request.param == "operator":
        monkeypatch.setattr(sluice_torch, "_nothing_looks", lambda *a: False)
    return request.param
