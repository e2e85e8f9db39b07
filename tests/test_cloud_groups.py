"""Which servers are where, as the scheduler of a cloud knows it; server groups. Seen in Nova 34.0.0."""

import pytest

from labkit import BaseHostWeigher, Cloud, Fault, Flavor, Fleet, InstanceGroup, Options, RequestSpec
from labkit.nova import exception
from labkit.nova.objects import ImageMeta

SMALL = Flavor(1, 512, 1)
ANTI = "anti-affinity"
HINTS = ["DifferentHostFilter", "SameHostFilter"]


class First(BaseHostWeigher):
    """Prefers the first host."""

    def _weigh_object(self, host_state, weight_properties):
        return -int(host_state.host.removeprefix("host"))


def cloud(hosts=3, instances=None, **options):
    rows = [
        {
            "host": f"host{k}",
            "total_usable_ram_mb": 8192,
            "free_ram_mb": 7680,
            "total_usable_disk_gb": 1000,
            "free_disk_mb": 1024000,
            "vcpus_total": 10,
        }
        for k in range(1, hosts + 1)
    ]
    options = {"weight_classes": [First], "scheduler_instance_sync_interval": -1} | options
    return Cloud(Fleet(rows, instances=instances), Options(**options))


def create(made, name, group=None, **spec):
    """Create a server and return its host; None when it found none."""
    made.create(name, RequestSpec(SMALL, instance_group=group, **spec))
    made.settle()
    return made.show(name)["host"]


def act(made, name, action, **arguments):
    made.act(name, action, **arguments)
    made.settle()
    return made.show(name) and made.show(name)["host"]


def fault(made, name):
    return made.faults[made.faults.instance == name].message.iloc[-1]


def sync(made):
    for host in made.site.computes:
        made.periodic("_sync_scheduler_instance_info", host)
    made.settle()


def test_a_deleted_member_makes_room():
    made, group = cloud(), InstanceGroup(ANTI)
    assert [create(made, name, group) for name in "abc"] == ["host1", "host2", "host3"]
    for name in "abc":
        act(made, name, "delete")
    assert create(made, "d", group) == "host1"


def test_a_deleted_member_holds_nobody_to_its_host():
    made, group = cloud(), InstanceGroup("affinity")
    assert create(made, "a", group) == "host1"
    act(made, "a", "delete")
    made.host_down("host1", forced=True)
    assert create(made, "b", group) == "host2"


def test_who_joins_goes_where_the_member_is_built_in_the_end():
    made, group = cloud(), InstanceGroup("affinity")
    made.add_fault(Fault("spawn", host="host1", times=1))
    assert [create(made, name, group) for name in "ab"] == ["host2", "host2"]


def test_a_member_that_is_to_be_confirmed_counts_on_both_hosts():
    made, group = cloud(), InstanceGroup(ANTI)
    create(made, "a", group)
    assert act(made, "a", "migrate") == "host2"
    assert create(made, "b", group) == "host3"
    act(made, "a", "revertResize")
    assert create(made, "c", group) == "host2"
    sync(made)
    assert create(made, "d", group) is None


@pytest.mark.parametrize("action", ["migrate", "migrateLive"])
def test_a_single_member_of_an_affinity_group_does_not_move(action):
    made, group = cloud(), InstanceGroup("affinity")
    create(made, "a", group)
    assert act(made, "a", action) == "host1"
    assert made.show("a")["status"] == "ACTIVE"
    assert fault(made, "a").startswith("No valid host was found.")


def test_a_single_member_of_an_affinity_group_is_not_evacuated():
    made, group = cloud(), InstanceGroup("affinity")
    create(made, "a", group)
    made.host_down("host1", forced=True)
    act(made, "a", "evacuate")
    assert (made.show("a")["status"], made.show("a")["host"]) == ("ERROR", "host1")


@pytest.mark.parametrize(
    ("policy", "options", "needed"),
    [
        (ANTI, {"enabled_filters": ["ComputeFilter"]}, "ServerGroupAntiAffinityFilter"),
        ("affinity", {"enabled_filters": ["ComputeFilter"]}, "ServerGroupAffinityFilter"),
        ("soft-affinity", {}, "ServerGroupSoftAffinityWeigher"),
        ("soft-anti-affinity", {}, "ServerGroupSoftAntiAffinityWeigher"),
    ],
)
def test_a_policy_that_nothing_enforces_is_refused(policy, options, needed):
    made = cloud(**options)
    assert create(made, "a", InstanceGroup(policy)) is None
    words = f"ServerGroup policy is not supported: {needed} not configured"
    assert (made.show("a")["status"], fault(made, "a")) == ("ERROR", words)


