"""What every test may use; the rest stands in the test that needs it."""

import gc
import sys
from pathlib import Path

import hypothesis
import pytest

# Their asserts explain themselves, as those of a test do.
pytest.register_assert_rewrite("tests.helpers")
ROOT = Path(__file__).resolve().parent.parent
# The same examples on every machine and in every run; a slow machine is no failure.
hypothesis.settings.register_profile("lab", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("lab")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return ROOT


@pytest.fixture
def unpainted(monkeypatch):
    """Dials write no SVG into the page, which takes longer than all else that a turn does.

    For tests that ask what a dial says, its table or its layout, and not what the page shows.
    """
    from labkit.dials import panel

    monkeypatch.setattr(panel, "svg", lambda figure, salt: "<svg ></svg>")


class Judge:
    """Watches who opens data/nova-34: tests marked nova may, no other test, and labkit never.

    So the lab stands on its own: everything but the comparisons would run without that folder.
    """

    folder = str(ROOT / "data" / "nova-34")
    labkit = str(ROOT / "labkit")
    may_open = True  # while tests are collected: those marked nova read their cases

    def opens(self, event, args):
        if event != "open" or not str(args[0]).startswith(self.folder):
            return
        frame = sys._getframe()
        while frame and not frame.f_code.co_filename.startswith(self.labkit):
            frame = frame.f_back
        if frame or not self.may_open:
            raise RuntimeError(f"{args[0]} is opened by labkit, or by a test not marked nova")


judge = Judge()
sys.addaudithook(judge.opens)


def pytest_collection_modifyitems(items):
    """The longest files first, so that none is left alone at the end.

    These are the lessons, then what asks Nova or takes a part of its cases.
    """
    long = {
        item.path
        for item in items
        if item.get_closest_marker("nova") or hasattr(getattr(item, "module", None), "length")
    }
    items.sort(key=lambda item: (item.path.suffix != ".ipynb", item.path not in long))


def pytest_collection_finish():
    judge.may_open = False
    # Modules and tests stay to the end: the garbage collector need not walk them again.
    gc.collect()
    gc.freeze()
    # Nor, again and again, the figures that a module keeps for its tests.
    gc.set_threshold(20_000, 10, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    # A browser gets a copy of all data: lesson 10 reads a recording.
    judge.may_open = any(item.get_closest_marker(name) for name in ("nova", "browser"))
    try:
        return (yield)
    finally:
        judge.may_open = False
