"""The little language of extra specs: ``>= 4``, ``<in> x``, ``<or> a <or> b`` (extra_specs_ops.py)."""

import operator

op_methods = {
    "=": lambda x, y: float(x) >= float(y),
    "<in>": lambda x, y: y in x,
    "<all-in>": lambda x, y: all(val in x for val in y),
    "==": lambda x, y: float(x) == float(y),
    "!=": lambda x, y: float(x) != float(y),
    ">=": lambda x, y: float(x) >= float(y),
    "<=": lambda x, y: float(x) <= float(y),
    "s==": operator.eq,
    "s!=": operator.ne,
    "s<": operator.lt,
    "s<=": operator.le,
    "s>": operator.gt,
    "s>=": operator.ge,
}


def match(value, req) -> bool:
    """Return whether *value* meets the requirement *req*, both texts.

    Without a known operator the texts must be equal; ``=`` means at least.
    Raises ValueError where a number is compared with a text that is none.

    >>> match("8", "= 4"), match("8", "> 4")
    (True, False)
    """
    words = req.split()
    op = words[0] if words else None
    if op == "<or>":  # <or> v1 <or> v2: every second word is a value
        if len(words) == 1:
            raise ValueError(f"extra spec {req!r}: nothing follows <or>")
        return value in words[1::2]
    if op not in op_methods:
        return value == req
    if len(words) == 1:
        return False
    try:
        return op_methods[op](value, words[1:] if op == "<all-in>" else words[1])
    except ValueError:
        raise ValueError(f"extra spec {req!r}: cannot compare {value!r} as a number") from None
