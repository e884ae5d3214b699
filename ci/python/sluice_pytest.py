"""A plugin for pytest: the fixture `equiv` judges a kernel within the bound of its arithmetic.

    def test_rmsnorm(equiv):
        equiv(rmsnorm, "rmsnorm", type="bf16", arrays="torch", contract="stored=norm")

Its arguments are those of sluice.equiv.assert_equivalent, without the seed: one a session,
`--sluice-seed`, printed in the header. The summary and JUnit's properties have each judgement.

It lies beside the package, because importing that loads NumPy and the library: here nothing is
imported before the fixture is asked for.
"""
import secrets
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sluice.equiv import Judgement

__all__ = ["Equiv", "equiv"]

_SEED: "pytest.StashKey[int]" = pytest.StashKey()
_LARGEST = 2**52  # of `sluice equiv --seed`
_PROPERTY = "sluice.equiv"


def _seed(text: str) -> int:
    seed = int(text)
    if not 0 <= seed <= _LARGEST:
        raise ValueError(text)
    return seed


def pytest_addoption(parser: pytest.Parser) -> None:
    """--sluice-seed."""
    parser.getgroup("sluice", "kernels judged by sluice").addoption(
        "--sluice-seed", type=_seed, metavar="N",
        help="of the inputs that the fixture equiv generates, from 0 to 2^52; drawn unless given")


def pytest_configure(config: pytest.Config) -> None:
    """Draws the seed. A worker of xdist has that of the session."""
    given = config.getoption("sluice_seed")
    if hasattr(config, "workerinput"):
        given = config.workerinput["sluice_seed"]
    config.stash[_SEED] = secrets.randbits(32) if given is None else given
    config.pluginmanager.register(_Summary(config.stash[_SEED]), "sluice-summary")


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """xdist: what a worker gets."""
    node.workerinput["sluice_seed"] = node.config.stash[_SEED]


def pytest_report_header(config: pytest.Config) -> str:
    """The seed, of which a failure may be noticed in a log alone."""
    return f"sluice: --sluice-seed={config.stash[_SEED]}"


class _Summary:
    """Judgements of all tests, once, where the session ends. Reports of xdist's workers come to the
    process that began the session, and no summary is printed in theirs."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.lines: "list[str]" = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """At a test's end its properties are complete."""
        if report.when == "teardown":
            self.lines += [f"{report.nodeid}: {value}" for name, value in report.user_properties
                           if name == _PROPERTY]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """A line for each judgement, and how to repeat them."""
        if not self.lines:
            return
        terminalreporter.section("sluice equiv")
        for line in self.lines:
            terminalreporter.line(line)
        terminalreporter.line(f"pytest --sluice-seed={self.seed} repeats their inputs")


class Equiv:
    """What the fixture gives."""

    def __init__(self, item: pytest.Item, seed: int) -> None:
        self.seed = seed
        self._item = item

    def _record(self, judgements: "tuple[Judgement, ...]") -> None:
        self._item.user_properties += [(_PROPERTY, judgement.summary())
                                       for judgement in judgements]

    def __call__(self, kernel: Any, op: str, **options: Any) -> "tuple[Judgement, ...]":
        """sluice.equiv.assert_equivalent with the session's seed, or with `seed` of the options."""
        __tracebackhide__ = True  # pylint: disable=unused-variable
        from sluice.equiv import NotEquivalent, assert_equivalent
        seed = options.setdefault("seed", self.seed)
        again = f"pytest '{self._item.nodeid}' --sluice-seed={seed}"
        try:
            judgements = assert_equivalent(kernel, op, **{"replay": again, **options})
        except NotEquivalent as error:
            self._record(error.judgements)
            self._item.user_properties.append(("sluice.replay", again))
            raise
        self._record(judgements)
        return judgements


@pytest.fixture
def equiv(request: pytest.FixtureRequest) -> Equiv:
    """Judges a kernel on generated inputs: equiv(kernel, "rmsnorm", type="bf16", ...)."""
    config = request.config
    properties = request.node.user_properties
    if not any(name == "sluice.seed" for name, _ in properties):
        properties.append(("sluice.seed", str(config.stash[_SEED])))
    return Equiv(request.node, config.stash[_SEED])
