"""Each weigher on four hosts that fit on a slide, beside what Nova documents."""

import numpy as np
import pytest

from labkit import (
    Aggregate,
    BaseHostWeigher,
    Flavor,
    Fleet,
    ImageMeta,
    InstanceGroup,
    Options,
    RequestSpec,
)
from labkit.decision import select_destinations
from labkit.nova.exception import ComputeHostMetricNotFound
from labkit.nova.objects import Destination
from labkit.nova.scheduler.weights import all_weighers
from labkit.nova.weights import normalize

#: A request that takes nothing of what is weighed: room is a resource of its own.
NOTHING = RequestSpec(Flavor(vcpus=0, memory_mb=0, extra_specs={"resources:CUSTOM_ROOM": "1"}))


def fleet(rows, **tables):
    """Return hosts with room."""
    room = [{"host": row["host"], "resource_class": "CUSTOM_ROOM", "total": 9} for row in rows]
    return Fleet(rows, inventories=room, **tables)


def weighed(weigher, column, request=NOTHING, options=None, **tables):
    """Run one weigher over cn-1 ... cn-4, which differ in one column; the rest is alike."""
    name, values = column
    rows = [{"host": f"cn-{k}", name: value} for k, value in enumerate(values, 1)]
    options = Options(weight_classes=[weigher], **(options or {}))
    return select_destinations(fleet(rows, **tables), request, options).weights


def scores(*args, **kwargs):
    return weighed(*args, **kwargs).score.tolist()


@pytest.mark.parametrize(
    ("weigher", "column", "expected"),
    [
        ("RAMWeigher", ("free_ram_mb", [512, 1024, 3072, 8192]), [0.0625, 0.125, 0.375, 1.0]),
        ("RAMWeigher", ("free_ram_mb", [-512, 0, 512, 1024]), [0.0, 0.0, 0.5, 1.0]),
        ("RAMWeigher", ("free_ram_mb", [512] * 4), [1.0] * 4),
        ("RAMWeigher", ("free_ram_mb", [0] * 4), [0.0] * 4),
        ("DiskWeigher", ("free_disk_mb", [0, 1024, 2048, 4096]), [0.0, 0.25, 0.5, 1.0]),
        ("CPUWeigher", ("vcpus_total", [0, 4, 8, 16]), [0.0, 0.25, 0.5, 1.0]),
        ("IoOpsWeigher", ("num_io_ops", [0, 1, 2, 4]), [-0.0, -0.25, -0.5, -1.0]),
        ("NumInstancesWeigher", ("num_instances", [0, 1, 2, 4]), [0.0] * 4),
        ("HypervisorVersionWeigher", ("hypervisor_version", [None, 0, 5, 10]), [0, 0, 0.5, 1.0]),
        ("BuildFailureWeigher", ("failed_builds", [0, 1, 2, 4]), [-0.0, -25e4, -5e5, -1e6]),
        ("BuildFailureWeigher", ("failed_builds", [3] * 4), [-0.0] * 4),
    ],
)
def test_a_weigher_scores_four_hosts(weigher, column, expected):
    assert scores(weigher, column) == expected


def test_pci_weigher_keeps_hosts_with_devices_free():
    pools = [{"host": "cn-2", "count": 2}, {"host": "cn-3", "count": 4}]
    table = weighed("PCIWeigher", ("num_instances", [0] * 3), pci_pools=pools)
    assert table.raw.tolist() == [100, 98, 96]
    many = [{"host": "cn-1", "count": 250}]
    assert weighed("PCIWeigher", ("num_instances", [0] * 2), pci_pools=many).raw.tolist() == [
        1,
        100,
    ]


def test_soft_affinity_counts_the_groups_own_servers():
    there = {"cn-1": {"a": {}, "b": {}, "x": {}}, "cn-3": {"c": {}}}
    column = ("num_instances", [0] * 4)
    for policy, weigher, expected in (
        ("soft-affinity", "ServerGroupSoftAffinityWeigher", [1.0, 0.0, 0.5, 0.0]),
        ("soft-anti-affinity", "ServerGroupSoftAntiAffinityWeigher", [0.0, 1.0, 0.5, 1.0]),
        ("soft-affinity", "ServerGroupSoftAntiAffinityWeigher", [0.0] * 4),
    ):
        spec = NOTHING.replace(instance_group=InstanceGroup(policy, members=["a", "b", "c"]))
        assert scores(weigher, column, spec, instances=there) == expected


def test_cross_cell_prefers_the_servers_own_cell():
    column = ("cell_uuid", ["cell1", "cell2", "cell1", "cell2"])
    own = NOTHING.replace(
        requested_destination=Destination(cell="cell2", allow_cross_cell_move=True)
    )
    assert weighed("CrossCellWeigher", column, own).raw.tolist() == [-1, 1, -1, 1]
    assert scores("CrossCellWeigher", column) == [0.0] * 4


