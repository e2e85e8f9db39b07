"""The tables of a cloud about what its hosts report; see labkit/cloud/cloud_tables.py.

RAM in MiB (``_mb``), disk in GiB (``_gb``), CPUs and servers as counts. A row for each host, or
for each host and resource class; but for ``reports`` all say how it is now.

``reports``: t_s, host, vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used,
    disk_available_least, hypervisor_type, hypervisor_version
    What the drivers told, in the order in which they did; a report that says the same as the one
    before it has no row. What is used the hypervisor counts, and nobody looks at it.
``compute_nodes``: host, updated_at, memory_mb, memory_mb_used, free_ram_mb, local_gb,
    local_gb_used, free_disk_gb, disk_available_least, vcpus, vcpus_used, running_vms,
    current_workload, num_instances, io_workload, failed_builds, and the three allocation ratios
    The rows in the database: ``updated_at`` is the simulated time of the last save, and there is
    a save only when something in the row has changed.
``host_states``: host, updated, and the numbers of HostState
    What a scheduler would read if it were asked now.
``inventories``: host, resource_class, total, reserved, min_unit, max_unit, step_size,
    allocation_ratio, capacity, used
    What placement knows: ``capacity`` is (total - reserved) * allocation_ratio, ``used`` what
    consumers hold; that does not wait for a report.
"""

from labkit.cloud.cloud_tables import frame
from labkit.neighbours.placement import FIELDS
from labkit.nova.objects.compute_node import RATIOS
from labkit.nova.scheduler.host_manager import NUMBERS
from labkit.tables.hosts import report_table

REPORTS = """vcpus memory_mb local_gb vcpus_used memory_mb_used local_gb_used disk_available_least
hypervisor_type hypervisor_version""".split()
ROWS = """host updated_at memory_mb memory_mb_used free_ram_mb local_gb local_gb_used free_disk_gb
disk_available_least vcpus vcpus_used running_vms current_workload""".split()
STATS = ("num_instances", "io_workload", "failed_builds")
INVENTORIES = ["host", "resource_class", *FIELDS, "capacity", "used"]


class CloudReports:
    """The part of Cloud that shows what hosts report, and what becomes of it."""

    @property
    def reports(self):
        """What the drivers told, a DataFrame."""
        told = [
            (t_s, host, *(resources[name] for name in REPORTS))
            for host, reports in self._site.reports.items()
            for t_s, resources in reports.made
        ]
        return _numbers(frame(["t_s", "host", *REPORTS], sorted(told, key=lambda row: row[0])))

    @property
    def compute_nodes(self):
        """The rows of the hosts, a DataFrame."""
        rows = [
            (
                *(getattr(node, name) for name in ROWS),
                *(int(node.stats.get(name) or 0) for name in STATS),
                *(getattr(node, name) for name in RATIOS),
            )
            for node in self._site.db.compute_nodes.values()
        ]
        return _numbers(frame([*ROWS, *STATS, *RATIOS], rows))

    @property
    def host_states(self):
        """What a scheduler would read now, a DataFrame."""
        rows = [
            (state.host, node.updated_at, *(getattr(state, name) for name in NUMBERS))
            for state, node in zip(
                self._site.fleet, self._site.db.compute_nodes.values(), strict=True
            )
        ]
        return _numbers(frame(["host", "updated", *NUMBERS], rows))

    @property
    def inventories(self):
        """What placement knows of each host and resource class, a DataFrame."""
        found = self._site.allocations.inventories
        rows = [
            (host, name, *record.values(), each.capacity[row], each.used[row])
            for host, row in self._site.fleet.rows.items()
            for name, each in found.items()
            for record in (each.record(row),)
            if record
        ]
        return _numbers(frame(INVENTORIES, rows))

    def report(self, host):
        """Return what the driver of a host told last, with units, a DataFrame.

        Raises KeyError for an unknown host.
        """
        self._site.fleet[host]
        return report_table(self._site.reports[host].made[-1][1])

    def hypervisor(self, host):
        """Return what a host has, to be changed: the next report tells of it.

        Raises KeyError for an unknown host.

        >>> from labkit import Cloud, Fleet
        >>> cloud = Cloud(Fleet.read("data/two_hosts"))
        >>> cloud.hypervisor("cn-1").memory_mb = 16384
        >>> cloud.run(until_s=59)
        >>> cloud.host_states.free_ram_mb.tolist()
        [3072, 4096]
        >>> cloud.run(until_s=61)
        >>> cloud.host_states.free_ram_mb.tolist()
        [11264, 4096]
        """
        return self.driver(host).host.hypervisor


def _numbers(table):
    return table.infer_objects()
