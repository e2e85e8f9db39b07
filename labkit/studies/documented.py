"""What Nova's own page about vm_states says, beside what its code does.

The page is doc/source/reference/vm-states.rst of Nova 34.0.0. Of what it says, here stand the
table "Requirements for Commands" and the diagram "Allowed State Transitions". Some more disagrees
with the code and is no table:

* "Resize Verify" is no task_state: it is how the API shows the vm_state "resized", in which a
  resize is confirmed or reverted. "N/A" for a task_state mostly means that there must be none.
* A server that was stopped before its resize is stopped again after confirmResize, not active.
* The picture of a create names ``create_db_entry_for_new_instance``, ``_start_building`` and
  ``_spawn``, functions that Nova does not have any more.
* The page does not know shelve, unshelve, migrate, migrateLive, evacuate, lock and resetState as
  commands, and has "Shutoff" and "Stopped" as if they were two states.
"""

from labkit.nova.compute import vm_states as vm
from labkit.studies.transitions import guards, transitions

_STATES = {
    "Active": vm.ACTIVE,
    "Building": vm.BUILDING,
    "Paused": vm.PAUSED,
    "Suspended": vm.SUSPENDED,
    "Shutoff": vm.STOPPED,  # as the API shows it; the page has both words
    "Stopped": vm.STOPPED,
    "Rescued": vm.RESCUED,
    "Soft Deleted": vm.SOFT_DELETED,
    "Error": vm.ERROR,
}
#: Action and how of the lab; required vm_states; required task_states; target states.
REQUIREMENTS = """
pause           | Active, Shutoff, Rescued  | Resize Verify, unset | Paused
unpause         | Paused                    | N/A                  | Active
suspend         | Active, Shutoff           | N/A                  | Suspended
resume          | Suspended                 | N/A                  | Active
rescue          | Active, Shutoff           | Resize Verify, unset | Rescued
unrescue        | Rescued                   | N/A                  | Active
changePassword  | Active                    | N/A                  | Active
rebuild         | Active, Shutoff           | Resize Verify, unset | Active, Shutoff
forceDelete     | Soft Deleted              | N/A                  | Deleted
restore         | Soft Deleted              | N/A                  | Active
delete soft     | Active, Shutoff, Error    | N/A                  | Soft Deleted
delete          | Active, Shutoff, Building, Rescued, Error | N/A  | Deleted
createBackup    | Active, Shutoff           | N/A                  | Active, Shutoff
createImage     | Active, Shutoff           | N/A                  | Active, Shutoff
start           | Shutoff, Stopped          | N/A                  | Active
stop            | Active, Shutoff, Rescued  | Resize Verify, unset | Stopped
reboot SOFT     | Active, Shutoff, Rescued  | Resize Verify, unset | Active
reboot HARD     | Active, Shutoff, Rescued  | Resize Verify, unset | Active
resize          | Active, Shutoff           | Resize Verify, unset | Resized
revertResize    | Active, Shutoff           | Resize Verify, unset | Active
confirmResize   | Active, Shutoff           | Resize Verify, unset | Active
"""
#: The arrows of the diagram, by where they begin; "all states are allowed to transition to
#: DELETED and ERROR" stands below it.
ARROWS = {
    vm.BUILDING: "active",
    vm.ACTIVE: "active soft-delete suspended paused stopped shelved shelved_offloaded rescued resized",
    vm.SOFT_DELETED: "active",
    vm.SUSPENDED: "active shelved shelved_offloaded",
    vm.PAUSED: "active shelved shelved_offloaded",
    vm.STOPPED: "active stopped resized rescued shelved shelved_offloaded",
    vm.RESIZED: "active",
    vm.RESCUED: "active",
    vm.SHELVED: "shelved_offloaded active",
    vm.SHELVED_OFFLOADED: "active",
}


def commands():
    """Return each command of Nova's page beside the guard of that action, a DataFrame.

    Out: one row per command: ``action`` and ``how`` as in ``labkit.studies.transitions.guards()``;
    ``vm_state`` and ``task_state`` in which it may begin as the guard has them; ``page_vm_state`` as
    the page has them, in Nova's values, and ``page_task_state`` in the page's words; ``only_page``
    and ``only_code``, the vm_states that one of the two has and the other has not (names with
    commas, empty where they agree). What is refused in spite of the page has a name in
    ``only_page``, what is allowed in spite of it one in ``only_code``. The page has one row for
    both kinds of reboot.

    >>> table = commands().set_index("action")
    >>> table.loc["pause", ["only_page", "only_code"]].tolist()
    ['stopped, rescued', '']
    >>> table.loc["stop", ["only_page", "only_code"]].tolist()
    ['stopped, rescued', 'error']

    Source: doc/source/reference/vm-states.rst and nova/compute/api.py, Nova 34.0.0.
    """
    import pandas as pd

    table = guards().set_index(["action", "how"])
    rows = []
    for line in REQUIREMENTS.strip().splitlines():
        command, states, tasks, _ = (part.strip() for part in line.split("|"))
        action, _, how = command.partition(" ")
        guard = table.loc[(action, how)]
        page = list(dict.fromkeys(_STATES[state] for state in states.split(", ")))
        code = _expanded(guard)
        rows.append(
            (
                action,
                how,
                guard.vm_state,
                guard.task_state,
                ", ".join(page),
                tasks,
                ", ".join(state for state in page if state not in code),
                ", ".join(state for state in code if state not in page),
            )
        )
    columns = "action how vm_state task_state page_vm_state page_task_state only_page only_code"
    return pd.DataFrame(rows, columns=columns.split())


def arrows(table=None):
    """Return each arrow of Nova's diagram and each one that was played, a DataFrame.

    In: the table of ``labkit.studies.transitions.transitions()``, played anew if it is not given. Out: one
    row per pair of vm_states: ``vm_state``, ``to_vm_state``, ``on_page``, ``played``, and the
    ``actions`` that were played between them (names with commas). An arrow with ``on_page`` alone
    belongs to an action that the lab does not play; one with ``played`` alone is missing on the
    page. What ends where it began is left out, and so are the arrows to "deleted" and "error",
    which the page allows from everywhere.

    >>> table = arrows()
    >>> table.query("not on_page and vm_state == 'error'").to_vm_state.tolist()
    ['active', 'stopped', 'rescued', 'soft-delete']

    Source: doc/source/reference/vm-states.rst, Nova 34.0.0.
    """
    import pandas as pd

    table = transitions() if table is None else table
    found = {}
    for row in table[table["played"]].itertuples():
        names = found.setdefault((row.vm_state, row.to_vm_state), [])
        names.append(f"{row.action} {row.how}".strip())
    page = [(start, end) for start, ends in ARROWS.items() for end in ends.split()]
    rows = []
    for start in vm.ALL:
        for end in vm.ALL:
            if start == end or end in (vm.DELETED, vm.ERROR):
                continue
            names = found.get((start, end), [])
            if names or (start, end) in page:
                rows.append((start, end, (start, end) in page, bool(names), ", ".join(names)))
    return pd.DataFrame(rows, columns="vm_state to_vm_state on_page played actions".split())


def _expanded(guard) -> list[str]:
    """Return the vm_states of a guard as a list: those in which there is something to ask."""
    if guard.vm_state != "any":
        return guard.vm_state.split(", ")
    never = (vm.DELETED, vm.BUILDING) if guard.must_have_launched else (vm.DELETED,)
    return [state for state in vm.ALL if state not in never]
