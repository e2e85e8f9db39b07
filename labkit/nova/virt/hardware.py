"""Which CPUs an option names (nova/virt/hardware.py)."""

from labkit.nova.exception import Invalid


def parse_cpu_spec(spec) -> set:
    """Return the CPUs of a text: numbers, ranges, and with ^ those that are not meant.

    Raises Invalid for anything else.

    >>> parse_cpu_spec("0-3,^1")
    {0, 2, 3}
    """
    wanted, unwanted = set(), set()
    for rule in map(str.strip, spec.split(",")):
        if not rule:
            continue
        is_range = "-" in rule
        target = unwanted if rule.startswith("^") else wanted
        kind = "range" if is_range else "exclusion" if rule.startswith("^") else "inclusion"
        parts = rule.removeprefix("^").split("-", 1)
        try:
            first, *last = (int(part.strip()) for part in parts)
        except ValueError:
            raise Invalid(f"Invalid {kind} expression {rule!r}") from None
        if last and first > last[0]:
            raise Invalid(f"Invalid range expression {rule!r}")
        target.update(range(first, (last or [first])[0] + 1))
    return wanted - unwanted
