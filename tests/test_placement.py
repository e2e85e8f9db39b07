"""labkit.neighbours.placement beside the installed Placement 16.0.0, in this process.

Nova's own query goes to the real Placement, filled with the same inventories, traits,
aggregates and usage: the same candidates. Then one claim after the other: the same are refused.
"""

import random
from collections import Counter

import pytest

from labkit import Flavor, Fleet, Options, RequestSpec, select_destinations
from labkit.neighbours import placement, traits
from labkit.nova import exception
from labkit.nova.objects import Aggregate
from labkit.nova.scheduler import request_filter
from tests.helpers import answers, length, scenarios

pytestmark = pytest.mark.nova
os_traits = pytest.importorskip("os_traits", reason="os_traits is not there (extra nova)")
pytest.importorskip("placement", reason="the installed Placement is not there (extra nova)")

HOSTS = length.few(24, 2)
QUERIES = length.few(200, 8)
CLAIMS = length.few(150, 12)
DECISIONS = length.few(8, 8)


@pytest.fixture(scope="module")
def client():
    from tools.oracle import placement

    with placement.running() as found:
        yield found


@pytest.fixture
def real(client):
    """Return a function that fills Placement with a fleet; it is emptied afterwards."""
    from tools.oracle import placement

    filled = []

    def fill(fleet):
        filled.append(placement.RealPlacement(client, fleet))
        return filled[-1]

    yield fill
    for one in filled:
        one.clear()


