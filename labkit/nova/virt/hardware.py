"""Which CPUs an option names (nova/virt/hardware.py)."""


def parse_cpu_spec(spec) -> set:
    """Return the CPUs of a text: numbers, ranges, and with ^ those that are not meant.

    >>> parse_cpu_spec("0-3,^1")
    {0, 2, 3}

    Source: the function of that name in nova/virt/hardware.py, Nova 34.0.0.
    """
    wanted, unwanted = set(), set()
    for rule in spec.split(","):
        rule = rule.strip()
        target = unwanted if rule.startswith("^") else wanted
        first, _, last = rule.lstrip("^").partition("-")
        target.update(range(int(first), int(last or first) + 1))
    return wanted - unwanted
