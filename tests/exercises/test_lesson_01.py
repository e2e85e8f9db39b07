"""The answers to the questions of lesson 01: right, wrong, and not checkable."""

from types import SimpleNamespace

import nbformat
import pandas as pd
import pytest

from labkit.exercises import judging, lesson_01
from labkit.nova.scheduler import filters
from tests.helpers.asked import Asked

ROAD = ["request filters", "placement", "filters", "weighers", "claim"]
LEFT = ["cn-2", "cn-3"]


def headroom(asked=True, share=4, least=0, raises=False, blank=False):
    """A learner's filter, right or with one mistake."""

    class Given(filters.BaseHostFilter):
        def host_passes(self, host_state, spec_obj):
            if raises:
                raise ValueError
            left = host_state.free_ram_mb - (spec_obj.memory_mb if asked else 0) - least
            return None if blank else left >= host_state.total_usable_ram_mb / share

    return Given


RIGHT = {
    "road": [ROAD],
    "who-is-left": [LEFT, {"cn-3", "cn-2"}, ("cn-2", "cn-3"), "cn-2, cn-3", pd.Series(LEFT)],
    "headroom": [headroom()],
}
WRONG = {
    "road": [
        (["filters", "placement", "request filters", "weighers", "claim"], "makes that list"),
        (["placement", "request filters", "filters", "weighers", "claim"], "writes that question"),
        (["request filters", "placement", "weighers", "filters", "claim"], "who says which may"),
        (["request filters", "placement", "filters", "claim", "weighers"], "known yet"),
        (["filters", "weighers"], "missing"),
        ([*ROAD, "claim"], "each of the 5 once"),
    ],
    "who-is-left": [
        (["cn-2"], "exactly enough fit"),
        (["cn-4"], "What does its service say"),
        (["cn-2", "cn-3", "cn-4"], "service"),
        (["cn-4", "cn-2"], "What does its service say"),
        (["cn-3"], "a service that is up"),
        (["cn-1", "cn-2", "cn-3", "cn-4"], "Look at cn-1"),
        (["cn-2", "cn-3", "cn-4"], "its service say"),
        ([], "an empty list"),
    ],
    "headroom": [
        (headroom(asked=False), "on cn-2 you gave True"),
        (headroom(share=2), "you gave False"),
        (headroom(least=1), "you gave False"),
        (headroom(raises=True), "you gave raises ValueError"),
    ],
}
NOT_CHECKABLE = [
    ("who-is-left", ["cn2"], "spelt 'cn-2'"),
    ("who-is-left", 2, "2 (int)"),
    ("who-is-left", [2], "2 is not one of these"),
    ("road", {"claim": 5}, "(dict)"),
    ("road", ["weigher"], "spelt 'weighers'"),
    ("headroom", 3, "a class with a method host_passes"),
    ("headroom", headroom()(), "a class with a method host_passes"),
    ("headroom", headroom(blank=True), "write what it returns"),
]
SOLUTIONS = {
    "road": "request filters, placement, filters, weighers, claim. ",
    "who-is-left": "cn-2, cn-3. ",
    "headroom": "return host_state.free_ram_mb - spec_obj.memory_mb >= ",
}


class TestAnswers(Asked):
    lesson = lesson_01


def test_the_four_hosts_are_those_of_the_lesson():
    assert [host_state.host for host_state in lesson_01.fleet()] == lesson_01.HOSTS


def test_answers_follow_the_model(monkeypatch):
    two = lesson_01.fleet().first(2)
    monkeypatch.setattr(lesson_01, "fleet", lambda: two)
    assert judging.check("who-is-left", ["cn-2"]).outcome == "right"


@pytest.mark.nova
def test_the_lessons_own_filter_runs_in_nova_as_the_lesson_says(root):
    from tools.oracle import installed  # imports Nova, without eventlet

    notebook = root / "notebooks" / "01_how_does_nova_choose_a_host.ipynb"
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells]
    lines = "\n".join(cells).splitlines()
    imports = next(line for line in lines if line.endswith("import filters"))
    written = next(cell for cell in cells if cell.startswith("class RamHeadroomFilter"))
    there = {}
    exec(imports.replace("labkit.nova", "nova"), there)  # noqa: S102
    exec(written.partition("\n\n\n")[0], there)  # noqa: S102
    assert there["filters"].__name__ == "nova.scheduler.filters"

    states = [
        SimpleNamespace(host=one.host, free_ram_mb=free, total_usable_ram_mb=32768)
        for one, free in zip(lesson_01.fleet(), (-1024, 8192, 8191), strict=False)
    ]
    spec_obj = installed.objects.RequestSpec(scheduler_hints={})
    handler = there["filters"].HostFilterHandler()
    passed = handler.get_filtered_objects([there["RamHeadroomFilter"]()], states, spec_obj)
    assert [state.host for state in passed] == ["cn-2"]
