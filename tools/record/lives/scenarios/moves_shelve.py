"""Shelve, offload and unshelve: from each state, by the clock, and failing at each step."""

import time

from tools.record.lives.faults import RAISES
from tools.record.lives.scenarios import scenario

NEVER = [(None, "shelved_offload_time", -1)]
SOON = [(None, "shelved_offload_time", 1)]


@scenario()
def shelve_when_stopped(c, t):
    """What was stopped is active after the unshelve."""
    c.boot()
    c.act("os-stop")
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    t.act_step("unshelve", status="ACTIVE")


@scenario()
def shelve_when_paused(c, t):
    c.boot()
    c.act("pause")
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    t.act_step("unshelve", status="ACTIVE")


@scenario(options=NEVER)
def shelve_when_suspended(c, t):
    c.boot()
    c.act("suspend")
    t.act_step("shelve", status="SHELVED")
    t.act_step("unshelve", status="ACTIVE")


@scenario(options=SOON)
def shelve_offload_by_the_clock(c, t):
    """The periodic task offloads what has been shelved for shelved_offload_time."""
    c.boot()
    t.act_step("shelve", status="SHELVED")
    time.sleep(2)
    t.periodic("_poll_shelved_instances", "host1", status="SHELVED_OFFLOADED")


@scenario()
def shelve_fails_to_power_off(c, t):
    """The guest cannot be switched off."""
    c.boot()
    c.fault("power_off", raises=RAISES["ValueError"])
    t.act_step("shelve")


@scenario()
def shelve_fails_to_snapshot(c, t):
    """The image cannot be made: the guest stays switched off."""
    c.boot()
    c.fault("snapshot", raises=RAISES["ValueError"])
    t.act_step("shelve")


@scenario(options=NEVER)
def shelve_fails_to_offload(c, t):
    """The guest cannot be destroyed; then the same again without the fault."""
    c.boot()
    t.act_step("shelve", status="SHELVED")
    fault = c.fault("destroy", raises=RAISES["ValueError"])
    t.act_step("shelveOffload")
    fault.let_go()
    with t.step("shelveOffload again"):
        t.act("shelveOffload")


@scenario()
def unshelve_fails(c, t):
    """The guest cannot be started; then the same again without the fault."""
    c.boot()
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    fault = c.fault("spawn", raises=RAISES["ValueError"])
    t.act_step("unshelve")
    fault.let_go()
    with t.step("unshelve again"):
        t.act("unshelve")


@scenario(fresh=True)
def unshelve_no_valid_host(c, t):
    """No host is up any more."""
    c.boot()
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    c.take_down("host1")
    c.take_down("host2")
    t.act_step("unshelve", status="SHELVED_OFFLOADED")


@scenario(fresh=True)
def unshelve_elsewhere(c, t):
    """The host that it was on is down by now."""
    c.boot()
    t.act_step("shelve", status="SHELVED_OFFLOADED")
    c.take_down("host1")
    t.act_step("unshelve", status="ACTIVE")


@scenario(options=NEVER)
def delete_when_shelved(c, t):
    """Shelved, not offloaded: the image goes too."""
    c.boot()
    c.act("shelve")
    t.delete_step()
