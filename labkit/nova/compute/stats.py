"""How many servers a host has, and in which states (nova/compute/stats.py)."""

from labkit.nova.compute import vm_states as vm

#: With these a server makes its host read and write much.
_IO = """num_vm_building num_task_resize_migrating num_task_rebuilding num_task_resize_prep
num_task_image_snapshot num_task_image_backup num_task_rescuing num_task_unshelving""".split()


class Stats(dict):
    """The servers of a host, counted by vm_state, task_state, os_type and project.

    In: what is counted already when nothing is counted yet.
    """

    def __init__(self, others=()):
        super().__init__(others)
        self._others = dict(others)
        self.states = {}

    def clear(self):
        """Forget all servers."""
        super().clear()
        self.update(self._others)
        self.states.clear()

    def digest_stats(self, stats):
        """Take in what the driver adds; without an uptime there is one of None."""
        if stats is not None:
            self.update({"uptime": None} | stats)

    @property
    def io_workload(self) -> int:
        """How many servers make the host read and write much."""
        return sum(self.get(key, 0) for key in _IO)

    def calculate_workload(self) -> int:
        """Return how many servers have a task."""
        tasks = (key for key in self if key.startswith("num_task") and not key.endswith("None"))
        return sum(self[key] for key in tasks)

    @property
    def num_instances(self) -> int:
        """How many servers count here."""
        return self.get("num_instances", 0)

    def update_stats_for_instance(self, instance, is_removed=False):
        """Count a server anew after its states changed; one that is gone is counted no more."""
        uuid = instance.uuid
        if uuid in self.states:
            self._count(self.states[uuid], -1)
        else:
            self["num_instances"] = self.num_instances + 1
        self.states[uuid] = (
            f"num_vm_{instance.vm_state}",
            f"num_task_{instance.task_state}",
            f"num_os_type_{instance.os_type}",
            f"num_proj_{instance.project_id}",
        )
        if is_removed or vm.allow_resource_removal(instance.vm_state, instance.task_state):
            self["num_instances"] = self.num_instances - 1
            del self.states[uuid]
        else:
            self._count(self.states[uuid], 1)
        self["io_workload"] = self.io_workload

    def _count(self, keys, sign):
        for key in keys:
            self[key] = self.get(key, 0) + sign

    def build_failed(self):
        """Count a build that failed."""
        self["failed_builds"] = self.get("failed_builds", 0) + 1

    def build_succeeded(self):
        """Forget the builds that failed."""
        self["failed_builds"] = 0
