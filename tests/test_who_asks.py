"""Who asks a Cloud, and with which arguments: as the real Nova 34.0.0 was seen to answer.

Each answer here was given by a whole Nova in one process, asked over REST by users of its own.
"""

import random

import pytest

from labkit import (
    Aggregate,
    BaseHostWeigher,
    Cloud,
    Fault,
    Flavor,
    Fleet,
    ImageMeta,
    LibvirtDriver,
    Options,
    RequestContext,
    RequestSpec,
)
from labkit.nova import exception
from labkit.nova.api.openstack import servers
from labkit.nova.objects import Destination
from labkit.nova.service import expected

ROW = {"total_usable_ram_mb": 8192, "free_ram_mb": 7680, "vcpus_total": 10}
ROW |= {"total_usable_disk_gb": 100, "free_disk_mb": 100 * 1024}
ZONES = (
    Aggregate("A", ["host1"], {"availability_zone": "az-a"}),
    Aggregate("B", ["host2"], {"availability_zone": "az-b"}),
)
SMALL, ZERO = Flavor(1, 512, 1, name="small"), Flavor(1, 512, 0, name="zero")
TWO, TWOB, BIG = Flavor(1, 512, 2), Flavor(2, 512, 2), Flavor(2, 1024, 1)
RULE = "Policy doesn't allow os_compute_api:{} to be performed."
DESTINATION = "Policy doesn't allow compute:servers:create:requested_destination to be performed."
FORCED = RULE.format("servers:create:forced_host")
NO_ZONE = "The requested availability zone is not available"
EXCLUSIVE = (
    "One mechanism with host and/or hypervisor_hostname and another mechanism with zone:host:node"
    " are mutually exclusive."
)
DISKLESS = "Only volume-backed servers are allowed for flavors with zero disk."
BAD_NAME = (
    "An invalid 'name' value was provided. The name must be: printable characters. Can not start"
    " or end with whitespace."
)
TOO_MANY = "Quota exceeded for {0}: Requested {1}, but already used {2} of {3} {0}"
UNEXPECTED = "Unexpected API Error. Please contact the administrator\n<class '{}'>"


class First(BaseHostWeigher):
    """The hosts in the order of their names."""

    def _weigh_object(self, host_state, weight_properties):
        return -int(host_state.host[4:])


def make(hosts=3, aggregates=ZONES, **how):
    """A cloud that prefers the first host."""
    options = how.pop("options", {}) | {"weight_classes": [First]}
    fleet = Fleet([{"host": f"host{k + 1}"} | ROW for k in range(hosts)], aggregates)
    return Cloud(fleet, Options(**options), **how)


def said(work):
    """Status and words of an answer."""
    try:
        return work(), ""
    except Exception as error:
        if not expected(error):
            raise
        return servers.status_of(error), servers.words_of(error)


def create(cloud, who="owner", flavor=SMALL, name="web", **spec):
    """The answer to a create, and where the server is in the end."""
    answer = said(lambda: cloud.create(name, RequestSpec(flavor, **spec), as_user=who))
    cloud.settle()
    shown = cloud.show(name) if answer[0] == 202 else None
    return *answer, shown and shown["host"]


def act(cloud, who, action, server="web", **arguments):
    """The answer to an action; the same was foreseen."""
    foreseen = cloud.answer(server, action, as_user=who, **arguments)
    answer = said(lambda: cloud.act(server, action, as_user=who, **arguments))
    assert foreseen == answer
    cloud.settle()
    return answer


def masked(answer, cloud, name="web"):
    return answer[0], answer[1].replace(cloud.site.uuid_of(name), "{uuid}")