def test_image_properties_count_servers_alike():
    there = {
        "cn-1": {"a": {"os_distro": "ubuntu"}, "b": {"os_distro": "ubuntu", "hw_disk_bus": "scsi"}},
        "cn-2": {"c": {"hw_disk_bus": "scsi"}},
    }
    spec = NOTHING.replace(
        image=ImageMeta(properties={"os_distro": "ubuntu", "hw_disk_bus": "scsi"})
    )
    column = ("num_instances", [0] * 3)
    run = {"request": spec, "instances": there}
    on = {"image_props_weight_multiplier": 1.0}
    assert weighed("ImagePropertiesWeigher", column, options=on, **run).raw.tolist() == [3, 1, 0]
    setting = on | {"image_props_weight_setting": ["os_distro=2", "broken"]}
    raw = weighed("ImagePropertiesWeigher", column, options=setting, **run).raw
    assert raw.tolist() == [4, 0, 0]
    aggregate = Aggregate("a", ["cn-1"], {"image_props_weight_multiplier": "9"})
    off = weighed("ImagePropertiesWeigher", column, aggregates=[aggregate], **run)
    assert off.raw.tolist() == [0, 0, 0]  # the option is 0: an aggregate alone does nothing


def metrics(*values):
    return ("metrics", [{} if value is None else {"cpu.percent": value} for value in values])


def test_metrics_are_weighed_by_their_ratio_and_missed_if_required():
    options = {"weight_setting": ["cpu.percent=-1.0"]}
    assert scores("MetricsWeigher", metrics(10, 20, 30), options=options) == [1.0, 0.5, 0.0]
    text = r"Metric cpu\.percent could not be found on the compute host node cn-2\.cn-2\."
    with pytest.raises(ComputeHostMetricNotFound, match=text):
        weighed("MetricsWeigher", metrics(10, None), options=options)
    options["required"] = False
    raw = weighed("MetricsWeigher", metrics(10, None), options=options).raw
    assert raw.tolist() == [-10.0, -10000.0]
    options["weight_multiplier"] = 0.0  # nothing to lose: the missing metric is passed over
    raw = weighed("MetricsWeigher", metrics(10, None), options=options).raw
    assert raw.tolist() == [-10.0, 0.0]


def test_the_smallest_number_of_the_aggregates_overrides_the_option():
    column = ("free_ram_mb", [1024, 1024, 1024, 1024])
    aggregates = [
        Aggregate("a", ["cn-1", "cn-2"], {"ram_weight_multiplier": "5"}),
        Aggregate("b", ["cn-2"], {"ram_weight_multiplier": "-2.5"}),
        Aggregate("c", ["cn-3"], {"ram_weight_multiplier": "much"}),
    ]
    table = weighed(
        "RAMWeigher", column, options={"ram_weight_multiplier": 3}, aggregates=aggregates
    )
    assert table.multiplier.tolist() == [5.0, -2.5, 3.0, 3.0]


def test_build_failures_turn_the_sign_of_an_override_too():
    aggregate = Aggregate("a", ["cn-1"], {"build_failure_weight_multiplier": "7"})
    column = ("failed_builds", [1, 0])
    assert scores("BuildFailureWeigher", column, aggregates=[aggregate]) == [-7.0, -0.0]


def test_equal_weights_keep_the_order_of_the_fleet():
    rows = [{"host": name} for name in ("c", "a", "b")]
    ranking = select_destinations(fleet(rows), NOTHING).placements
    assert ranking.host.tolist() == ["c", "a", "b"]


def test_weighers_run_in_one_order_and_weight_classes_is_honoured():
    rows = [{"host": "a"}, {"host": "b"}]
    names = select_destinations(fleet(rows), NOTHING).weights.weigher.unique().tolist()
    assert names == [cls.__name__ for cls in all_weighers()]
    two = Options(weight_classes="nova.scheduler.weights.ram.RAMWeigher, CPUWeigher")
    names = select_destinations(fleet(rows), NOTHING, two).weights.weigher.unique().tolist()
    assert names == ["RAMWeigher", "CPUWeigher"]


class Twice(BaseHostWeigher):
    """A whole list at once, with a multiplier of its own, as Nova allows."""

    maxval = 3

    def weight_multiplier(self, host_state):
        return 10.0 if host_state.host == "cn-1" else 1.0

    def _weigh_object(self, host_state, weight_properties):
        raise NotImplementedError

    def weigh_objects(self, weighed_obj_list, weight_properties):
        return [2 * one.obj.num_instances for one in weighed_obj_list]


def test_a_list_weigher_with_its_own_multiplier():
    table = weighed(Twice, ("num_instances", [1, 0, 1]))
    assert table.raw.tolist() == [2, 0, 2]  # a list weigher clamps for itself, or not at all
    assert np.allclose(table.score, [10 * 2 / 3, 0, 2 / 3])


def test_built_in_weighers_answer_for_one_host_too():
    from labkit.nova.scheduler.weights.ram import RAMWeigher

    class Double(RAMWeigher):
        def _weigh_object(self, host_state, weight_properties):
            return 2 * super()._weigh_object(host_state, weight_properties)

    table = weighed(Double, ("free_ram_mb", [100, 200]))
    assert table.raw.tolist() == [200, 400]
    assert RAMWeigher().weight_multiplier(Fleet([{"host": "a"}])["a"]) == 1.0


@pytest.mark.parametrize(
    ("weights", "ends", "expected"),
    [
        ([10, 11], {}, [0.0, 1.0]),
        ([5, 5, 5], {}, [0.0, 0.0, 0.0]),
        ([5, 5, 5], {"minval": 0}, [1.0, 1.0, 1.0]),
        ([0, 0], {"minval": 0}, [0.0, 0.0]),
        ([1, 2], {"maxval": 5}, [0.0, 0.25]),
        ([-1, -5], {"minval": 0}, [1.0, 5.0]),
        ([7], {}, [0.0]),
        ([], {}, []),
    ],
)
def test_normalize_on_a_slide(weights, ends, expected):
    assert normalize(weights, **ends) == expected
