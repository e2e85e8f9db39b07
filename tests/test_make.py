"""The set-up as people use it: a folder that was moved, ports that are none, a home without room."""

import os
import shutil
import socket
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tools import lab

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make is not installed")


def make(folder, *words, **env):
    done = subprocess.run(
        [shutil.which("make"), "-C", str(folder), *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )
    return done.stdout + done.stderr


@pytest.fixture
def clone(root, tmp_path):
    """A folder with the Makefile in it, set up long ago."""
    (tmp_path / ".venv").mkdir()
    shutil.copy(root / "Makefile", tmp_path)
    for name in ("lab", "test"):
        (tmp_path / ".venv" / name).touch()
    (tmp_path / ".venv" / "where").write_text(f"{tmp_path}\n")
    return tmp_path


def test_a_clone_that_stays_is_not_set_up_again(clone):
    make(clone, "help")
    assert (clone / ".venv" / "lab").exists()


def test_a_clone_that_was_moved_or_copied_is_set_up_again(clone):
    copy = clone.parent / "copy"
    shutil.copytree(clone, copy)
    make(copy, "help")
    assert not (copy / ".venv" / "lab").exists()
    assert not (copy / ".venv" / "test").exists()


def test_a_home_that_cannot_be_written_to_is_replaced(clone):
    said = make(clone, "help", HOME=str(clone / "nowhere"))
    assert "settings are kept in build/home" in said
    assert (clone / "build" / "home").is_dir()


@pytest.mark.parametrize("port", ["99999", "0", "-1", "text", "", "80.5"])
def test_a_port_that_is_none_gets_one_sentence(monkeypatch, port):
    monkeypatch.setattr(sys, "argv", ["lab", f"--port={port}"])
    with pytest.raises(SystemExit) as ended:
        lab.main()
    expected = "expected a number from 1 to 65535, as in: make lab PORT=9000"
    assert ended.value.code == f"PORT={port}: {expected}"


def test_a_busy_port_is_noticed():
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        number = busy.getsockname()[1]
        assert not lab.is_free(number)
    assert lab.is_free(number)


@pytest.fixture
def lessons(root, tmp_path):
    """Two lessons, and a place for the learner's copies."""
    (tmp_path / "notebooks").mkdir()
    for lesson in sorted((root / "notebooks").glob("*.ipynb"))[:2]:
        shutil.copy(lesson, tmp_path / "notebooks")
    return tmp_path / "notebooks", tmp_path / "work"


def test_a_learner_gets_copies_without_outputs_and_teachers_cells(lessons):
    assert lab.copies(*lessons) == []
    for lesson in lessons[0].iterdir():
        mine = nbformat.read(lessons[1] / lesson.name, as_version=4)
        theirs = nbformat.read(lesson, as_version=4)
        kept = [c for c in theirs.cells if "teacher" not in c.metadata.get("tags", ())]
        assert [c.source for c in mine.cells] == [c.source for c in kept]
        assert not any(c.get("outputs") or c.get("execution_count") for c in mine.cells)
        assert not any("outputs_hidden" in c.metadata.get("jupyter", {}) for c in mine.cells)


def test_a_class_gets_copies_without_answers_and_with_them(lessons):
    build = lessons[1].parent / "build"
    assert lab.class_copies(lessons[0], build).endswith("answers in build/answers.")
    for lesson in lessons[0].iterdir():
        theirs = nbformat.read(lesson, as_version=4).cells
        blank = nbformat.read(build / "students" / lesson.name, as_version=4).cells
        full = nbformat.read(build / "answers" / lesson.name, as_version=4).cells
        tagged = [c for c in theirs if {"teacher", "solution"} & {*c.metadata.get("tags", ())}]
        assert tagged
        assert len(blank) == len(theirs) - len(tagged)
        assert not any(c.get("outputs") for c in blank)
        assert [c.get("outputs") for c in full] == [c.get("outputs") for c in theirs]
        assert not any("outputs_hidden" in c.metadata.get("jupyter", {}) for c in full)


def test_what_a_learner_wrote_is_never_overwritten(lessons):
    lab.copies(*lessons)
    mine = next(lessons[1].glob("00*"))
    mine.write_text("my answers")
    notebook = nbformat.read(lessons[0] / mine.name, as_version=4)
    notebook.cells[0].source = "# A new edition"
    nbformat.write(notebook, lessons[0] / mine.name)
    assert lab.copies(*lessons) == ["Lesson 00 has a newer edition; see it with: make lesson L=00"]
    said = lab.copies(*lessons, again="00")
    assert said == [f"The lesson is in work/{mine.stem}_2.ipynb; older copies stay."]
    assert mine.read_text() == "my answers"
    assert lab.copies(*lessons) == []


def test_a_lesson_that_there_is_not_gets_a_sentence(lessons):
    with pytest.raises(SystemExit, match="L=77: there is no such lesson; there are 00, 01"):
        lab.copies(*lessons, again="77")


@pytest.mark.parametrize(
    ("source", "last"),
    [("cloud.settle()", "Run All Above Selected Cell in the menu."), ("1 / 0", "by zero")],
)
def test_in_a_restarted_kernel_a_cell_says_which_to_run(root, source, last):
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    startup = {"PYTHONSTARTUP": str(root / "tools" / "jupyter" / "startup.py")}
    client = NotebookClient(lesson, kernel_name="python3", allow_errors=True)
    client.execute(env=os.environ | startup)
    assert lesson.cells[0].outputs[0].traceback[-1].endswith(last)