# -- create -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "spec", "answer"),
    [
        ("owner", {}, (202, "", "host1")),
        ("reader", {}, (403, RULE.format("servers:create"), None)),
        ("other", {}, (202, "", "host1")),
        ("admin", {}, (202, "", "host1")),
        ("manager", {}, (202, "", "host1")),
        ("owner", {"availability_zone": "nova:host1"}, (403, FORCED, None)),
        ("owner", {"availability_zone": "nope:host1"}, (403, FORCED, None)),
        ("owner", {"availability_zone": "::nonode"}, (403, FORCED, None)),
        ("owner", {"force_hosts": ["host2"]}, (403, FORCED, None)),
        (
            "owner",
            {"availability_zone": "a:b:c:d"},
            (400, "Invalid input received: Unable to parse availability_zone", None),
        ),
        ("owner", {"availability_zone": "internal"}, (202, "", "host1")),
        ("owner", {"availability_zone": "az-b"}, (202, "", "host2")),
        ("owner", {"availability_zone": "az-a:"}, (202, "", "host1")),
        ("owner", {"availability_zone": "nope"}, (400, NO_ZONE, None)),
        ("admin", {"availability_zone": "nope"}, (400, NO_ZONE, None)),
        ("admin", {"availability_zone": "az-a:host2"}, (202, "", "host2")),
        ("admin", {"availability_zone": "nope:host1"}, (202, "", "host1")),
        ("admin", {"availability_zone": "nova:host1"}, (202, "", "host1")),
        ("admin", {"availability_zone": ":host2"}, (202, "", "host2")),
        ("admin", {"availability_zone": "az-a:host1:host1"}, (202, "", "host1")),
        ("admin", {"availability_zone": "az-b::host1"}, (202, "", "host1")),
        ("admin", {"availability_zone": "az-a", "force_hosts": ["host2"]}, (202, "", "host2")),
        ("admin", {"availability_zone": "az-b:nohost"}, (202, "", None)),
        ("owner", {"requested_destination": Destination("host2")}, (403, DESTINATION, None)),
        ("owner", {"requested_destination": Destination(node="x")}, (403, DESTINATION, None)),
        ("admin", {"requested_destination": Destination("host2")}, (202, "", "host2")),
        (
            "admin",
            {"requested_destination": Destination("nohost")},
            (400, "Compute host nohost could not be found.", None),
        ),
        (
            "admin",
            {"requested_destination": Destination(node="nonode")},
            (400, "Compute host nonode could not be found.", None),
        ),
        (
            "admin",
            {"requested_destination": Destination("host2", "host1")},
            (400, "Compute host host2 could not be found.", None),
        ),
        (
            "admin",
            {
                "requested_destination": Destination("host2"),
                "availability_zone": "nova:host1",
            },
            (400, EXCLUSIVE, None),
        ),
        ("owner", {"flavor": ZERO}, (403, DISKLESS, None)),
        ("owner", {"flavor": ZERO, "availability_zone": "nope"}, (400, NO_ZONE, None)),
        ("admin", {"flavor": ZERO}, (202, "", "host1")),
        ("owner", {"name": " x "}, (400, BAD_NAME, None)),
        ("owner", {"name": "x\ty"}, (400, BAD_NAME, None)),
    ],
)
def test_create(who, spec, answer):
    assert create(make(), who, **spec) == answer


@pytest.mark.parametrize("is_admin", [True, False])
def test_the_usual_asker_is_of_the_servers_project(is_admin):
    cloud = make()
    cloud.create("web", RequestSpec(SMALL), is_admin=is_admin)
    assert cloud.site.servers["web"][1].project_id == "project"


def test_a_server_belongs_to_the_project_of_who_creates_it():
    cloud = make()
    create(cloud, "other")
    assert act(cloud, "other", "stop") == (202, "")
    assert act(cloud, "admin", "start") == (202, "")
    asker = RequestContext("mallory", "mallorys", roles=["member", "reader"])
    status, words = masked(act(cloud, asker, "stop"), cloud)
    assert (status, words) == (404, "Instance {uuid} could not be found.")


def test_a_zone_whose_hosts_are_disabled_is_none():
    fleet = Fleet([{"host": "host1", "disabled": True} | ROW, {"host": "host2"} | ROW], ZONES)
    cloud = Cloud(fleet)
    with pytest.raises(exception.InvalidRequest, match=NO_ZONE):
        cloud.create("web", RequestSpec(SMALL, availability_zone="az-a"))
    cloud.host_down("host2", forced=True)  # a host that is down is not disabled
    assert create(cloud, availability_zone="az-b") == (202, "", None)


def test_placement_is_asked_for_the_aggregates_of_the_zone():
    cloud = make()
    create(cloud, availability_zone="az-b")
    query = cloud.calls[cloud.calls.call.str.contains("allocation_candidates")].call.iloc[0]
    assert "&member_of=in%3A{uuid}&" in query


