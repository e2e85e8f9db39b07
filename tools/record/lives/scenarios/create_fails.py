"""Creation that fails on its way."""

from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario


@scenario()
def create_no_valid_host(c, t):
    """Placement knows no host with that much disk; the server lies in cell0."""
    t.create_step("ERROR", flavor="huge")


@scenario()
def create_reschedule(c, t):
    """The spawn on host1 fails for want of resources; host2 works."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ACTIVE")


@scenario()
def create_reschedule_unexpected(c, t):
    """The spawn on host1 fails with an unexpected exception; host2 works."""
    c.fault("spawn", host="host1", raises=RAISES["ValueError"])
    t.create_step("ACTIVE")


@scenario()
def create_reschedule_claim(c, t):
    """The claim on host1 fails; host2 works."""
    c.fault("claim", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ACTIVE")


@scenario()
def create_exhausted_alternates(c, t):
    """Two hosts, and the spawn fails on both."""
    c.fault("spawn", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ERROR")


@scenario(hosts=("host1", "host2", "host3", "host4"))
def create_max_attempts(c, t):
    """Four hosts, and the spawn fails on each: three are tried ([scheduler]max_attempts=3)."""
    c.fault("spawn", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ERROR")


@scenario(options=[("scheduler", "max_attempts", 1)])
def create_max_attempts_1(c, t):
    """The spawn on host1 fails, and no second host may be tried."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ERROR")


@scenario()
def create_fails_on_forced_host(c, t):
    """The spawn fails on the host that was forced (availability_zone nova:host1)."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    t.create_step("ERROR", availability_zone="nova:host1")


@scenario(hosts=("host1", "host2", "host3"), fresh=True)
def create_race(c, t):
    """Two requests choose host1, where 1 GiB is left: the second claim is refused there, and
    host2 is next; its build fails there, and among its alternates is host1, which is refused again."""
    c._reserve_placement_resource("host1", "DISK_GB", 1027)
    c.fault("spawn", host="host2", raises=RAISES["ComputeResourcesUnavailable"])
    two_at_once(c, t)


@scenario(hosts=("host1",), fresh=True)
def create_race_lost(c, t):
    """Two requests choose the one host, where 1 GiB is left: for the second there is no host."""
    c._reserve_placement_resource("host1", "DISK_GB", 1027)
    two_at_once(c, t)


def two_at_once(c, t):
    """Two requests; both have read what placement and the hosts say when the first one claims."""
    first, second = c.hold("claim_resources"), c.hold("claim_resources")
    with t.step("create twice"):
        t.create()
        c.wait_for(first)
        t.create(name="web-2")
        c.wait_for(second)
        first.let_go()
        c.stalled()
        second.let_go()


@scenario(fresh=True)
def create_two_one_each(c, t):
    """One request for two servers, and 1 GiB left on each host: the second claim is refused on host1."""
    for host in ("host1", "host2"):
        c._reserve_placement_resource(host, "DISK_GB", 1027)
    held = c.hold("handle build_and_run_instance", "host2")  # until the first host is through
    with t.step("create two"):
        t.create(min_count=2, max_count=2)
        t.siblings()
        c.wait_for(held)
        held.let_go()


@scenario(hosts=("host1",), fresh=True)
def create_two_room_for_one(c, t):
    """One request for two servers, and 1 GiB left: what was claimed for the first is given back."""
    c._reserve_placement_resource("host1", "DISK_GB", 1027)
    with t.step("create two"):
        t.create(min_count=2, max_count=2)
        t.siblings()


@scenario(fresh=True)
def create_alternate_full(c, t):
    """The spawn on host1 fails, and in the meantime host2 has no vCPU left."""
    held = c.hold("spawn", host="host1")
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    with t.step("create", "ERROR"):
        t.create()
        c.wait_for(held)
        c._reserve_placement_resource("host2", "VCPU", 10)
        held.let_go()


@scenario()
def create_abort(c, t):
    """The driver raises BuildAbortException: no second host is tried."""
    c.fault("spawn", raises=RAISES["BuildAbortException"])
    t.create_step("ERROR")


@scenario()
def create_image_unacceptable(c, t):
    """The driver cannot use the image: no second host is tried."""
    c.fault("spawn", raises=RAISES["ImageUnacceptable"])
    t.create_step("ERROR")


@scenario()
def create_disk_smaller_than_image(c, t):
    """Unpacked, the image is larger than the flavor's disk: no second host is tried."""
    c.fault("spawn", raises=RAISES["FlavorDiskSmallerThanImage"])
    t.create_step("ERROR")


@scenario()
def create_network_fails(c, t):
    """Neutron fails on host1 with an error of its own; seen in spawn, then host2 works."""
    c.fault("neutron allocate_for_instance", host="host1", raises=RAISES["NovaException"])
    t.create_step("ACTIVE")


@scenario()
def create_network_no_more_fixed_ips(c, t):
    """Neutron has no address left: no second host is tried."""
    c.fault("neutron allocate_for_instance", raises=RAISES["NoMoreFixedIps"])
    t.create_step("ERROR")


@scenario()
def create_vif_fails(c, t):
    """The interface does not come up in time: no second host is tried."""
    c.fault("spawn", raises=RAISES["VirtualInterfaceCreateException"])
    t.create_step("ERROR")


@scenario()
def create_block_device_fails(c, t):
    """The block devices cannot be prepared: no second host is tried."""
    c.fault("block_device_mapping", raises=RAISES["InvalidBDM"])
    t.create_step("ERROR")


@scenario()
def create_block_device_fails_unexpectedly(c, t):
    """As above, with an exception that nobody expects."""
    c.fault("block_device_mapping", raises=RAISES["ValueError"])
    t.create_step("ERROR")


@scenario()
def create_reschedule_then_abort(c, t):
    """The spawn on host1 fails for want of resources, on host2 with BuildAbortException."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    c.fault("spawn", host="host2", raises=RAISES["BuildAbortException"])
    t.create_step("ERROR")


@scenario()
def create_cleanup_fails(c, t):
    """The spawn on host1 fails, and so does cleaning up after it: no second host is tried."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"])
    c.fault("destroy", host="host1", raises=RAISES["ValueError"])
    t.create_step("ERROR")
