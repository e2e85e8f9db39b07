"""What of Nova the lab leaves out: the list in README.md, made from the refusals in the code.

    python -m tools.left_out            # writes the list into README.md

Each line is a refusal (``NotModelled``) of labkit, in its own words, with the files that say so;
then the extra specs, image properties, options, arguments and actions that are refused by name.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

from labkit.nova import conf, context
from labkit.nova.api.openstack import servers
from labkit.nova.compute import api
from labkit.nova.scheduler import request_filter

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
BEGIN = "<!-- what is left out: written by `python -m tools.left_out` -->"
END = "<!-- end of what is left out -->"
UNLIKE = "Unlike Nova, "


def refusals() -> dict[str, set[str]]:
    """Return what the refusals say, and the files of labkit in which they stand."""
    found = defaultdict(set)
    for path in sorted((ROOT / "labkit").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "NotModelled" and node.args:
                text = _text(node.args[0])
                if text.startswith(UNLIKE):
                    words = re.sub(r" \([^)]*\)", "", text.removeprefix(UNLIKE).partition(";")[0])
                    found[words].add(path.relative_to(ROOT / "labkit").as_posix())
    return found


def _name(function):
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(node):
    """The words of a text; dots for what is filled in."""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    return str(node.value) if isinstance(node, ast.Constant) else "..."


def lines() -> list[str]:
    """Return the list, a line of Markdown for each."""
    found = [
        f"* {words} ({', '.join(f'`{file}`' for file in sorted(files))})"
        for words, files in sorted(refusals().items())
        if "..." not in words
    ]
    for what, names in (
        ("extra specs that begin with", request_filter.REFUSED_SPECS),
        ("image properties that begin with", request_filter.REFUSED_PROPERTIES),
        ("options of nova.conf other than their default", conf.MUST_BE_DEFAULT),
        ("arguments of a context that begin with", context.REFUSED_ARGUMENTS),
        ("actions that are answered and not done", _not_done()),
        ("functions of the compute API of which the lab knows the guard alone", _guards_alone()),
    ):
        found.append(f"* {what}: {', '.join(f'`{name}`' for name in sorted(names))}")
    return found


def _not_done():
    return [name for name, action in servers.ACTIONS.items() if not action.modelled]


def _guards_alone():
    used = {action.guard for action in servers.ACTIONS.values()} | {"reboot", "_hard_reboot"}
    used |= {action.method for action in servers.ACTIONS.values()} | {"soft_delete"}
    return set(api.GUARDS) - used


def section() -> str:
    """Return the part of README.md between its marks, with them."""
    return "\n".join([BEGIN, *lines(), END])


def written(readme: str) -> str:
    """Return the text of README.md with today's list."""
    before, _, rest = readme.partition(BEGIN)
    return before + section() + rest.partition(END)[2]


if __name__ == "__main__":
    README.write_text(written(README.read_text("utf-8")), "utf-8")
