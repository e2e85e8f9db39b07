"""One service's copy of a row of the table instances (nova/objects/instance.py)."""

from labkit.nova.clock import Save
from labkit.nova.context import target_cell
from labkit.nova.db.main import api as db
from labkit.nova.notifications import base as notifications
from labkit.nova.objects.base import NovaObject
from labkit.nova.objects.cell_mapping import CellMapping

#: The columns that the lab models; ``system_metadata`` is a table of its own in Nova.
FIELDS = """uuid display_name vm_state task_state power_state host node compute_id launched_on
availability_zone root_device_name progress system_metadata locked locked_by project_id
user_id created_at launched_at terminated_at deleted_at instance_type_id memory_mb vcpus root_gb
ephemeral_gb image_ref kernel_id ramdisk_id architecture os_type vm_mode auto_disk_config
key_data""".split()
#: What Nova keeps in the table instance_extra: a save writes it without a word.
EXTRA = ("flavor", "old_flavor", "new_flavor", "migration_context")


def states(values) -> tuple:
    """Return (vm_state, task_state, power_state) of a row."""
    return values["vm_state"], values["task_state"], values["power_state"]


class Instance(NovaObject):
    """A server as one service knows it: what it read, and what it has changed since.

    Reading and setting the columns is plain attribute access; a column counts as changed when
    it was set, even to the same value (``system_metadata`` only when it differs). ``save``
    writes the changed columns and then reads the row again.
    """

    VERSION = "2.8"
    FIELDS_SENT = """project_id image_ref kernel_id ramdisk_id key_data power_state vm_state task_state
        memory_mb vcpus root_gb ephemeral_gb host node compute_id launched_at terminated_at
        availability_zone display_name launched_on locked locked_by os_type architecture vm_mode
        uuid root_device_name auto_disk_config progress system_metadata flavor old_flavor
        new_flavor migration_context created_at deleted_at"""
    ONLY_IF_SET = ("old_flavor", "new_flavor", "migration_context", "deleted_at")

    #: What is no column; the columns are the instance's ``__dict__``.
    __slots__ = ("__dict__", "_changed", "_metadata", "name", "saved_at", "service", "spec")

    def __init__(self, service, name, spec, values):
        object.__setattr__(self, "service", service)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "spec", spec)
        object.__setattr__(self, "saved_at", None)
        self._read(values)

    @classmethod
    def get_by_uuid(cls, service, uuid, read_deleted=None) -> "Instance":
        """Return a service's copy of a server. Raises InstanceNotFound.

        In: *read_deleted*, "yes" for a deleted one too.
        """
        context = service.db_context
        if read_deleted is not None:
            context = context.elevated(read_deleted)
        return cls.from_row(service, db.instance_get_by_uuid(context, uuid))

    @classmethod
    def from_row(cls, service, row) -> "Instance":
        """Return a service's copy of a row that it has found."""
        name = service.site.names[row["uuid"]]
        return cls(service, name, service.site.servers[name][1], row)

    def _read(self, values):
        values = dict(values)
        object.__setattr__(self, "_metadata", values["system_metadata"])
        values["system_metadata"] = dict(values["system_metadata"])
        object.__setattr__(self, "__dict__", values)
        object.__setattr__(self, "_changed", set())

    def __getattr__(self, name):
        raise AttributeError(f"Instance has no column {name!r} in the lab")

    def __setattr__(self, name, value):
        if name not in self.__dict__:
            raise AttributeError(f"Instance has no column {name!r} in the lab")
        self.__dict__[name] = value
        self._changed.add(name)

    def __getitem__(self, name):
        return self.__dict__[name]

    def __repr__(self):
        return f"<Instance {self.name}: {self.vm_state}/{self.task_state}>"

    def copy_for(self, service) -> "Instance":
        """Return the copy that another service gets with a message; unsaved changes travel along."""
        other = Instance(service, self.name, self.spec, self.__dict__)
        object.__setattr__(other, "_metadata", self._metadata)
        other._changed.update(self._changed)
        return other

    def obj_what_changed(self) -> set:
        """Return the columns that the next save writes."""
        changed = self._changed.difference(EXTRA)
        if self.system_metadata != self._metadata:
            changed.add("system_metadata")
        return changed

    def create(self, cell):
        """Write a new row into a cell's database."""
        service = self.service
        with target_cell(service.db_context, CellMapping(cell, service.site.db)) as targeted:
            row = db.instance_create(targeted, self.__dict__)
        service.note(Save, self.name, "create", None, states(row))
        self._read(row)

    def save(self, expected_vm_state=None, expected_task_state=None):
        """Write the changed columns, if the row still is in one of the expected states.

        In: a state or a tuple of states for each guard, None for no guard. Raises UnexpectedDeletingTaskStateError when the row is being
        deleted, UnexpectedTaskStateError for another task, InstanceNotFound when it is gone;
        nothing is written then. After each save that wrote a column an update is sent.

        Source: ``save`` in nova/objects/instance.py and ``_instance_update`` in
        nova/db/main/api.py, Nova 34.0.0.
        """
        service, changed = self.service, self.obj_what_changed()
        extra = {name: self[name] for name in EXTRA if name in self._changed}
        if extra:
            db.instance_extra_update_by_uuid(service.db_context, self.uuid, extra)
            self._changed.difference_update(EXTRA)
        if not changed:
            return
        columns = tuple(sorted(changed))
        guards = _guard(expected_task_state), _guard(expected_vm_state)
        updates = {name: self[name] for name in changed}
        try:
            service.site.faults.may_conflict(self, updates, guards[0])
            old, new = db.instance_update_and_get_original(
                service.db_context, self.uuid, updates, *guards
            )
        except Exception as error:
            wanted = updates.get("vm_state"), updates.get("task_state"), None
            service.note(
                Save,
                self.name,
                "update_refused",
                None,
                wanted,
                columns,
                *guards,
                error=type(error).__name__,
            )
            raise
        service.note(
            Save,
            self.name,
            "update",
            states(old),
            states(new),
            columns,
            *guards,
            host=new["host"],
        )
        self._read(new)
        object.__setattr__(self, "saved_at", service.site.clock.env.now)
        notifications.send_save(service, self, old)
        service.site.faults.reached(service, self.name, (self.task_state, self.vm_state))

    def destroy(self):
        """Mark the row as deleted; a copy without a host refuses when the row has one by now."""
        service = self.service
        try:
            constraint = None if self.host else {"host": None}
            row = db.instance_destroy(service.db_context, self.uuid, constraint)
        except Exception as error:
            name = type(error).__name__
            service.note(Save, self.name, "destroy_refused", None, None, error=name)
            raise
        service.note(Save, self.name, "destroy", None, states(row))
        self._read(row)

    def drop_migration_context(self):
        """Forget the move that it is in, in the database as well."""
        if self.migration_context is not None:
            nothing = {"migration_context": None}
            db.instance_extra_update_by_uuid(self.service.db_context, self.uuid, nothing)
            self.__dict__.update(nothing)

    def refresh(self):
        """Read the row again; what was changed and not saved is lost."""
        self._read(db.instance_get_by_uuid(self.service.db_context, self.uuid))


class InstanceList(NovaObject):
    """Some servers."""

    VERSION = "2.6"
    FIELDS_SENT = "objects"

    def __init__(self, objects):
        self.objects = objects

    def copy_for(self, service) -> "InstanceList":
        """Return the copy that another service gets with a message."""
        return InstanceList([each.copy_for(service) for each in self.objects])


def get_by_host(service) -> list[Instance]:
    """Return the servers whose row names the host of a nova-compute.

    Source: ``get_by_host`` of InstanceList in nova/objects/instance.py, Nova 34.0.0.
    """
    rows = db.instance_get_all_by_host(service.db_context, service.host)
    return [Instance.from_row(service, row) for row in rows]


def get_by_host_and_node(service, host, node) -> list[Instance]:
    """Return a service's copies of the servers of a node that are not deleted.

    Source: ``get_by_host_and_node`` of InstanceList in nova/objects/instance.py, Nova 34.0.0.
    """
    rows = db.instance_get_all_by_host_and_node(service.db_context, host, node)
    return [Instance.from_row(service, row) for row in rows]


def _guard(expected):
    if expected is None:
        return None
    return tuple(expected) if isinstance(expected, list | tuple) else (expected,)
