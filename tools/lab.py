"""Open the learner's own copies of the lessons in JupyterLab: `make lab`, once all is set up.

The copies lie in ``work/``, which git ignores, without outputs and without the teacher's cells. They
are made once and never overwritten; a lesson that has changed since is announced, and
``make lesson L=01`` puts its new edition beside the old copy.
"""

import argparse
import hashlib
import json
import os
import socket
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
#: Says no to "official Jupyter news?"; all other settings are the learner's.
SETTINGS = ROOT / "tools" / "jupyter"
LESSONS, WORK = ROOT / "notebooks", ROOT / "work"


def copy_of(lesson, without=("teacher",), outputs=False):
    """Return the text of a lesson with nothing folded, *without* the cells of these tags.

    As a rule without outputs: an answer shows when its cell is run.
    """
    notebook = nbformat.read(lesson, as_version=4)
    notebook.cells = [
        c for c in notebook.cells if {*without}.isdisjoint(c.metadata.get("tags", ()))
    ]
    for cell in notebook.cells:
        cell.metadata.get("jupyter", {}).pop("outputs_hidden", None)
        if cell.cell_type == "code" and not outputs:
            cell.outputs, cell.execution_count = [], None
    return nbformat.writes(notebook)


def class_copies(lessons=LESSONS, build=ROOT / "build"):
    """Write each lesson twice: for students without solutions, for the teacher with all answers."""
    for folder, wanted in (
        ("students", {"without": ("teacher", "solution")}),
        ("answers", {"without": (), "outputs": True}),
    ):
        (build / folder).mkdir(parents=True, exist_ok=True)
        for lesson in sorted(lessons.glob("*.ipynb")):
            (build / folder / lesson.name).write_text(copy_of(lesson, **wanted), encoding="utf-8")
    return f"Students' copies are in {build.name}/students, answers in {build.name}/answers."


def copies(lessons=LESSONS, work=WORK, again=None):
    """Put what is missing into *work*; return a sentence for each lesson with a newer edition.

    *again*: the number of a lesson, "01": its new edition is put beside the old copy, under a name
    of its own.
    """
    work.mkdir(exist_ok=True)
    record = work / ".editions.json"
    editions = json.loads(record.read_text()) if record.exists() else {}
    found, news = sorted(lessons.glob("*.ipynb")), []
    wanted = [lesson for lesson in found if again and lesson.name.startswith(f"{again}_")]
    if again and not wanted:
        numbers = ", ".join(lesson.name.partition("_")[0] for lesson in found)
        sys.exit(f"L={again}: there is no such lesson; there are {numbers}")
    for lesson in found:
        text = copy_of(lesson)
        edition, mine = hashlib.sha256(text.encode()).hexdigest(), work / lesson.name
        number = lesson.name.partition("_")[0]
        if lesson in wanted and mine.exists():
            n = 2
            while (mine := work / f"{lesson.stem}_{n}.ipynb").exists():
                n += 1
        if not mine.exists():
            mine.write_text(text, encoding="utf-8")
            editions[lesson.name] = edition
            if again:
                news.append(f"The lesson is in {mine.relative_to(work.parent)}; older copies stay.")
        elif editions.get(lesson.name) != edition:
            news.append(f"Lesson {number} has a newer edition; see it with: make lesson L={number}")
    record.write_text(json.dumps(editions, indent=1, sort_keys=True) + "\n")
    return news


def port(text):
    """Return a port that a server may have; end with a sentence for anything else."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        sys.exit(f"PORT={text}: expected a number from 1 to 65535, as in: make lab PORT=9000")
    return int(text)


def is_free(number):
    """Return whether nobody listens on a port of this machine."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", number)) != 0


def main():
    """Check the port, make the copies, then become JupyterLab."""
    parser = argparse.ArgumentParser(prog="make lab", allow_abbrev=False)
    parser.add_argument("--port", default="8888")
    parser.add_argument("--again")
    parser.add_argument("--class-copies", action="store_true")
    arguments, more = parser.parse_known_args()
    if arguments.class_copies:
        print(class_copies())
        return
    if arguments.again is not None:
        print(*copies(again=arguments.again or "?"), sep="\n")
        return
    number = port(arguments.port)
    if not is_free(number):
        print(f"Port {number} is in use; JupyterLab takes the next free one.", flush=True)
    for news in copies():
        print(news, flush=True)
    first = min(WORK.glob("*.ipynb")).relative_to(ROOT)
    paths = [str(SETTINGS), os.environ.get("JUPYTER_CONFIG_PATH")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, paths))
    os.environ.setdefault("PYTHONSTARTUP", str(SETTINGS / "startup.py"))  # each kernel's
    command = [sys.executable, "-m", "jupyterlab", "--log-level=WARN"]
    command += [
        f"--ServerApp.port={number}",
        f"--LabApp.default_url=/lab/tree/{first}",
    ]
    os.execv(sys.executable, command + more)  # noqa: S606 - JupyterLab, with what make handed over


if __name__ == "__main__":
    main()
