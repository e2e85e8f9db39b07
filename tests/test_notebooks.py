"""The rules of a lesson, beside what nbval and the browser see."""

import ast
import base64
import io
import re
import statistics
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image

from labkit.exercises.judging import FILE_OF
from tools.notebooks import code_cells, normalise, text_of

ROOT = Path(__file__).resolve().parent.parent
LESSONS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TAGS = {"teacher", "solution"}
# Folders of one machine: somebody's home, or where the project happened to lie.
MACHINE_PATH = re.compile(r"/home/\w|/Users/\w|/root/|[A-Z]:\\\\?Users|" + re.escape(str(ROOT)))
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]{6,}")


@pytest.fixture(params=LESSONS, ids=lambda path: path.stem)
def path(request):
    return request.param


@pytest.fixture
def lesson(path):
    return nbformat.read(path, as_version=4)


def test_there_are_lessons():
    assert LESSONS


def test_each_question_is_asked_in_a_lesson():
    texts = [nbformat.read(path, as_version=4) for path in LESSONS]
    said = "\n".join(cell.source for text in texts for cell in text.cells)
    assert [name for name in FILE_OF if not re.search(rf"""["'`]{name}["'`]""", said)] == []


def test_is_a_valid_notebook_as_the_tool_writes_it(path, lesson):
    nbformat.validate(lesson)
    assert path.read_text(encoding="utf-8") == text_of(normalise(lesson)), "run `make notebooks`"


def test_every_cell_was_run(lesson):  # nbval skips cells that were not, without a word
    counts = [cell.execution_count for cell in code_cells(lesson)]
    assert counts == list(range(1, len(counts) + 1))


def test_no_picture_is_cut_off(
    lesson,
):  # its texts are a little wider than where they were laid out
    outputs = [output for cell in code_cells(lesson) for output in cell.outputs]
    pictures = [o.data["image/png"] for o in outputs if "image/png" in o.get("data", ())]
    for picture in pictures:
        grey = np.array(Image.open(io.BytesIO(base64.b64decode(picture))).convert("L"))
        assert min(side.min() for side in (grey[:2], grey[-2:], grey[:, :2], grey[:, -2:])) > 200


def test_no_cell_failed_or_warned(lesson):
    outputs = [output for cell in code_cells(lesson) for output in cell.outputs]
    assert [o for o in outputs if o.output_type == "error" or o.get("name") == "stderr"] == []


def test_title_is_a_question(lesson):
    first = lesson.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# \S[^\n]*\?(\n|$)", first.source)


def test_readme_lists_it(path, lesson):
    question = lesson.cells[0].source.splitlines()[0].removeprefix("# ")
    assert f"[{question}](notebooks/{path.name})" in (ROOT / "README.md").read_text("utf-8")


def test_readme_and_the_map_of_lesson_00_agree():
    itself, *rows = lesson_rows(ROOT / "README.md")
    the_map = lesson_rows(LESSONS[0])
    assert itself[2] == LESSONS[0].name
    assert the_map == rows
    assert {row[2] for row in the_map} == {path.name for path in LESSONS[1:]}


def test_the_map_says_what_each_lesson_says_of_itself():
    for number, question, name, minutes, sections in lesson_rows(LESSONS[0]):
        first = nbformat.read(ROOT / "notebooks" / name, as_version=4).cells[0].source
        assert name.startswith(f"{number}_")
        assert first.startswith(f"# {question}\n")
        assert re.findall(r"(\d+) minutes", first) == [minutes]
        said = re.findall(r"8\.5\.\d", first)
        assert said in ([], sections.split(", "))  # 01 and 02 do not name their section


def lesson_rows(path):
    """Number, question, file, minutes and sections of each row in the table at *path*."""
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    return re.findall(
        r"^\| (\d+b?) \| \[(.+)\]\((?:notebooks/)?(.+)\) \| (\d+) \| (.*?) ?\|$", text, re.M
    )


def test_house_numbers(path, lesson):
    lengths = [len(cell.source.splitlines()) for cell in code_cells(lesson)]
    assert 25 <= len(lesson.cells) <= 40
    assert statistics.median(lengths) <= 4
    assert max(lengths) <= 15
    assert path.stat().st_size < 300_000


def test_says_nothing_of_one_machine_or_one_run(path):
    text = path.read_text(encoding="utf-8")
    assert MACHINE_PATH.findall(text) == []
    assert ADDRESS.findall(text) == []


def test_cells_end_without_semicolon(lesson):
    assert [c.source for c in code_cells(lesson) if c.source.rstrip().endswith(";")] == []