def test_soft_anti_affinity_spreads_and_soft_affinity_packs():
    made = cloud(weight_classes=["nova.scheduler.weights.all_weighers"])
    apart, together = InstanceGroup("soft-anti-affinity"), InstanceGroup("soft-affinity")
    assert len({create(made, name, apart) for name in "abc"}) == 3
    assert create(made, "d", apart) is not None
    assert len({create(made, name, together) for name in "ef"}) == 1


def test_hints_name_any_server_of_the_cloud():
    made = cloud(enabled_filters=HINTS)
    create(made, "a")
    assert create(made, "b", scheduler_hints={"different_host": ["a"]}) == "host2"
    assert create(made, "c", scheduler_hints={"different_host": ["a", "b"]}) == "host3"
    assert create(made, "d", scheduler_hints={"same_host": ["b"]}) == "host2"
    made.act("b", "delete")
    made.settle()
    assert create(made, "e", scheduler_hints={"same_host": ["b"]}) is None


def test_hints_may_name_a_server_by_its_id():
    made = cloud(enabled_filters=HINTS)
    create(made, "a")
    uuid = made.show("a")["id"]
    assert create(made, "b", scheduler_hints={"different_host": [uuid]}) == "host2"


def test_schedulers_learn_of_a_live_migration_at_the_next_sync():
    made = cloud(enabled_filters=HINTS)
    create(made, "a")
    create(made, "x")
    assert act(made, "a", "migrateLive") == "host2"
    assert create(made, "b", scheduler_hints={"same_host": ["a"]}) == "host1"
    sync(made)
    assert create(made, "c", scheduler_hints={"same_host": ["a"]}) == "host2"


def test_the_sync_goes_by_itself_and_sends_no_message():
    made = cloud(enabled_filters=HINTS, scheduler_instance_sync_interval=120)
    create(made, "a")
    create(made, "x")
    act(made, "a", "migrateLive")
    before = len(made.messages)
    made.run(until_s=121)
    assert len(made.messages) == before
    assert create(made, "c", scheduler_hints={"same_host": ["a"]}) == "host2"


def test_without_tracking_the_rows_are_read():
    made = cloud(enabled_filters=HINTS, track_instance_changes=False)
    create(made, "a")
    create(made, "x")
    act(made, "a", "migrateLive")
    assert "update_instance_info" not in made.messages.method.tolist()
    assert create(made, "b", scheduler_hints={"same_host": ["a"]}) == "host2"


def test_servers_that_the_fleet_came_with_count():
    old = {"host2": {"old": {}}}
    made = cloud(instances=old, enabled_filters=HINTS)
    assert create(made, "a", scheduler_hints={"same_host": ["old"]}) == "host2"
    sync(made)
    assert create(made, "b", scheduler_hints={"same_host": ["old"]}) == "host2"
    made, group = cloud(instances=old), InstanceGroup("affinity", members=["old"])
    assert create(made, "a", group) == "host2"


def test_a_custom_filter_sees_the_servers_of_a_host():
    seen = {}

    class Looks(First):
        """Notes what it sees."""

        def _weigh_object(self, host_state, weight_properties):
            servers = host_state.instances.values()
            seen[host_state.host] = [
                (each.uuid, each.flavor.vcpus, each.vm_state) for each in servers
            ]
            return super()._weigh_object(host_state, weight_properties)

    made = cloud(weight_classes=[Looks])
    create(made, "a")
    create(made, "b")
    create(made, "c")
    assert seen["host1"] == [("a", 1, "active"), ("b", 1, "active")]
    assert seen["host2"] == []


def test_like_images_are_packed():
    options = {"weight_classes": ["nova.scheduler.weights.all_weighers"]}
    made = cloud(image_props_weight_multiplier=1e6, **options)
    image = ImageMeta("image", properties={"os_distro": "debian"})
    assert len({create(made, name, image=image) for name in "abc"}) == 1


def test_an_alternate_looks_once_more_whether_the_rule_holds():
    made, group = cloud(), InstanceGroup(ANTI)
    made.add_fault(Fault("spawn", host="host1", times=1))
    for name in "ab":
        made.at(0.0, name, "create", spec=RequestSpec(SMALL, instance_group=group))
    made.settle()
    assert len({made.show(name)["host"] for name in "ab"}) == 2


