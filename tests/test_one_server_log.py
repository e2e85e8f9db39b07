"""One request id in the logs of four services of the real Nova, and in the lab's tables."""

import re

import pytest

from labkit import Cloud, Flavor, Fleet, RequestSpec

pytestmark = pytest.mark.nova
SERVICES = ("api", "conductor", "scheduler", "compute")
HEAD = re.compile(r"^(\S+ \S+) 7 (\w+) ([\w.]+) \[None (req-\S+) (.*?)\] ")


@pytest.fixture(scope="module")
def lines():
    """Of each line its service, and the parts of its head: time, level, logger, id, who."""
    found = []
    for service in SERVICES:
        with open(f"data/logs/one_server/nova-{service}.log", encoding="utf-8") as file:
            found += [(service, *HEAD.match(line).groups()) for line in file]
    return sorted(found, key=lambda line: line[1])


def services_of(pairs):
    """The services that each request id goes through, by the ids as they come."""
    found = {}
    for request_id, service in pairs:
        found.setdefault(request_id, set()).add(service)
    return list(found.values())


def test_each_line_has_a_time_of_its_own(lines):
    assert len({line[1] for line in lines}) == len(lines) == 33


def test_a_user_asks_and_then_nobody_does(lines):
    user, nobody = dict.fromkeys((line[4], line[5]) for line in lines)
    assert user[1].split()[0] == "fake"
    assert user[1].split()[2:] == ["-"] * 4
    assert nobody[1] == "- - - - - -"
    assert user[0] != nobody[0]


def test_a_request_goes_through_the_same_services_as_in_the_lab(lines):
    cloud = Cloud(Fleet.read("data/two_hosts"), seed=5)
    spec = RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1))
    cloud.create("web-1", spec, is_admin=False)
    cloud.settle()
    cloud.guest_stops("web-1")
    cloud.run(660)
    services = cloud.events.service.str.partition("@")[0]
    ours = services_of(zip(cloud.events.request_id, services, strict=True))
    theirs = services_of((line[4], line[0]) for line in lines)
    assert ours == theirs == [set(SERVICES), {"compute"}]
