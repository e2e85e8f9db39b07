"""The description of all tables, in labkit/tables/__init__.py, against the tables themselves."""

import re

import pytest

from labkit import (
    Cloud,
    Flavor,
    Fleet,
    LibvirtDriver,
    Options,
    RequestSpec,
    logs,
    place,
    select_destinations,
    tables,
)
from labkit.neighbours.messaging import Broker
from labkit.tables.hosts import inventory_table, report_table

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))


def described():
    """{heading: {table: columns}}: the columns end where a line ends without a comma."""
    sections = re.split(r"\n(Of [^\n]+)\n-+\n", tables.__doc__)
    return {
        heading: {
            name: re.split(r",\s+", columns)
            for name, columns in re.findall(r"^``(\w+)``: ((?:.*,\n)*.*)$", text, re.MULTILINE)
        }
        for heading, text in zip(sections[1::2], sections[2::2], strict=True)
    }


DECISION, HAPPENED, NOW, BROKER, HOST = described().values()


@pytest.fixture(scope="module")
def cloud(root):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"), driver=LibvirtDriver)
    cloud.create("web-1", SPEC)
    cloud.settle()
    cloud.act("web-1", "createImage")
    cloud.settle()
    return cloud


@pytest.mark.parametrize("name", HAPPENED | NOW)
def test_a_table_of_a_cloud_has_the_columns_that_are_described(cloud, name):
    table = getattr(cloud, name)
    assert list(table.columns) == (HAPPENED | NOW)[name]
    assert list(table.index) == list(range(len(table)))


def test_before_there_is_a_row_states_has_what_the_api_shows(root):
    cloud = Cloud(Fleet.read(root / "data" / "two_hosts"))
    cloud.create("web-1", SPEC)
    names = ["vm_state", "task_state", "power_state"]
    assert cloud.books("web-1")["row"] is None
    assert cloud.states[names].to_dict("records") == [{n: cloud.show("web-1")[n] for n in names}]


@pytest.mark.parametrize("name", HAPPENED)
def test_a_table_without_rows_has_its_columns_too(root, name):
    table = getattr(Cloud(Fleet.read(root / "data" / "two_hosts")), name)
    assert list(table.columns) == HAPPENED[name]


def test_every_table_of_a_cloud_is_described(cloud):
    tables_of = {
        name
        for name, value in vars(Cloud).items()
        if isinstance(value, property) and hasattr(getattr(cloud, name), "columns")
    }
    assert tables_of == set(HAPPENED) | set(NOW)


@pytest.mark.parametrize("name", ["filters", "weights", "placements"])
def test_a_decision_and_a_log_have_the_same_columns(root, name):
    fleet = Fleet.read(root / "data" / "four_hosts")
    decision = select_destinations(fleet, SPEC, Options())
    log = logs.read(root / "data" / "logs" / "nova-scheduler-34.log")
    for one in (decision, log):
        table = getattr(one, name)
        assert list(table.columns) == DECISION[name]
        assert list(table.index) == list(table.seq) == list(range(len(table)))


def test_what_is_placed_and_what_is_unread_have_their_columns(root):
    _, placed = place(Fleet.read(root / "data" / "four_hosts"), [SPEC], Options())
    assert list(placed.columns) == DECISION["placed"]
    log = logs.read([])
    for table in ("requests", "unread"):
        assert list(getattr(log, table).columns) == DECISION[table]
    assert set(DECISION) == {"filters", "weights", "placements", "placed", "requests", "unread"}


def test_the_tables_of_a_broker_and_of_a_host_have_their_columns(root):
    assert list(Broker().messages.columns) == BROKER["messages"]
    assert list(report_table({}).columns) == HOST["report_table"]
    fleet = Fleet.read(root / "data" / "two_hosts")
    assert list(inventory_table(fleet).columns) == HOST["inventory_table"]
