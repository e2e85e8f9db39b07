"""What every test may use; the rest stands in the test that needs it."""

from pathlib import Path

import hypothesis
import pytest

# The same examples on every machine and in every run; a slow machine is no failure.
hypothesis.settings.register_profile("lab", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("lab")


@pytest.fixture(scope="session")
def root() -> Path:
    """The project's folder."""
    return Path(__file__).resolve().parent.parent