def test_the_look_on_the_host_can_be_switched_off():
    for off, host in ((False, "host2"), (True, "host1")):
        made, group = cloud(disable_group_policy_check_upcall=off), InstanceGroup(ANTI)
        create(made, "a", group)
        create(made, "b", group)
        assert act(made, "b", "migrateLive", host="host1", force=True) == host


def test_a_new_member_is_told_of():
    made = cloud(notification_format="both")
    create(made, "a", InstanceGroup(ANTI))
    told = made.notifications[made.notifications.event_type.str.contains("group")]
    assert told.event_type.tolist() == ["servergroup.addmember", "server_group.add_member"]


@pytest.mark.parametrize(
    ("extra_specs", "words"),
    [
        ({"hw:cpu_policy": "dedicated"}, "does not pin CPUs .* leave it out, or say 'shared'"),
        ({"hw:mem_page_size": "large"}, "does not model extra spec 'hw:mem_page_size'; leave it"),
        ({"hw:numa_nodes": "2"}, "does not model extra spec 'hw:numa_nodes'; leave it out"),
        ({"resources1:VCPU": "1"}, "ask for all in one, as resources:VCPU"),
        ({"os:secure_boot": "required"}, "does not model extra spec 'os:secure_boot'; leave it"),
    ],
)
def test_what_is_left_out_is_refused_at_the_request(extra_specs, words):
    made, flavor = cloud(), Flavor(1, 512, 1, extra_specs=extra_specs)
    with pytest.raises(exception.NotModelled, match=words):
        made.create("a", RequestSpec(flavor))
    with pytest.raises(exception.NotModelled, match=words):
        made.at(1.0, "a", "create", spec=RequestSpec(flavor))
    create(made, "b")
    for ask in (made.act, made.answer):
        with pytest.raises(exception.NotModelled, match=words):
            ask("b", "resize", flavor=flavor)
    assert len(made.requests) == 1
    assert made.show("b")["status"] == "ACTIVE"


def test_an_image_that_is_left_out_is_refused_at_the_request():
    made = cloud()
    image = ImageMeta("image", properties={"hw_cpu_policy": "dedicated"})
    with pytest.raises(exception.NotModelled, match=r"image property 'hw_cpu_policy'"):
        made.create("a", RequestSpec(SMALL, image))
    with pytest.raises(exception.NotModelled, match=r"leave image= out, or write image="):
        made.create("a", RequestSpec(SMALL, None))
    create(made, "b")
    with pytest.raises(exception.NotModelled, match=r"image property 'hw_cpu_policy'"):
        made.act("b", "rebuild", image=image)
    with pytest.raises(exception.NotModelled, match=r"hw_numa_cpus"):
        ImageMeta("image", properties={"hw_numa_cpus.0": "0"})


def test_shared_cpus_are_no_pinning():
    made = cloud()
    made.create("a", RequestSpec(Flavor(1, 512, 1, extra_specs={"hw:cpu_policy": "shared"})))
    made.settle()
    assert made.show("a")["status"] == "ACTIVE"


def test_a_group_is_named_by_itself():
    with pytest.raises(ValueError, match=r"hint 'group': name the group itself"):
        cloud().create("a", RequestSpec(SMALL, scheduler_hints={"group": "g"}))


def test_a_flavor_that_asks_for_nothing_finds_no_host():
    made = cloud()
    nothing = dict.fromkeys(("resources:VCPU", "resources:MEMORY_MB", "resources:DISK_GB"), "0")
    made.create("a", RequestSpec(Flavor(1, 1, 1, extra_specs=nothing)))
    made.settle()
    assert made.show("a")["status"] == "ERROR"
    assert fault(made, "a") == "No valid host was found. "
    asked = made.calls[made.calls.call.str.contains("allocation_candidates")]
    assert asked.http_status.tolist() == [400]


def test_a_build_that_takes_too_long_is_in_error_after_a_minute():
    made = cloud(instance_build_timeout=30)
    made.add_fault(Fault("spawn", delay_s=200.0))
    made.create("a", RequestSpec(SMALL))
    made.run(until_s=59)
    assert made.show("a")["status"] == "BUILD"
    made.run(until_s=61)
    assert made.show("a")["status"] == "ERROR"