# -- actions by everybody -----------------------------------------------------------------
MOVES = [
    ("other", "migrate", {}, (404, "Instance {uuid} could not be found.")),
    ("other", "delete", {}, (404, "Instance {uuid} could not be found.")),
    ("other", "unlock", {}, (404, "Instance {uuid} could not be found.")),
    ("reader", "delete", {}, (403, RULE.format("servers:delete"))),
    ("reader", "evacuate", {}, (403, RULE.format("os-evacuate"))),
    ("manager", "evacuate", {}, (403, RULE.format("os-evacuate"))),
    ("manager", "resetState", {}, (403, RULE.format("os-admin-actions:reset_state"))),
    ("manager", "shelveOffload", {}, (403, RULE.format("os-shelve:shelve_offload"))),
    ("colleague", "stop", {}, (202, "")),
    ("owner", "migrate", {}, (403, RULE.format("os-migrate-server:migrate"))),
    ("owner", "migrate", {"host": "x"}, (403, RULE.format("os-migrate-server:migrate:host"))),
    ("manager", "migrate", {}, (202, "")),
    ("manager", "migrate", {"host": "x"}, (403, RULE.format("os-migrate-server:migrate:host"))),
    ("admin", "migrate", {"host": "host3"}, (202, "")),
    (
        "admin",
        "migrate",
        {"host": "host1"},
        (400, "Cannot migrate to the host where the server exists."),
    ),
    ("admin", "migrate", {"host": "x"}, (400, "Compute host x could not be found.")),
    (
        "owner",
        "migrateLive",
        {"host": "host3"},
        (403, RULE.format("os-migrate-server:migrate_live:host")),
    ),
    ("owner", "migrateLive", {}, (403, RULE.format("os-migrate-server:migrate_live"))),
    ("manager", "migrateLive", {}, (202, "")),
    ("admin", "migrateLive", {"host": "host1"}, (202, "")),
    ("admin", "migrateLive", {"host": "x"}, (400, "Compute host x could not be found.")),
    (
        "admin",
        "migrateLive",
        {"force": True},
        (400, "Can't force to a non-provided destination"),
    ),
    ("owner", "rename", {"name": " x "}, (400, BAD_NAME)),
    ("owner", "rename", {"name": "x y"}, (200, "")),
    ("owner", "unshelve", {"availability_zone": "az-b"}, (409, None)),
    ("admin", "evacuate", {}, (400, "Compute service of host1 is still in use.")),
    ("admin", "evacuate", {"host": "x"}, (404, "Compute host x not found.")),
    ("admin", "evacuate", {"host": "host1"}, (400, "The target host can't be the same one.")),
    (
        "admin",
        "evacuate",
        {"force": True},
        (400, "Can't force to a non-provided destination"),
    ),
]


@pytest.mark.parametrize(("who", "action", "arguments", "answer"), MOVES)
def test_an_action(who, action, arguments, answer):
    cloud = make()
    create(cloud)
    found = masked(act(cloud, who, action, **arguments), cloud)
    assert found == answer or (found[0], None) == answer


def test_of_an_unbuilt_server_others_are_refused_by_policy():
    cloud = make()
    cloud.create("web", RequestSpec(SMALL))
    assert cloud.answer("web", "delete", as_user="other")[0] == 403
    cloud.settle()
    assert cloud.answer("web", "delete", as_user="other")[0] == 404


def test_evacuate_looks_at_the_host_before_the_states():
    cloud = make()
    create(cloud)
    act(cloud, "owner", "rescue")
    cloud.host_down("host1", forced=True)
    assert act(cloud, "admin", "evacuate", host="x")[0] == 404
    words = "The target host can't be the same one."
    assert act(cloud, "admin", "evacuate", host="host1") == (400, words)
    for arguments in ({"host": "host3"}, {}):
        status, words = act(cloud, "admin", "evacuate", **arguments)
        assert (status, words.endswith("while it is in vm_state rescued")) == (409, True)


def test_a_server_without_a_host_is_not_evacuated():
    cloud = make(options={"shelved_offload_time": 0})
    create(cloud)
    act(cloud, "owner", "shelve")
    act(cloud, "admin", "resetState", state="active")
    words = "The target host can't be the same one."
    assert act(cloud, "admin", "evacuate") == (400, words)
    words = UNEXPECTED.format("nova.exception.ComputeHostNotFound")
    assert act(cloud, "admin", "evacuate", host="host2") == (500, words)
    assert act(cloud, "admin", "evacuate", host="x")[0] == 404


