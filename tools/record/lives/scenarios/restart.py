"""A nova-compute that dies in the middle and starts again (ComputeManager._init_instance)."""

from tools.record.lives.scenarios import scenario


def dies(c, t, step, label, ask):
    """Play *ask*; when somebody waits at *step*, let host1's nova-compute die and start again."""
    held = c.hold(step, "host1")
    with t.step(f"{label}, nova-compute dies in the middle"):
        ask()
        c.wait_for(held)
    with t.step("nova-compute starts again"):
        c.crash("host1")
        c.start_again("host1")


@scenario(fresh=True)
def restart_before_claim(c, t):
    """The compute had begun to build and had not claimed: the row names no host."""
    dies(c, t, "claim", "create", t.create)


@scenario(fresh=True)
def restart_while_networking(c, t):
    dies(c, t, "prepare_for_spawn", "create", t.create)


@scenario(fresh=True)
def restart_while_block_device_mapping(c, t):
    dies(c, t, "block_device_mapping", "create", t.create)


@scenario(fresh=True)
def restart_while_spawning(c, t):
    dies(c, t, "spawn", "create", t.create)


@scenario(fresh=True)
def restart_while_powering_off(c, t):
    c.boot()
    dies(c, t, "power_off", "stop", lambda: t.act("stop", "os-stop"))


@scenario(fresh=True)
def restart_while_rebooting(c, t):
    c.boot()
    dies(c, t, "reboot", "reboot_soft", lambda: t.act("reboot_soft", "reboot", {"type": "SOFT"}))


@scenario(fresh=True)
def restart_while_uploading(c, t):
    c.boot()
    dies(c, t, "uploading", "createImage", lambda: t.act("createImage", value={"name": "snap"}))


@scenario(fresh=True)
def restart_while_deleting(c, t):
    c.boot()
    dies(c, t, "destroy", "delete", t.delete)


@scenario(fresh=True)
def restart_when_idle(c, t):
    """Nothing was going on."""
    c.boot()
    with t.step("nova-compute starts again"):
        c.crash("host1")
        c.start_again("host1")
