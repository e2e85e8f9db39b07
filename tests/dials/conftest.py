"""What the tests of a dial share."""

import pytest


@pytest.fixture(scope="module")
def first(one):
    """What the dial `one` says and shows at first."""
    return one.value, one.picture.value


@pytest.fixture
def dial(one, first):
    """The dial `one` of a test's module, as it was at first: made once, it is turned by all tests."""
    if (one.value, one.picture.value) != first:
        one.reset.click()
    return one
