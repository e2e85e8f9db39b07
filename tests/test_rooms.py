"""The rooms of labkit: which may use which, that there are no circles, and that each keeps its privacy."""

import ast
import graphlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LABKIT = ROOT / "labkit"
MOST_ROOMS = 12
#: room: the rooms that it may import; all that it may is said in its docstring, "Uses: ...".
USES = {
    "neighbours": "",
    "nova": "neighbours",
    "qcow2": "neighbours",
    "tables": "neighbours nova",
    "fleet": "neighbours nova",
    "decision": "fleet neighbours nova tables",
    "nova13": "decision fleet neighbours nova tables",
    "cloud": "fleet neighbours nova tables",
    "plots": "neighbours tables",
    "studies": "cloud fleet neighbours nova nova13 tables",
    "dials": "cloud decision fleet neighbours nova nova13 plots qcow2 studies tables",
    "exercises": "cloud decision dials fleet neighbours nova nova13 plots qcow2 studies tables",
}
USES = {room: set(others.split()) for room, others in USES.items()}
#: What every named tuple has, though its name begins with an underscore.
OF_NAMED_TUPLES = {"_asdict", "_fields", "_make", "_replace"}


def room(path):
    """The room that a file belongs to; the face of labkit belongs to none."""
    first = path.relative_to(LABKIT).parts[0]
    return None if first == "__init__.py" else first.removesuffix(".py")


PATHS = sorted(LABKIT.rglob("*.py"))
ROOMS = sorted({room(path) for path in PATHS} - {None})


@pytest.fixture(scope="module")
def files():
    """The syntax tree of each file."""
    return {path: ast.parse(path.read_text("utf-8")) for path in PATHS}


def imported(tree):
    """Yield the rooms that a module imports anywhere in it; "labkit" for the public face."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
            if node.module == "labkit":
                names = [
                    f"labkit.{alias.name}" if alias.name in ROOMS else "labkit"
                    for alias in node.names
                ]
        else:
            assert not isinstance(node, ast.ImportFrom), "a relative import"
            continue
        for name in names:
            first, *more = name.split(".")
            if first == "labkit":
                yield more[0] if more else first


def private(tree):
    """Yield the private attributes of other objects that a module asks for, and does not define."""
    own = OF_NAMED_TUPLES | {
        name
        for node in ast.walk(tree)
        for name in (
            getattr(node, "name", None),
            node.id if isinstance(node, ast.Name) else None,
            node.target.id
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
            else None,
            node.attr if isinstance(node, ast.Attribute) and is_own(node.value) else None,
        )
        if name
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and not is_own(node.value):
            name = node.attr
            if name.startswith("_") and not name.startswith("__") and name not in own:
                yield name


def is_own(value):
    """Whether an expression is self, cls or super()."""
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in ("self", "cls")


def test_the_table_has_every_room_and_no_circle():
    assert len(ROOMS) <= MOST_ROOMS
    assert set(ROOMS) == set(USES)
    tuple(graphlib.TopologicalSorter(USES).static_order())


def test_no_root_name_is_anothers_with_more():
    longer = {
        name
        for name in ROOMS
        for other in ROOMS
        if name.startswith(f"{other}_") or name.endswith(f"_{other}")
    }
    assert not longer


def test_rooms_import_only_what_the_table_allows(files):
    breaches = {
        f"{path.relative_to(ROOT)} -> {other}"
        for path, tree in files.items()
        if room(path)
        for other in imported(tree)
        if other != room(path) and other not in USES[room(path)]
    }
    assert not breaches


def test_nobody_touches_what_is_private_to_another_class(files):
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, tree in files.items()
        for name in private(tree)
    }
    assert not found


@pytest.mark.parametrize("name", USES)
def test_each_room_says_which_rooms_it_may_use(files, name):
    path = LABKIT / name / "__init__.py"
    tree = files.get(path) or files[LABKIT / f"{name}.py"]
    said = re.search(r"^Uses: ([\w, \n]+)\.$", ast.get_docstring(tree), re.MULTILINE)
    assert set(re.findall(r"\w+", said[1])) - {"nothing"} == USES[name]


def test_what_a_module_imports_and_touches_is_seen():
    source = "def f(x):\n from labkit.cloud import y\n import labkit.plots.z\n return x._a, self._b"
    tree = ast.parse(source)
    assert list(imported(tree)) == ["cloud", "plots"]
    assert list(private(tree)) == ["_a"]