LOCKS = """owner lock 202 owner; reader unlock 403 owner; colleague unlock 202 None;
owner lock 202 owner; admin lock 202 admin; owner unlock 403 admin; manager unlock 403 admin;
admin unlock 202 None; owner unlock 202 None; owner lock 202 owner; admin unlock 202 None;
admin lock 202 admin; owner stop 409 admin; owner lock 202 admin; admin stop 202 admin"""


def test_locks():
    cloud = make()
    create(cloud)
    for line in LOCKS.split(";"):
        who, action, status, locked_by = line.split()
        assert act(cloud, who, action)[0] == int(status), line
        assert str(cloud.site.db.instances[cloud.site.uuid_of("web")]["locked_by"]) == locked_by
    override = RULE.format("os-lock-server:unlock:unlock_override")
    assert cloud.answer("web", "unlock", as_user="owner") == (403, override)


def test_the_reason_of_a_lock_goes_with_it():
    cloud = make()
    create(cloud)
    row = lambda: cloud.site.db.instances[cloud.site.uuid_of("web")]["system_metadata"]  # noqa: E731
    act(cloud, "owner", "lock", locked_reason="why")
    act(cloud, "admin", "lock", locked_reason="because")
    assert row()["locked_reason"] == "because"
    act(cloud, "admin", "unlock")
    assert "locked_reason" not in row()


# -- unshelve -----------------------------------------------------------------------------
def test_unshelve_to_a_zone_or_a_host():
    cloud = make()
    create(cloud)
    act(cloud, "owner", "shelve")

    def ask(who, **arguments):
        answer = act(cloud, who, "unshelve", **arguments)
        host = cloud.show("web")["host"]
        if host:
            act(cloud, "owner", "shelve")
        return *answer, host

    rule = (403, RULE.format("os-shelve:unshelve_to_host"), None)
    assert ask("owner", availability_zone="nope") == (400, NO_ZONE, None)
    assert ask("owner", availability_zone="internal") == (202, "", "host1")
    assert ask("owner", host="x") == rule
    assert ask("owner", availability_zone="az-b") == (202, "", "host2")
    assert ask("owner", availability_zone="az-b", host="host2") == rule
    assert ask("owner", availability_zone=None) == (202, "", "host1")
    assert ask("admin", host="x") == (400, "Compute host x could not be found.", None)
    not_in = 'Host "{}" is not in the availability zone "{}".'.format
    answer = (409, not_in("host3", "az-b"), None)
    assert ask("admin", availability_zone="az-b", host="host3") == answer
    assert ask("admin", availability_zone="az-b") == (202, "", "host2")
    assert ask("admin", host="host1") == (409, not_in("host1", "az-b"), None)
    assert ask("admin", availability_zone=None, host="host1") == (202, "", "host1")
    assert ask("admin", availability_zone="nova") == (202, "", "host1")
    assert ask("admin", host="host1") == (409, not_in("host1", "nova"), None)
    assert ask("admin", host="host3") == (202, "", "host3")
    assert ask("admin") == (202, "", "host1")


def test_only_an_offloaded_server_is_unshelved_elsewhere():
    cloud = make(options={"shelved_offload_time": -1})
    create(cloud)
    act(cloud, "owner", "shelve")
    words = (
        'Specifying an availability zone or a host when unshelving server "{uuid}" with status'
        ' "shelved" is not supported. The server status must be SHELVED_OFFLOADED.'
    )
    for arguments in ({"availability_zone": None}, {"host": "host1"}):
        assert masked(act(cloud, "owner", "unshelve", **arguments), cloud) == (409, words)
    assert act(cloud, "owner", "unshelve") == (202, "")


# -- disks --------------------------------------------------------------------------------
SMALLER = (
    "Flavor's disk is smaller than the minimum size specified in image metadata. Flavor disk is"
    " {} bytes, minimum size is {} bytes."
)


def resize(cloud, flavor, who="owner"):
    answer = act(cloud, who, "resize", flavor=flavor)
    if cloud.show("web")["status"] == "VERIFY_RESIZE":
        act(cloud, "owner", "confirmResize")
    return answer


