"""What Nova's own page about vm_states says, beside what its code does.

The page is doc/source/reference/vm-states.rst of Nova 34.0.0; here stands its table "Requirements
for Commands". Some more disagrees with the code and is no table:

* "Resize Verify" is no task_state: it is how the API shows the vm_state "resized", in which a
  resize is confirmed or reverted. "N/A" for a task_state mostly means that there must be none.
* A server that was stopped before its resize is stopped again after confirmResize, not active.
* The picture of a create names ``create_db_entry_for_new_instance``, ``_start_building`` and
  ``_spawn``, functions that Nova does not have any more.
* The page does not know shelve, unshelve, migrate, migrateLive, evacuate, lock and resetState as
  commands, and has "Shutoff" and "Stopped" as if they were two states.
"""

from labkit.nova.compute import vm_states as vm
from labkit.studies.transitions import guards

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


def _expanded(guard) -> list[str]:
    if guard.vm_state != "any":
        return guard.vm_state.split(", ")
    never = (vm.DELETED, vm.BUILDING) if guard.must_have_launched else (vm.DELETED,)
    return [state for state in vm.ALL if state not in never]
