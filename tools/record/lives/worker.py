"""Records one unit after another: names come in on stdin, a line of JSON each goes out.

A unit is PART/NAME, as tools/record/lives/units.py lists them. Run by ``python -m tools.record.lives``, several at a time.
"""

import importlib
import json
import os
import sys

PARTS = {
    # part: module, and how a unit of that name is recorded
    "lifecycle": ("lifecycle", lambda module, name: module.record(name, "lifecycle")),
    "moves": ("lifecycle", lambda module, name: module.record(name, "moves")),
    "snapshots": ("snapshots", lambda module, name: module.record(name)),
    "contexts": ("contexts", lambda module, name: module.record(name)),
    "deployed": ("deployed", lambda module, name: module.record(name)),
    "clouds": ("clouds", lambda module, name: module.record(name)),
    "tables": ("tables", lambda module, name: getattr(module, name)()),
    "guards": ("guards", lambda module, name: module.read()),
    "rest": ("rest", lambda module, name: module.record(name.split("+"))),
    "units": ("units", lambda module, name: module.of(name)),
    "facts": ("facts", lambda module, name: module.read()),
    "random": ("check_random", lambda module, name: module.record(name)),
}


def record(unit):
    """What is recorded of a unit."""
    part, _, name = unit.partition("/")
    module, how = PARTS[part]
    return how(importlib.import_module(f"tools.record.lives.{module}"), name)


def main():
    """Answer each line with a line."""
    # Nova and its libraries may print; what they print is no answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        unit = line.strip()
        try:
            answer = {"unit": unit, "found": record(unit)}
        except Exception as exc:
            answer = {"unit": unit, "failed": f"{type(exc).__name__}: {exc}"}
        answers.write(json.dumps(answer, sort_keys=True) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