def random_fleet(rng, count=HOSTS):
    """Return hosts with all that Placement looks at, and some that it refuses often."""
    hosts, inventories = [], []
    for number in range(count):
        name = f"cn-{number}"
        traits = ["CUSTOM_FAST", "CUSTOM_OLD", "HW_CPU_X86_AVX", "COMPUTE_IMAGE_TYPE_QCOW2"]
        hosts.append(
            {
                "host": name,
                "traits": [trait for trait in traits if rng.random() < 0.6],
                "disabled": rng.random() < 0.1,
                "cell_uuid": "cell1",
            }
        )
        totals = {"VCPU": 8, "MEMORY_MB": 16384, "DISK_GB": 100, "CUSTOM_LICENCE": 5}
        for resource_class, total in totals.items():
            if rng.random() < 0.06 or (resource_class == "CUSTOM_LICENCE" and rng.random() < 0.5):
                continue
            inventories.append(
                {
                    "host": name,
                    "resource_class": resource_class,
                    "total": total,
                    "reserved": rng.choice([0, 0, 1, total // 2]),
                    "allocation_ratio": rng.choice([0.7, 1.0, 1.1, 1.5, 4.0]),
                    "min_unit": rng.choice([1, 1, 1, 2]),
                    "max_unit": rng.choice([total, total, total * 2, total // 2]),
                    "step_size": rng.choice([1, 1, 1, 2]),
                    "used": rng.choice([0, 1, total // 2, total - 1, total, total + 3]),
                }
            )
    aggregates = [
        Aggregate(
            f"aggregate-{number}",
            [host["host"] for host in hosts if rng.random() < 0.5],
            {
                "availability_zone": ["north", "south"][number % 2],
                f"filter_tenant_id_{number}": ["project", "other"][number // 2],
                "trait:HW_CPU_X86_AVX" if number == 3 else "note": "required",
            },
        )
        for number in range(4)
    ]
    return Fleet(hosts, aggregates, inventories=inventories)


def random_request(rng):
    """Return a request and the options it meets."""
    words = scenarios.words.PLACEMENT_SPECS
    specs = dict(rng.sample(words, rng.choice([0, 0, 1, 2])))
    request = RequestSpec(
        Flavor(
            vcpus=rng.choice([1, 2, 3, 4]),
            memory_mb=rng.choice([512, 1024, 4096, 7777]),
            root_gb=rng.choice([0, 1, 10, 33]),
            ephemeral_gb=rng.choice([0, 0, 4]),
            swap=rng.choice([0, 0, 512]),
            extra_specs=specs,
        ),
        availability_zone=rng.choice([None, None, "north", "south", "nowhere"]),
        project_id=rng.choice(["project", "other", "third"]),
        is_bfv=rng.random() < 0.2,
        force_hosts=[f"cn-{rng.randrange(HOSTS)}"] if rng.random() < 0.1 else None,
    )
    switches = [
        "limit_tenants_to_placement_aggregate",
        "enable_isolated_aggregate_filtering",
        "query_placement_for_image_type_support",
    ]
    return request, {name: True for name in switches if rng.random() < 0.3}


def test_the_same_hosts_are_candidates(real):
    from tools.oracle import scheduler

    rng, seen = random.Random(16), Counter()
    fleet = random_fleet(rng)
    there, rows = real(fleet), scheduler.Rows(fleet)
    there.only_asked = True
    for _ in range(QUERIES):
        request, options = random_request(rng)
        options = Options(**options)
        there.candidates = None
        nova = scheduler.answer(fleet, request, options, placement=there, rows=rows)
        assert nova["raised"] == ["NoValidHost", "No valid host was found. "]
        asked = request_filter.process_reqspec(fleet, request, options)
        found = fleet.providers.allocation_candidates(asked).rows
        mine = fleet.providers.names[found].tolist()
        assert mine == there.candidates, there.query
        seen[len(mine)] += 1
    assert len(seen) > 6, f"too little variety: {seen}"
    assert seen[0] < QUERIES / 2, f"too few candidates: {seen}"


def test_the_same_claims_are_refused(real):
    rng, accepted = random.Random(17), Counter()
    fleet = random_fleet(rng, count=6)
    there, mine = real(fleet), fleet.copy()
    for number in range(CLAIMS):
        row = rng.randrange(6)
        resources = {
            name: rng.choice([1, 1, 2, 3, 4])
            for name in rng.sample(["VCPU", "MEMORY_MB", "DISK_GB", "CUSTOM_LICENCE"], 2)
        }
        said = placement.claim(mine.inventories, row, resources)
        assert said == there.claim(row, resources, f"server {number}"), (number, row, resources)
        accepted[said] += 1
    assert min(accepted[True], accepted[False]) > CLAIMS / 10, accepted


def test_whole_decisions_with_the_real_placement_are_the_same(real):
    from tools.oracle import scheduler

    placed = number = 0
    while placed < DECISIONS:
        data = scenarios.scenario(number, kind="full hosts")
        number += 1
        if data["options"].get("max_placement_results") or not data["request"]["image"]:
            continue  # which candidates stay under the limit is up to Placement
        asked = (*scenarios.build(data), None)
        names = answers.server_names(asked[1], None)
        there = real(asked[0])
        nova = scheduler.answer(*asked[:4], names, there)
        there.clear()
        assert not answers.differences(nova, answers.answer(*asked[:4], names))
        placed += nova["selections"] is not None


@pytest.mark.parametrize(
    ("extra_specs", "reason"),
    [
        (dict.fromkeys(("resources:VCPU", "resources:MEMORY_MB"), "0"), "no resource at all"),
        ({"trait:CUSTOM_NOBODYS": "forbidden"}, "the unknown trait CUSTOM_NOBODYS"),
        ({"trait:CUSTOM_NOBODYS": "required"}, "the unknown trait CUSTOM_NOBODYS"),
        ({"trait:hw_cpu_x86_avx": "forbidden"}, "the unknown trait hw_cpu_x86_avx"),
        ({"trait:COMPUTE_STATUS_DISABLED": "required"}, "required and forbidden"),
        ({"trait:CUSTOM_FAST": "forbidden"}, None),
        ({"trait:HW_CPU_X86_AVX2": "forbidden"}, None),
        ({"trait:OWNER_NOVA": "required"}, None),
        ({"trait:OWNER_NOVA": "forbidden"}, "OWNER_NOVA"),
    ],
)
def test_what_placement_refuses_has_no_candidates(real, extra_specs, reason):
    rows = [{"host": "cn-1", "vcpus_total": 8, "total_usable_ram_mb": 8192}]
    rows += [{"host": "cn-2", "traits": ["CUSTOM_FAST"]}]
    fleet = Fleet([row | {"free_ram_mb": 8192} for row in rows])
    spec = RequestSpec(Flavor(1, 512, extra_specs=extra_specs))
    request = request_filter.process_reqspec(fleet, spec, Options())
    found = fleet.providers.allocation_candidates(request)
    query = f"/allocation_candidates?{request.to_querystring()}"
    assert found.http_status == real(fleet).client.send("GET", query, accept=()).status_code
    assert len(found.rows) == (reason is None)
    if reason:
        with pytest.raises(exception.NoValidHost, match=r"^No valid host was found\. $") as error:
            select_destinations(fleet, spec)
        assert reason in error.value.decision.explain("cn-1")


def test_the_standard_traits_are_those_of_os_traits():
    assert set(os_traits.get_traits()) == traits.STANDARD


def test_a_class_that_placement_does_not_know_has_no_candidates():
    fleet = Fleet([{"host": "cn-1", "vcpus_total": 8, "total_usable_ram_mb": 8192}])
    spec = RequestSpec(Flavor(1, 512, extra_specs={"resources:CUSTOM_NOTHING": "1"}))
    with pytest.raises(exception.NoValidHost, match=r"^No valid host was found\. $"):
        select_destinations(fleet, spec)
