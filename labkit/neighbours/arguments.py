"""What a caller gives: each check takes a value's name and the value, and refuses a wrong one in a sentence.

The sentence says which value, what it is, cut where it is long, and what was expected.
"""

import difflib
import math
import reprlib
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

LONGEST = 120  # characters of a value in a sentence
_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = LONGEST
_REPR.maxlong = 40


def shown(value) -> str:
    """Return a value as a sentence shows it: one short line, even if the value cannot be shown.

    >>> shown([1, "a"]), len(shown("x" * 100_000))
    ("[1, 'a']", 120)
    """
    try:
        text = _REPR.repr(value)
    except Exception:  # whatever the value's own __repr__ raises
        text = ""
    if not text or "\n" in text or " instance at 0x" in text:
        text = f"<{type(value).__name__}>"  # a table, an array of rows, an object without a repr
    return text


def digits(value) -> str:
    """Return a number to be read: a whole one with all its digits.

    >>> digits(1056768), digits(1056768.25), digits(-3.9499999999999993)
    ('1056768', '1056768.2', '-3.95')
    """
    if float(value).is_integer():
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 1e5 else f"{value:g}"


def refuse(name, value, asked):
    """Raise ValueError: the value that the argument *name* has is not what was asked for."""
    raise ValueError(f"{name} = {shown(value)} is not {asked}")


def is_number(value) -> bool:
    """Return whether a value is a finite number, other than True and False."""
    return (
        isinstance(value, Real)
        and not isinstance(value, bool)
        and bool(-math.inf < value < math.inf)
    )


def is_whole(value, least=-math.inf, most=math.inf) -> bool:
    """Return whether a value is a whole number of *least* to *most*, other than True and False."""
    return isinstance(value, Integral) and not isinstance(value, bool) and least <= value <= most


def number(name, value, asked="a number", least=-math.inf, most=math.inf) -> float:
    """Return the value. Raises ValueError for no finite number of *least* to *most*."""
    if not is_number(value) or not least <= value <= most:
        refuse(name, value, asked)
    return value


def whole(name, value, asked="", least=-math.inf, most=math.inf) -> int:
    """Return the value as an int. Raises ValueError for no whole number of *least* to *most*."""
    if not is_whole(value, least, most):
        refuse(name, value, f"a whole number{asked}")
    return int(value)


def truth(name, value) -> bool:
    """Return the value. Raises ValueError for something else than True and False."""
    if type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(f"{name} = {shown(value)} is neither True nor False")
    return bool(value)


def text(what, value) -> str:
    """Return the value. Raises ValueError for a name that says nothing."""
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{what}: {shown(value)} is not a name, as in 'web-1'")
    return value


def path(name, value):
    """Return the value. Raises TypeError for something else than a text that says something or a Path."""
    if not (isinstance(value, str) and value.strip()) and not hasattr(value, "__fspath__"):
        raise TypeError(f"{name} = {shown(value)} is not a path, as in 'data/two_hosts'")
    return value


def of_type(value, kind, sentence, name=""):
    """Return the value. Raises TypeError, with the end of a sentence, for one of another type."""
    if not isinstance(value, kind):
        raise TypeError(f"{name and f'{name}: '}{shown(value)} is {sentence}")
    return value


def all_of(name, values, kind, asked) -> list:
    """Return the values as a list. Raises TypeError for no list, or one with something else in it."""
    if isinstance(values, str | bytes | Mapping | type) or not isinstance(values, Iterable):
        raise TypeError(f"{name} = {shown(values)} is not a list of {asked}")
    return [of_type(each, kind, f"not one of {asked}", name) for each in values]


def known(name, names, what):
    """Raise ValueError for a name that is not among the *names*, with the nearest of them."""
    if not isinstance(name, str) or name not in names:
        raise ValueError(f"{what} {shown(name)}; {nearest(name, names)}")


def nearest(name, names) -> str:
    """Return which of the *names* may be meant, or which there are."""
    near = difflib.get_close_matches(name, names, 1) if isinstance(name, str) else ()
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"


def table(name, value):
    """Return the value. Raises TypeError for something else than a DataFrame."""
    if isinstance(value, type) or not (hasattr(value, "columns") and hasattr(value, "itertuples")):
        raise TypeError(f"{name} = {shown(value)} is not a table (a pandas DataFrame)")
    return value
