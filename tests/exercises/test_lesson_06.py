"""The answers to the questions of lesson 06: right, wrong, and not checkable."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_06
from tests.helpers.asked import Asked

COMPRESSED = ["raw running", "qcow2 running", "qcow2 stopped"]
RIGHT = {
    "compressed-disks": [COMPRESSED, set(COMPRESSED), ", ".join(COMPRESSED), pd.Series(COMPRESSED)],
    # (1 - 0.25) / (0.020 - 0.00088), from the measured table
    "compression-pays-below": [39.2, 39, np.float64(39.2259)],
    # 5,120 MiB at 0.020 s each; 2,560.3 MiB at 119.2 MiB/s
    "how-long-did-it-compress": [[102.4, 21.477], (102.4, 21.47), np.array([102.4, 21.48])],
}
WRONG = {
    "compressed-disks": [
        ([*COMPRESSED, "raw stopped"], "only what is live"),
        ([*COMPRESSED, "lvm running"], "convert_image"),
        ([*COMPRESSED, "rbd running"], "does not run there"),
        (["qcow2 running", "qcow2 stopped"], "the mirror of it"),
        (["qcow2 running", "raw running"], "Which backend calls"),
    ],
    "compression-pays-below": [
        (31.7, "raw source"),
        (13.1, "what it saves"),
        (119, "Saved seconds per MiB"),
        (float("nan"), "Saved seconds per MiB"),
    ],
    "how-long-did-it-compress": [
        ([124.08, 21.477], "counts the upload too"),
        ([102.4, 21.68], "what came before"),
        ([102.4, 102.4], "between two INFO lines"),
        ([102.4], "1 of 2"),
    ],
}
NOT_CHECKABLE = [
    ("compressed-disks", ["qcow2 on"], "not one of these"),
    ("compression-pays-below", "slow", "'slow' (str)"),
    ("compression-pays-below", True, "(bool)"),
    ("how-long-did-it-compress", 102.4, "one float"),
    ("how-long-did-it-compress", [102.4, "long"], "'long' (str)"),
]
SOLUTIONS = {
    "compressed-disks": "raw running, qcow2 running, qcow2 stopped. ",
    "compression-pays-below": "39.2 MiB/s, ",
    "how-long-did-it-compress": "102.4 s for qemu-img and 21.5 s for the upload",
}


class TestAnswers(Asked):
    lesson = lesson_06


@pytest.mark.parametrize("name", RIGHT)
def test_hints_do_not_give_the_answer_away(name):
    first = judging.hint(name).text
    assert not any(number in first for number in ("39", "102", "21.4"))


def test_the_log_has_the_lines_that_nova_writes():
    lines = lesson_06.log_lines()
    assert [line.split()[2] for line in lines] == ["INFO", "DEBUG", "DEBUG", "INFO", "INFO", "INFO"]
    assert lines == sorted(lines, key=lambda line: line[:23])
    assert " -c " in lines[1]
    assert lines[2].endswith('" returned: 0 in 102.400s')
    began, ended = pd.to_datetime([line[:23] for line in lesson_06.log_lines(then=True)])
    assert (ended - began).total_seconds() == pytest.approx(102.4)


@pytest.fixture
def nova_root():
    """The folder that holds the installed Nova, and oslo beside it."""
    nova = pytest.importorskip("nova", reason="the installed Nova is not there (extra nova)")
    return Path(nova.__file__).parent.parent


@pytest.mark.nova
def test_nova_has_these_lines(nova_root):
    for path, text in (
        ("nova/compute/manager.py", "Took %0.2f seconds to snapshot the instance on "),
        ("nova/virt/libvirt/driver.py", "Beginning cold snapshot process"),
        ("nova/virt/libvirt/driver.py", "Snapshot extracted, beginning image upload"),
        ("nova/virt/libvirt/driver.py", "Snapshot image upload complete"),
        ("oslo_concurrency/processutils.py", "'CMD \"%s\" returned: %s in %0.3fs'"),
        ("oslo_concurrency/processutils.py", "'Running cmd (subprocess): %s'"),
    ):
        assert text in (nova_root / path).read_text(encoding="utf-8")


@pytest.mark.nova
def test_nova_has_not_the_lines_of_the_notes(nova_root):
    sources = (nova_root / "nova").rglob("*.py")
    assert not any("executing commands" in path.read_text("utf-8") for path in sources)
