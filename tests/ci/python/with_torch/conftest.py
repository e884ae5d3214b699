"""A small problem, both ways of a call, and devices that the simulator plays."""
import pytest
import sluice.torch as sluice_torch
from simulated import Simulator, backend
from sluice import _cuda, _device


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


@pytest.fixture
def device(build, monkeypatch):
    """The simulator's devices, for a test; contexts of the one before are gone."""
    if not backend(build).is_there():
        pytest.skip("this build has no simulator (SLUICE_SIMT, SLUICE_TESTS)")
    found = Simulator(build)
    monkeypatch.setattr(_device, "seam", found)
    yield found
    _cuda._table.clear()
