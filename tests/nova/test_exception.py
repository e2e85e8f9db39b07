"""The refusals are Nova's own, and a caller of a message meets the class that was raised."""

import importlib

import pytest

from labkit.neighbours.messaging.client import ALLOWED_EXMODS
from labkit.neighbours.messaging.envelope import deserialize_remote_exception
from labkit.nova import exception

CLASSES = [
    one
    for one in vars(exception).values()
    if isinstance(one, type) and one is not exception.NotModelled
]
NOVAS = [cls for cls in CLASSES if "home" not in vars(cls)]
OTHERS = [cls for cls in CLASSES if "home" in vars(cls)]


@pytest.mark.parametrize("cls", NOVAS)
def test_a_caller_meets_the_class_that_was_raised(cls):
    raised = cls.__new__(cls)
    exception.NovaException.__init__(raised, "in these words")
    met = deserialize_remote_exception(raised, ALLOWED_EXMODS)
    assert isinstance(met, cls)
    assert str(met).startswith("in these words\n")


@pytest.mark.nova
@pytest.mark.parametrize("cls", [cls for cls in NOVAS if "msg_fmt" in vars(cls)])
def test_the_words_are_novas(cls):
    real = pytest.importorskip("nova.exception", reason="needs the installed Nova (extra nova)")
    assert cls.msg_fmt == getattr(real, cls.__name__).msg_fmt


@pytest.mark.nova
@pytest.mark.parametrize("cls", OTHERS)
def test_the_others_have_the_home_that_they_name(cls):
    pytest.importorskip("nova", reason="needs the installed Nova (extra nova)")
    assert hasattr(importlib.import_module(cls.home), cls.__name__)