def test_a_server_remembers_the_disk_that_it_was_built_on():
    cloud, gib = make(), 1024**3
    create(cloud, flavor=TWO)
    assert resize(cloud, SMALL) == (400, SMALLER.format(gib, 2 * gib))
    assert resize(cloud, ZERO)[0] == 400
    ten = Flavor(1, 512, 10)
    for flavor in (ten, TWO, ten):
        assert resize(cloud, flavor) == (202, "")
    assert act(cloud, "owner", "rebuild") == (202, "")
    assert resize(cloud, TWO) == (400, SMALLER.format(2 * gib, 10 * gib))


def test_of_its_image_a_server_remembers_what_it_needs():
    cloud = make()
    create(cloud, image=ImageMeta("image", min_ram=512, min_disk=1, size=1024**3))
    assert resize(cloud, Flavor(1, 256, 2)) == (
        400,
        "Flavor's memory is too small for requested image.",
    )


def test_libvirt_does_not_shrink_a_disk():
    cloud = make(driver=LibvirtDriver)
    create(cloud)
    assert resize(cloud, TWO) == resize(cloud, SMALL) == (202, "")
    assert cloud.show("web")["status"] == "ACTIVE"
    assert cloud.faults.message.tolist() == ["Resize error: Unable to resize disk down."]
    assert cloud.books("web")["allocations"] == {
        cloud.show("web")["host"]: {"VCPU": 1, "MEMORY_MB": 512, "DISK_GB": 2}
    }
    assert not cloud.imbalances()


def test_a_flavor_without_disk_is_for_administrators():
    cloud = make()
    create(cloud, "admin", ZERO)
    cloud.create("web-2", RequestSpec(ZERO))
    cloud.settle()
    for action, arguments in (("rebuild", {}), ("resize", {"flavor": Flavor(2, 512, 0)})):
        answer = act(cloud, "owner", action, server="web-2", **arguments)
        assert answer == (403, DISKLESS)
    assert act(cloud, "admin", "rebuild", server="web-2") == (202, "")
    assert act(cloud, "owner", "resize", server="web-2", flavor=TWO) == (202, "")


# -- quotas -------------------------------------------------------------------------------
def test_quotas_of_a_project():
    cloud = make(quota={"instances": 1}, options={"reclaim_instance_interval": 1000})
    full = (403, TOO_MANY.format("instances", 1, 1, 1))
    assert create(cloud)[0] == 202
    assert create(cloud, name="b")[:2] == full
    assert create(cloud, "admin", name="c")[0] == create(cloud, "other", name="d")[0] == 202
    act(cloud, "owner", "delete")
    assert create(cloud, name="b")[0] == 202
    assert act(cloud, "owner", "restore") == act(cloud, "admin", "restore") == full
    quota = cloud.site.quota
    quota |= {"instances": -1, "cores": 1}
    assert act(cloud, "owner", "restore") == (403, TOO_MANY.format("cores", 1, 1, 1))
    quota["cores"] = -1
    assert act(cloud, "admin", "restore") == (202, "")
    quota["ram"] = 100
    words = UNEXPECTED.format("KeyError")  # Nova trips: of RAM it wants no more
    assert resize(cloud, TWOB) == (500, words)
    assert resize(cloud, BIG) == (403, TOO_MANY.format("ram", 512, 1024, 100))
    assert resize(cloud, TWO) == (202, "")
    quota |= {"ram": -1, "cores": 3}
    assert resize(cloud, TWOB) == (202, "")
    act(cloud, "owner", "resize", flavor=TWO)
    quota["cores"] = 2
    words = UNEXPECTED.format("nova.exception.TooManyInstances")
    assert act(cloud, "owner", "revertResize") == (500, words)
    quota["cores"] = 9
    assert act(cloud, "owner", "revertResize") == (202, "")


def test_quotas_of_a_user():
    cloud = make(quota={"instances": 5}, user_quota={"owner": {"instances": 2}})
    assert create(cloud, name="a")[0] == create(cloud, name="b")[0] == 202
    assert create(cloud, name="c")[:2] == (403, TOO_MANY.format("instances", 1, 2, 2))
    for name in "def":
        assert create(cloud, "colleague", name=name)[0] == 202
    assert create(cloud, "colleague", name="g")[:2] == (403, TOO_MANY.format("instances", 1, 5, 5))
    own = cloud.site.user_quota[cloud.site.keystone.user_id("owner")]
    own |= {"instances": -1, "cores": 1}
    words = "Quota exceeded for cores, instances: Requested 1, 1, but already used 2, 2 of 1, -1"
    assert create(cloud, name="h")[:2] == (403, f"{words} cores, instances")


