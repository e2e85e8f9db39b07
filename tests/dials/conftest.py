"""What the tests of a dial share."""

import pytest


@pytest.fixture
def dial(one):
    """The dial `one` of a test's module, as it was at first: made once, it is turned by all tests."""
    one.reset.click()
    return one
