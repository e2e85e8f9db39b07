"""Creation that works, and creation that is refused."""

from tools.record.lives.cloud import IMAGE
from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario


@scenario()
def create(c, t):
    """A server comes up."""
    t.create_step("ACTIVE")


@scenario()
def create_two(c, t):
    """One request for two servers (min_count 2); both fit on host1."""
    with t.step("create two"):
        t.create(min_count=2, max_count=2)
        t.siblings()


@scenario()
def create_two_of_which_one_is_rescheduled(c, t):
    """One request for two servers; the first spawn on host1 fails."""
    c.fault("spawn", host="host1", raises=RAISES["ComputeResourcesUnavailable"], times=1)
    with t.step("create two"):
        t.create(min_count=2, max_count=2)
        t.siblings()


@scenario()
def create_two_no_valid_host(c, t):
    """One request for two servers that no host can hold; both lie in cell0."""
    with t.step("create two"):
        t.create(flavor="huge", min_count=2, max_count=2)
        t.siblings()


@scenario(options=[(None, "max_concurrent_builds", 1)])
def create_two_one_at_a_time(c, t):
    """As create_two, with max_concurrent_builds=1: the second waits for the first."""
    with t.step("create two"):
        t.create(min_count=2, max_count=2)
        t.siblings()


@scenario()
def create_without_network(c, t):
    """networks: none; Neutron is not asked for ports."""
    t.create_step("ACTIVE", networks="none")


@scenario()
def create_on_named_host(c, t):
    """The host is named (microversion 2.74); host1 is not considered."""
    t.create_step("ACTIVE", host="host2")


@scenario()
def create_refused(c, t):
    """What the API refuses before anything is made: status and words."""
    t.refused("no such flavor", flavorRef="none")
    t.refused("no such image", imageRef="11111111-2222-4333-8444-555555555555")
    t.refused("no such network", networks=[{"uuid": "11111111-2222-4333-8444-555555555555"}])
    t.refused("no such key", key_name="none")
    t.refused("no such host", host="host9")
    t.refused("no such zone", availability_zone="none")
    t.refused("no name", name="")
    t.refused("no image and no volume", imageRef="")
    t.refused("min_count above max_count", min_count=3, max_count=2)
    change_image(c, min_ram=1024)
    t.refused("too little RAM for the image")
    change_image(c, min_ram=0, min_disk=2)
    t.refused("too small a disk for the image")
    change_image(c, min_disk=0, size=2 * 1024**3)
    t.refused("the image is larger than the disk")
    change_image(c, size=25165824, status="deactivated")
    t.refused("the image is not active")
    change_image(c, status="active")
    c.flag("quota", "instances", 0)
    t.refused("quota of servers")
    c.flag("quota", "instances", 10)
    c.flag("quota", "cores", 1)
    t.refused("quota of vCPUs", flavorRef="big")
    c.flag("quota", "cores", 20)


def change_image(c, **fields):
    """Change what Glance says of the image."""
    c.glance.images[IMAGE].update(fields)


@scenario()
def create_over_quota_in_the_meantime(c, t):
    """The quota is used up between the API's check and the conductor's (quota.recheck_quota)."""
    held = c.hold("handle select_destinations")
    with t.step("create"):
        t.create()
        c.wait_for(held)
        c.flag("quota", "instances", 0)
        held.let_go()
    c.flag("quota", "instances", 10)


@scenario()
def create_when_the_message_is_lost(c, t):
    """The cast to the compute is lost: nobody notices."""
    c.fault("cast build_and_run_instance", lost=True)
    t.create_step("BUILD")
    t.delete_step()


@scenario(options=[(None, "instance_build_timeout", 600)])
def create_times_out(c, t):
    """The driver takes too long for instance_build_timeout, and is through after all."""
    held = c.hold("spawn", host="host1")
    with t.step("create"):
        t.create()
        c.wait_for(held)
    c.age("created_at")
    t.periodic("_check_instance_build_time", "host1", status="ERROR")
    with t.step("the spawn ends"):
        held.let_go()


@scenario(fresh=True)
def create_when_host_down(c, t):
    """Nobody runs on host1, and Nova knows: the scheduler takes host2."""
    c.take_down("host1")
    t.create_step("ACTIVE")


@scenario(fresh=True)
def create_when_all_hosts_down(c, t):
    """No compute service is up: the filters leave no host."""
    c.take_down("host1")
    c.take_down("host2")
    t.create_step("ERROR")


@scenario(fresh=True)
def create_when_host_down_unnoticed(c, t):
    """Nobody runs on host1, and Nova does not know yet: the message waits for it."""
    c.take_down("host1", forced=False)
    t.create_step("BUILD")
    t.delete_step()


@scenario()
def create_reset_while_spawning(c, t):
    """Somebody resets the state while the guest is being made: who wins, and what is left."""
    held = c.hold("spawn", "host1")
    with t.step("create, reset in the middle"):
        t.create()
        c.wait_for(held)
        t.act("reset", "os-resetState", {"state": "active"})
        c.stalled()
        held.let_go()
    t.act_step("reboot_hard", "reboot", {"type": "HARD"})
    t.delete_step()
