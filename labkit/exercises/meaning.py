"""Read what a learner means: numbers in quotes, with commas or a unit; names in any case; lists in one text."""

import itertools
import math
import re
from collections.abc import Mapping, Sequence, Set
from numbers import Real

from labkit.neighbours import arguments

TOLERANCE = 0.001  # so that 0.333 and 0.666 do for a third and two thirds
LONGEST = 60  # characters in which a number can be written
DEEPEST, MOST = (
    6,
    1000,
)  # lists in lists (a list can hold itself), and parts or characters that are read
_NUMBER = re.compile(
    r"([-+\N{MINUS SIGN}]?(?:\d{1,3}(?:,\d{3})+|\d*)(?:\.\d*)?(?:e[-+]?\d+)?) ?(?:%|[a-z][a-z/]*)?",
    re.IGNORECASE,
)
_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def number(one) -> float | None:
    """Return the number that is meant, or None; what is beyond all floats is infinite.

    >>> number("1,730"), number("102.4 s"), number("two"), number(True)
    (1730.0, 102.4, None, None)
    """
    if type(one).__name__ in ("bool", "bool_"):
        return None
    if isinstance(one, str):
        found = _NUMBER.fullmatch(" ".join(one.split())) if len(one) <= LONGEST else None
        one = found and found[1].replace(",", "").replace("\N{MINUS SIGN}", "-")
        try:
            return float(one)
        except (TypeError, ValueError):
            return None
    if not isinstance(one, Real):
        return None
    try:
        return float(one)
    except OverflowError:
        return math.inf if one > 0 else -math.inf


def word(one) -> str:
    """Return a text in the one way in which it is compared: no case, no quotes, one blank.

    >>> word(" 'Rebooting_Hard' "), word("cn-1")
    ('rebooting hard', 'cn 1')
    """
    text = str(one)[: 10 * LONGEST].strip().strip("'\"`")
    return re.sub(r"[\s_-]+", " ", text).strip().casefold()


def parts(one) -> list:
    """Return the parts of a list, a dict, an array or a table's column, or of a text with commas."""
    if isinstance(one, str):
        pieces = re.split(r"[,;]| and ", one[:MOST].strip().strip("[](){}"))
        return [piece.strip() for piece in pieces if piece.strip()]
    if isinstance(one, Mapping):
        return list(one.values())
    return list(itertools.islice(one, MOST)) if is_list(one) else [one]


def is_list(one) -> bool:
    """Return whether something has parts in itself: a list, a set, an array, a Series; not a text."""
    if isinstance(one, str | bytes):
        return False
    return isinstance(one, Sequence | Set) or (hasattr(one, "tolist") and bool(one.ndim))


def is_blank(answer, depth=0) -> bool:
    """Return whether nothing was filled in: None, ``...``, "", or only these in a list."""
    if answer is None or answer is ...:
        return True
    if isinstance(answer, str):
        return answer.strip() in ("", "...")
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if not isinstance(answer, list | tuple) or not answer or depth > DEEPEST:
        return False
    return all(is_blank(part, depth + 1) for part in answer[:MOST])


def same(given, exact, within=TOLERANCE, depth=0) -> bool:
    """Return whether *given* means *exact*; numbers may differ by *within*.

    >>> same("cn-2, CN-3", ["cn-2", "cn-3"]), same("0.333", 1 / 3), same([2, 1], {1, 2})
    (True, True, True)
    """
    if depth > DEEPEST:
        return False
    if exact is None:
        return given is None or (isinstance(given, str) and word(given) in ("none", "nothing"))
    if type(exact).__name__ in ("bool", "bool_"):
        if isinstance(given, str):
            given = _TRUTH.get(word(given))
        return type(given).__name__ in ("bool", "bool_") and bool(given) == bool(exact)
    if isinstance(exact, Mapping) and isinstance(given, Mapping):
        told = {word(key): part for key, part in given.items()}
        return len(told) == len(exact) and all(
            word(key) in told and same(told[word(key)], part, within, depth + 1)
            for key, part in exact.items()
        )
    if isinstance(exact, Mapping) or is_list(exact):
        return _same_parts(parts(given), exact, within, depth)
    if is_list(given) and len(given) == 1:
        return same(parts(given)[0], exact, within, depth + 1)
    if isinstance(exact, Real):
        value = number(given)
        return value is not None and math.isclose(value, exact, rel_tol=1e-6, abs_tol=within)
    whole = word(given) if isinstance(given, str) else None
    return whole is not None and word(exact) in (whole, *whole.split("@"))


def _same_parts(given, exact, within, depth):
    wanted = parts(exact)
    if len(given) != len(wanted):
        return False
    if not isinstance(exact, Set):
        return all(same(a, b, within, depth + 1) for a, b in zip(given, wanted, strict=True))
    for one in given:  # in any order: each takes one out
        found = [n for n, other in enumerate(wanted) if same(one, other, within, depth + 1)]
        if not found:
            return False
        del wanted[found[0]]
    return True


def told(one, depth=0) -> str:
    """Return an answer as a sentence says it, cut where it is long.

    >>> told(["cn-2", 0.75, 16384, True]), told({"cn-1": 0.5}), told([])
    ('cn-2, 0.75, 16384, True', 'cn-1: 0.5', 'an empty list')
    """
    if isinstance(one, str):
        text = " ".join(one[:MOST].split())
    elif one is None:
        text = "nothing"
    elif isinstance(one, Mapping) and depth < DEEPEST:
        pairs = list(one.items())[:20]
        text = ", ".join(f"{told(a, depth + 1)}: {told(b, depth + 1)}" for a, b in pairs)
    elif is_list(one) and depth < DEEPEST:
        inside = [told(part, depth + 1) for part in parts(one)[:20]]
        inside = sorted(inside) if isinstance(one, Set) else inside
        text = ", ".join(inside) or "an empty list"
        text = f"({text})" if depth else text
    elif isinstance(one, Real) and number(one) is not None:
        text = f"{number(one):.{15 if number(one).is_integer() else 6}g}"
    elif callable(one):
        text = f"<{type(one).__name__}>"  # its repr holds an address
    else:
        text = arguments.shown(one)
    longest = arguments.LONGEST * 2
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