# -- faults -------------------------------------------------------------------------------
def test_ports_that_cannot_be_updated_end_a_move():
    cloud = make()
    create(cloud)
    act(cloud, "owner", "shelve")
    fault = Fault("network", error=Exception("ConnectionFailed"))
    cloud.add_fault(fault)
    act(cloud, "owner", "unshelve")
    shown = cloud.show("web")
    assert (shown["status"], shown["task_state"], shown["host"]) == (
        "SHELVED_OFFLOADED",
        None,
        None,
    )
    assert cloud.books("web")["allocations"] == {}
    act(cloud, "owner", "unshelve")
    assert cloud.show("web")["status"] == "ACTIVE"
    cloud.host_down("host1", forced=True)
    cloud.add_fault(fault)
    act(cloud, "admin", "evacuate")
    assert (cloud.show("web")["status"], cloud.show("web")["host"]) == ("ERROR", "host1")
    assert cloud.migrations.status.iloc[-1] == "failed"
    assert list(cloud.books("web")["allocations"]) == ["host1"]
    assert cloud.planned_faults.struck.tolist() == [1, 1]


def test_a_fault_that_never_strikes_is_said():
    faults = [Fault("pause", host="host1"), Fault("host_down", host="host3"), Fault("spawn")]
    cloud = make(faults=faults)
    create(cloud)
    table = cloud.planned_faults.set_index("step")
    assert table.struck.to_dict() == {"pause": 0, "host_down": 1, "spawn": 1}
    assert table.loc["pause", "host"] == "host1"
    assert table.actions.to_dict() == {
        "pause": "pause",
        "host_down": "",
        "spawn": "create evacuate rebuild unshelve",
    }


# -- answer and act -----------------------------------------------------------------------
WHO = ("admin", "manager", "owner", "colleague", "reader", "other", None)
WITH = {
    "resize": {"flavor": (SMALL, TWO, BIG, ZERO, Flavor(1, 256, 1))},
    "rebuild": {"image": (ImageMeta("image"), ImageMeta("b", min_disk=2), ImageMeta("c"))},
    "migrate": {"host": ("host1", "host2", "x")},
    "migrateLive": {"host": ("host1", "host2", "x"), "force": (True,)},
    "evacuate": {"host": ("host1", "host2", "x"), "force": (True,)},
    "unshelve": {"host": ("host1", "host3", "x"), "availability_zone": ("az-a", "x", None)},
    "rename": {"name": ("x", " x ")},
    "reboot": {"reboot_type": ("SOFT", "HARD")},
    "resetState": {"state": ("error", "active")},
    "lock": {"locked_reason": ("why",)},
    "createImage": {"name": ("mine",), "metadata": ({"colour": "red"},)},
    "createBackup": {"name": ("mine",)},
}
NEEDED = ("flavor", "name")


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_promised_that_is_refused(seed):
    rng = random.Random(seed)
    options = {"reclaim_instance_interval": rng.choice((0, 1000))}
    options["shelved_offload_time"] = rng.choice((0, -1))
    cloud = make(options=options, quota={"instances": 2, "cores": rng.choice((2, 3, -1))})
    create(cloud)
    # Of changePassword only the host can say whether it works: see ``Cloud.answer``.
    known = {name for name, each in servers.ACTIONS.items() if each.modelled}
    actions = sorted(known - {"changePassword"})
    for _ in range(60):
        if cloud.show("web") is None:
            break
        action, arguments = rng.choice(actions), {}
        if action in ("delete", "forceDelete") and rng.random() < 0.8:
            continue
        for name, values in WITH.get(action, {}).items():
            if rng.random() < 0.5 or (name in NEEDED and action in ("resize", "rename")):
                arguments[name] = rng.choice(values)
        act(cloud, rng.choice(WHO), action, **arguments)
        if rng.random() < 0.15:
            host = cloud.show("web") and cloud.show("web")["host"]
            if host:
                cloud.host_down(host, forced=True)
        elif rng.random() < 0.3:
            for host in cloud.site.fleet.rows:
                if cloud.site.computes[host].stopped:
                    cloud.host_up(host)
        cloud.settle()
        if rng.random() < 0.2:
            cloud.site.quota["cores"] = rng.choice((1, 2, 4, -1))