def test_cells_are_plain_python(lesson):  # no %pip, no !, no hidden state
    for cell in code_cells(lesson):
        ast.parse(cell.source)


def test_imports_only_the_lab(lesson):
    allowed = {"labkit", "numpy", "pandas"}
    for cell in code_cells(lesson):
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom):
                assert node.module.split(".")[0] in allowed
                assert node.names[0].name != "*"
            elif isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed


def test_every_cell_is_compared(lesson):  # nbval takes orders by tag and by comment
    tags = {tag for cell in lesson.cells for tag in cell.metadata.get("tags", [])}
    assert tags <= TAGS
    assert [c.source for c in code_cells(lesson) if "nbval" in c.source.lower()] == []


def test_predictions_are_left_to_the_learner(lesson):
    predictions = [
        (target.id, ast.unparse(node.value))
        for cell in code_cells(lesson)
        if "solution" not in cell.metadata.get("tags", [])
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.startswith("prediction")
    ]
    assert predictions
    assert {value for _, value in predictions} == {"..."}


# -- a learner's own steps: predict, run, answer, run again ---------------------------------------
@pytest.fixture
def held(lesson):
    """The code cells of a lesson."""
    return code_cells(lesson)


def calls(cell, *names):
    """Each call of one of the functions *names* in a cell, as a syntax tree."""
    trees = ast.walk(ast.parse(cell.source))
    found = [node for node in trees if isinstance(node, ast.Call)]
    return [node for node in found if isinstance(node.func, ast.Name) and node.func.id in names]


def blanks(cell):
    """The names to which a cell assigns ``...``, for the learner to fill in."""
    return [
        target.id
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Assign) and ast.unparse(node.value) == "..."
        for target in node.targets
    ]


def reads(cell, name):
    """Whether a cell hands *name* to compare or check."""
    used = [n for call in calls(cell, "compare", "check") for n in ast.walk(call)]
    return any(isinstance(node, ast.Name) and node.id == name for node in used)


def folded(cell):
    return cell.metadata.get("jupyter", {}).get("outputs_hidden", False)


def test_each_prediction_is_read_and_what_answers_it_is_folded(held):
    for place, cell in enumerate(held):
        for name in blanks(cell):
            readers = [n for n in range(place, len(held)) if reads(held[n], name)]
            again = [n for n in range(place + 1, len(held)) if name in blanks(held[n])]
            assert readers, cell.source
            assert readers[0] < min([*again, len(held)]), cell.source
            answering = held[place + 1 : readers[0] + 1]
            assert [c.source for c in answering if c.outputs and not folded(c)] == []


def test_what_answers_is_folded(held):
    answers = [c for c in held if calls(c, "compare") or "solution" in c.metadata.get("tags", ())]
    assert [c.source for c in answers if not folded(c)] == []


def test_each_question_has_a_hint_and_a_solution(path, held, lesson):
    own = {
        name for name, file in FILE_OF.items() if file == f"lesson_{path.name.partition('_')[0]}"
    }
    asked = {call.args[0].value for cell in held for call in calls(cell, "check")}
    helped = {call.args[0].value for cell in held for call in calls(cell, "hint")}
    tagged = [c.source for c in lesson.cells if "solution" in c.metadata.get("tags", ())]
    assert asked & own
    assert asked - helped == set()
    assert [name for name in asked if not any(f'"{name}"' in text for text in tagged)] == []


def test_no_cell_turns_the_dial_that_the_learner_turns(held):
    shown = set()
    for cell in held:
        tree = ast.parse(cell.source).body
        turned = {
            target.value.id
            for node in ast.walk(ast.Module(tree, []))
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name)
        }
        assert turned & shown == set(), cell.source
        if tree and isinstance(tree[-1], ast.Expr) and isinstance(tree[-1].value, ast.Name):
            shown.add(tree[-1].value.id)


@pytest.mark.usefixtures("unpainted")
def test_each_cell_may_be_run_twice(held, monkeypatch):
    monkeypatch.chdir(ROOT / "notebooks")
    names = {"__name__": "__main__"}
    for cell in held:
        first, second = run(cell, names), run(cell, names)
        assert first == second or calls(cell, "hint"), cell.source


def run(cell, names):
    """Run a cell; return what its last line shows, as text."""
    *body, last = ast.parse(cell.source).body
    value = isinstance(last, ast.Expr)
    exec(compile(ast.Module(body if value else [*body, last], []), "cell", "exec"), names)  # noqa: S102
    return repr(eval(compile(ast.Expression(last.value), "cell", "eval"), names)) if value else ""  # noqa: S307
