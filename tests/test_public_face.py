"""The public face: lessons import from labkit alone, but for what moves to the real Nova."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

import labkit

ROOT = Path(__file__).parents[1]
CELLS = {
    path.stem: nbformat.read(path, as_version=4).cells
    for path in sorted((ROOT / "notebooks").glob("*.ipynb"))
}
#: (lesson, module, name), for each name of the lab that a lesson imports.
IMPORTS = [
    (lesson, node.module, alias.name)
    for lesson, cells in CELLS.items()
    for cell in cells
    if cell.cell_type == "code"
    for node in ast.walk(ast.parse(cell.source))
    if isinstance(node, ast.ImportFrom) and node.module.startswith("labkit")
    for alias in node.names
]
DEEP = [one for one in IMPORTS if one[1] != "labkit"]


def said():
    """What README, CONTRIBUTING and the lessons' text name: `from labkit import`, `labkit.x`, `x`."""
    pages = [(ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md")]
    texts = [c.source for cells in CELLS.values() for c in cells if c.cell_type == "markdown"]
    for quoted in re.findall(r"`([^`\n]+)`", "\n".join(pages + texts)):
        if match := re.fullmatch(r"from labkit import ([\w, ]+)", quoted):
            yield from match[1].split(", ")
        elif match := re.match(r"labkit\.(\w+)", quoted):
            yield match[1]
    for quoted in re.findall(r"`([^`\n]+)`", "\n".join(pages)):
        yield from re.match(r"\w*", quoted).group().split()


def test_every_public_name_is_used_by_a_lesson_or_named_in_the_readme():
    used = {name for _, module, name in IMPORTS if module == "labkit"} | {*said()}
    assert sorted(set(labkit.__all__) - used) == []


def test_every_public_name_is_there():
    program = (
        "from labkit import *; import labkit; print(*sorted(set(labkit.__all__) - set(dir())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == []
    assert dir(labkit) == labkit.__all__


def test_another_name_gets_a_sentence_with_those_that_there_are():
    with pytest.raises(AttributeError, match="labkit has no 'Clod'; it has Aggregate, "):
        labkit.Clod  # noqa: B018 - asking is enough


def test_lessons_import_from_labkit_or_what_is_novas():
    assert {module for _, module, _ in DEEP if not module.startswith("labkit.nova")} == set()
    assert not any(node.name.startswith("labkit") for node in plain_imports())


def plain_imports():
    """Every `import x` of a lesson."""
    for cells in CELLS.values():
        for cell in cells:
            if cell.cell_type == "code":
                for node in ast.walk(ast.parse(cell.source)):
                    if isinstance(node, ast.Import):
                        yield from node.names


@pytest.mark.nova
@pytest.mark.parametrize(("module", "name"), sorted({(module, name) for _, module, name in DEEP}))
def test_what_a_lesson_imports_from_labkit_nova_is_in_nova_too(module, name):
    nova = pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    path = Path(nova.__file__).parent.joinpath(*module.split(".")[2:])
    if any(path.joinpath(name).with_suffix(suffix).exists() for suffix in ("", ".py")):
        return
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = ast.parse(file.read_text("utf-8")).body
    assert name in {
        *(node.name for node in found if hasattr(node, "name")),
        *(t.id for node in found if isinstance(node, ast.Assign) for t in node.targets),
    }
