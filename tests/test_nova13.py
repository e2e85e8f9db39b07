"""The Nova of the notes, held against the weights.py of Nova 21.0.0, which still remembered."""

import json
from pathlib import Path

import pytest

from labkit import Aggregate, Flavor, Fleet, NoValidHost, RequestSpec, nova13, select_destinations
from labkit.nova.scheduler import weights

RECORDED = Path(__file__).parents[1] / "data" / "nova-21" / "weights.json"
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=1024, root_gb=1))


def hosts(*free_ram_mb, **others):
    return Fleet(
        {
            "host": f"cn-{number}",
            "total_usable_ram_mb": 8192,
            "free_ram_mb": free,
            "total_usable_disk_gb": 100,
            "free_disk_mb": 102400,
            "vcpus_total": 8,
            **others,
        }
        for number, free in enumerate(free_ram_mb, 1)
    )


class Raw(weights.BaseHostWeigher):
    """Weigh by free RAM and nothing else."""

    def _weigh_object(self, host_state, weight_properties):
        return host_state.free_ram_mb


def test_every_recorded_process_remembers_alike():
    processes = json.loads(RECORDED.read_text())["processes"]
    assert len(processes) == 200
    for process in processes:
        weigher, handler = nova13.remembering(Raw()), weights.HostWeightHandler()
        weigher.minval = process["minval"]
        for request in process["requests"]:
            fleet = hosts(*request["raw"])
            weighed = handler.get_weighed_objects([weigher], fleet, SPEC)
            got = [[each.obj.free_ram_mb, each.weight] for each in weighed]
            assert got == request["sorted"]


def test_a_wide_request_squeezes_the_next_one():
    scheduler = nova13.FilterScheduler(nova13.options(weight_classes=[Raw]))
    scheduler.select_destinations(hosts(1024, 5120), SPEC)
    weighed = scheduler.select_destinations(hosts(2048, 3072), SPEC).weights
    assert weighed.normalized.tolist() == [0.25, 0.5]
    scheduler.restart()
    weighed = scheduler.select_destinations(hosts(2048, 3072), SPEC).weights
    assert weighed.normalized.tolist() == [0.0, 1.0]


def test_today_nothing_is_remembered():
    from labkit import Options

    options = Options(weight_classes=[Raw])
    select_destinations(hosts(1024, 5120), SPEC, options)
    weighed = select_destinations(hosts(2048, 3072), SPEC, options).weights
    assert weighed.normalized.tolist() == [0.0, 1.0]


def test_soft_anti_affinity_of_no_group_is_not_zero_for_ever():
    handler, weigher = weights.HostWeightHandler(), nova13.remembering(Raw())
    handler.get_weighed_objects([weigher], hosts(-3, 0), SPEC)
    weighed = handler.get_weighed_objects([weigher], hosts(0, 0), SPEC)
    assert [each.weight for each in weighed] == [1.0, 1.0]


@pytest.mark.parametrize(
    ("values", "removed_by"),
    [
        ({"free_ram_mb": 1023}, "RamFilter"),
        ({"free_disk_mb": 1023}, "DiskFilter"),
        ({"total_usable_ram_mb": 512, "ram_allocation_ratio": 16.0}, "RamFilter"),
        ({"disabled": True}, "ComputeFilter"),
    ],
)
def test_old_filters_remove_what_placement_removes_today(values, removed_by):
    fleet = hosts(8192).replace("cn-1", **values)
    with pytest.raises(NoValidHost, match="There are not enough hosts") as caught:
        nova13.FilterScheduler().select_destinations(fleet, SPEC)
    table = caught.value.decision.filters
    assert table["filter"][~table.passed].tolist() == [removed_by]
    assert table.reason[~table.passed].item()


def test_ram_overcommit_counts_what_is_used():
    fleet = hosts(0, ram_allocation_ratio=1.5)  # 8192 * 1.5 - 8192 = 4096 left
    assert nova13.FilterScheduler().select_destinations(fleet, SPEC).host == "cn-1"


def test_core_filter_is_no_default_and_does_not_let_one_server_overcommit_itself():
    cores = nova13.options(enabled_filters=[nova13.CoreFilter])
    wide = RequestSpec(Flavor(vcpus=9, memory_mb=1))
    assert nova13.FilterScheduler().select_destinations(hosts(8192), wide).host == "cn-1"
    with pytest.raises(NoValidHost):
        nova13.FilterScheduler(cores).select_destinations(hosts(8192), wide)
    unknown = hosts(8192, vcpus_total=0)
    assert nova13.FilterScheduler(cores).select_destinations(unknown, wide).host == "cn-1"


def test_a_retry_leaves_out_the_hosts_already_tried():
    decision = nova13.FilterScheduler().select_destinations(
        hosts(4096, 8192), SPEC.replace(retry=["cn-2"])
    )
    assert decision.host == "cn-1"
    assert "already tried" in decision.explain("cn-2")


def test_a_host_in_no_zone_is_in_the_zone_nova():
    zone = Aggregate("a", hosts=["cn-1"], metadata={"availability_zone": "az-1"})
    both = hosts(4096, 8192)
    fleet = Fleet.from_frame(both.hosts, aggregates=[zone])
    scheduler = nova13.FilterScheduler()
    asked = SPEC.replace(availability_zone="az-1")
    assert scheduler.select_destinations(fleet, asked).host == "cn-1"
    asked = SPEC.replace(availability_zone="nova")
    assert scheduler.select_destinations(fleet, asked).host == "cn-2"


def test_a_multi_create_consumes_between_its_servers():
    decision = nova13.FilterScheduler().select_destinations(
        hosts(4096, 3584), SPEC.replace(num_instances=3)
    )
    assert decision.hosts == ["cn-1", "cn-2", "cn-1"]
