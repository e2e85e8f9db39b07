"""The scheduler beside the installed Nova: ratios in one run, answers asserted equal.

Nova's side has its HostStates built beforehand and DEBUG off, and neither RPC, database nor
placement; the lab's side has placement's candidates and claims in it. CPU time, medians of five.
"""

import gc
import resource
import statistics
import subprocess
import sys
import time

from labkit import Flavor, Fleet, Options, RequestSpec, place, select_destinations
from tools.oracle.installed import as_uuid, configured, host_manager, manager, quiet
from tools.oracle.rows import Rows, request_spec, served_by
from tools.oracle.scheduler import HostManager

ROUNDS = 5
SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=64, root_gb=1))
PLACED_BY_NOVA = 100


class PlainHostManager(HostManager):
    """The same without notes: Nova's own filtering and weighing, nothing else."""

    get_filtered_hosts = host_manager.HostManager.get_filtered_hosts
    get_weighed_hosts = host_manager.HostManager.get_weighed_hosts


class PlainSchedulerManager(manager.SchedulerManager):
    """Nova's sorting and consuming of hosts."""

    def __init__(self, rows, options):
        self.host_manager = PlainHostManager(rows, options)


class Nova:
    """Nova's side: HostStates in the fleet's order, ready to be asked."""

    def __init__(self, fleet, options):
        self.rows = rows = Rows(fleet)
        with served_by(rows):
            self.manager = PlainSchedulerManager(rows, options)
            self.states = list(
                self.manager.host_manager.get_host_states_by_uuids(
                    None, rows.known.texts["uuid"], None
                )
            )
            self.spec = request_spec(SPEC, ["server-1"], rows.cells)

    def decide(self):
        """Return the hosts, the chosen one first."""
        return self.manager._get_sorted_hosts(self.spec, self.states, 0)

    def place(self, count):
        """Return the hosts that *count* requests get, one after another."""
        hosts = []
        for number in range(count):
            chosen = self.decide()[0]
            uuid = as_uuid(f"server-{number + 1}")
            self.manager._consume_selected_host(chosen, self.spec, instance_uuid=uuid)
            hosts.append(chosen.host)
        return hosts


def roomy(n):
    """Return n unlike hosts on which placement always finds room."""
    frame = Fleet.random(n, seed=n).hosts
    records = [
        {"host": host, "resource_class": name, "total": 10**9}
        for host in frame.host
        for name in ("VCPU", "MEMORY_MB", "DISK_GB")
    ]
    return Fleet.from_frame(frame, inventories=records)


def timed(work):
    """Return (result, seconds) of one call, without the garbage collector in between."""
    gc.collect()
    gc.disable()
    begun = time.process_time()
    try:
        return work(), time.process_time() - begun
    finally:
        gc.enable()


def one_decision(n, target):
    """Print the ratio for one decision with all its values kept."""
    fleet, options = roomy(n), Options(max_placement_results=n)
    nova, lab, tables = [], [], []
    with quiet(), configured(options):
        real = Nova(fleet, options)
        for _ in range(ROUNDS):
            with served_by(real.rows):
                hosts, seconds = timed(real.decide)
            nova.append(seconds)
            decision, seconds = timed(lambda: select_destinations(fleet, SPEC, options))
            lab.append(seconds)
            _, seconds = timed(lambda: (decision.filters, decision.weights, decision.placements))  # noqa: B023 - called at once
            tables.append(seconds)
            same(decision.placements.host.tolist(), [state.host for state in hosts])
    nova, lab, tables = map(statistics.median, (nova, lab, tables))
    line(f"one decision, {n:,} hosts", nova, lab, target)
    print(f"    building its three tables, when they are read: {tables * 1e3:.1f} ms")


def sequence(n, count, target):
    """Print the ratio for placements in sequence."""
    fleet, options = roomy(n), Options(max_placement_results=n)
    nova, lab = [], []
    with quiet(), configured(options):
        for _ in range(ROUNDS):
            real = Nova(fleet, options)
            with served_by(real.rows):
                hosts, seconds = timed(lambda: real.place(PLACED_BY_NOVA))  # noqa: B023
            nova.append(seconds * count / PLACED_BY_NOVA)
            (_, placed), seconds = timed(
                lambda: place(fleet, [SPEC] * count, options, building=True)
            )
            lab.append(seconds)
            same(placed.host.tolist()[:PLACED_BY_NOVA], hosts)
    title = f"{count:,} placements, {n:,} hosts (Nova: {PLACED_BY_NOVA} run, extrapolated)"
    line(title, statistics.median(nova), statistics.median(lab), target)


def same(lab, nova):
    """Stop when the two do not answer alike."""
    if lab != nova:
        first = next(k for k, pair in enumerate(zip(lab, nova, strict=False)) if pair[0] != pair[1])
        sys.exit(f"the answers differ from place {first} on: {lab[first]} and {nova[first]}")


def line(title, nova, lab, target):
    """Print one ratio."""
    ratio = nova / lab
    word = "as aimed" if ratio >= target else "BELOW the aim"
    print(f"{title}: Nova {nova * 1e3:.1f} ms, lab {lab * 1e3:.2f} ms, {ratio:,.0f}x", end="")
    print(f" ({word}: {target}x)", flush=True)


def many_requests():
    """Print seconds and memory of 10,000 requests on 10,000 hosts."""
    fleet, options = Fleet.random(10_000, seed=1), Options(max_placement_results=10_000)
    begun = time.process_time()
    _, placed = place(fleet, [SPEC] * 10_000, options)
    seconds = time.process_time() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if placed.host.isna().any():
        sys.exit("not every request has a host")
    print(f"10,000 requests on 10,000 hosts: {seconds:.1f} s (aim 10), {peak:.0f} MiB (aim 500)")


def imports():
    """Print what `import labkit` costs beyond numpy."""
    found = {}
    numpy = "import numpy"
    whole = f"{numpy}, labkit; labkit.Fleet, labkit.select_destinations"
    for code in (numpy, whole):
        runs = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            runs.append(time.perf_counter() - begun)
        found[code] = min(runs)
    beyond = found[whole] - found[numpy]
    print(f"import labkit and its engine, beyond numpy: {beyond:.3f} s (aim 0.1)")


if __name__ == "__main__":
    if sys.argv[1:] == ["many_requests"]:
        many_requests()
        sys.exit()
    one_decision(1_000, 20)
    one_decision(10_000, 150)
    sequence(1_000, 1_000, 500)
    # Its memory is its own only in a process of its own.
    subprocess.run([sys.executable, "-m", "tools.bench.scheduler", "many_requests"], check=True)
    imports()
