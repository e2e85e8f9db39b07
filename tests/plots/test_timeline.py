"""The timeline: every event a mark, every state on its way a bar, in the row of who did it."""

import pandas as pd
import pytest

from labkit.plots.timeline import LOOKS, STATES, bars_of, events_of, look_of
from tests.helpers.roads import ROADS, road

ALONE = [name for name in ROADS if name != "three servers" and not name.startswith("30 ")]


def saves(*rows):
    """The events from (t_s, service, what), all of them saves."""
    columns = ["t_s", "service", "kind", "what"]
    full = [(t_s, who, "Save", what) for t_s, who, what in rows]
    return events_of(pd.DataFrame(full, columns=columns))


# -- bars ---------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ALONE)
def test_a_bar_is_a_state_on_its_way(name):
    """The same from the table `states`, which the figure does not read."""
    cloud = road(name)
    expected = []
    end = cloud.events.t_s.iloc[-1]
    states = cloud.states[(cloud.events.kind[cloud.states.seq] == "Save").to_numpy()]
    times = [*states.t_s, end]
    before = None
    for i, row in enumerate(states.itertuples()):
        state = row.task_state or ("building" if row.vm_state == "building" else None)
        state = None if row.vm_state == "deleted" else state
        if before == (state, row.service) and expected:
            expected[-1] = (*expected[-1][:3], times[i + 1])
        elif state:
            expected.append((row.service, state, times[i], times[i + 1]))
        before = (state, row.service) if state else None
    found = bars_of(events_of(cloud.events), end)
    assert sorted(map(tuple, found)) == sorted(expected)
    assert {bar.state for bar in found} <= set(STATES)


def test_a_state_that_nobody_ends_lasts_to_the_end():
    rows = saves((1, "compute@cn-1", "update building/spawning"))
    assert [(bar.start_s, bar.end_s) for bar in bars_of(rows, 8.0)] == [(1, 8.0)]


def test_a_refused_save_changes_no_bar():
    rows = saves(
        (1, "compute@cn-1", "update building/spawning"),
        (2, "compute@cn-1", "update_refused active/None UnexpectedTaskStateError"),
        (3, "compute@cn-1", "update error/None"),
    )
    assert [(bar.state, bar.end_s) for bar in bars_of(rows, 9)] == [("spawning", 3)]


# -- marks --------------------------------------------------------------------------------
def test_each_kind_has_a_shape_or_colour_of_its_own():
    assert len({(look.marker, look.colour) for look in LOOKS.values()}) == len(LOOKS)
    assert len(set(STATES.values())) == len(STATES)


def test_what_cleans_up_is_marked():
    rows = events_of(road("reschedule").events)
    assert [row.what.split("?")[0] for row in rows if look_of(row) == "undo"] == [
        "virt destroy",
        "neutron deallocate_for_instance",
        "placement DELETE /allocations/{uuid}",
    ]
