"""Which request each thing belongs to, and with whose rights each message is sent."""

from tools.record.lives import cloud as nova_cloud
from tools.record.lives import hooks_contexts, lifecycle, scenarios
from tools.record.lives.recorder import REC
from tools.record.lives.trace import Trace

#: Scenarios in which an ordinary user asks; in the others it is the administrator.
USER = """create create_two create_reschedule create_max_attempts create_no_valid_host delete
delete_in_cell0 delete_when_host_down delete_while_spawning delete_while_resizing
delete_when_resized stop_start pause_unpause suspend_resume reboot reboot_hard_while_rebooting
rescue_unrescue create_image create_image_twice create_backup set_password lock_unlock
soft_delete_restore soft_delete_reclaim power_sync_guest_died restart_while_powering_off
restart_while_rebooting restart_while_spawning rebuild rebuild_when_stopped resize_confirm
resize_confirm_by_the_clock resize_revert resize_reschedule resize_no_valid_host shelve_default
shelve_offload_by_the_clock unshelve_elsewhere""".split()
ADMIN = """live_migrate live_migrate_abort evacuate evacuate_when_stopped cold_migrate_confirm
shelve_offload_unshelve reset_state restart_while_live_migrating""".split()
NAMES = {"rpc": "method", "action": "action", "action_event": "event", "notify": "event_type"}

hooks_contexts.install()


def record(name):
    """Play a scenario: per step rows of kind, service, name, number of the request id, is_admin."""
    found = (scenarios.load("lifecycle") | scenarios.load("moves"))[name]
    steps = []

    def body(cloud):
        trace, REC.contexts = Trace(cloud), []
        trace.api = cloud.api_fixture.api if name in USER else None
        cloud.flag("notifications", "notify_on_state_change", "vm_and_task_state")
        found.play(cloud, trace)
        steps.extend({"label": s["label"], "events": rows(s["events"])} for s in trace.steps)
        REC.contexts = None
        lifecycle.tidy(cloud)

    nova_cloud.run(body, found.options, found.hosts)
    return {
        "is_admin": name in ADMIN,
        "options": [[group or "DEFAULT", option, value] for group, option, value in found.options],
        "hosts": list(found.hosts),
        "steps": steps,
    }


def rows(events):
    """What is kept of a step's events; the rights are those of messages alone."""
    return [
        [
            event["kind"],
            event["service"],
            event[NAMES.get(event["kind"], "op")],
            event["request_id"],
            event["is_admin"] if event["kind"] == "rpc" else None,
        ]
        for event in events
        if event["kind"] in (*NAMES, "db")
    ]
