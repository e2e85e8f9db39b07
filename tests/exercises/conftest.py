"""The asserts that the lessons share explain themselves, as those of a test do."""

import pytest

pytest.register_assert_rewrite("tests.exercises.asked")
