"""The cloud at scale: seconds, memory and events, each case in a process of its own.

In the end every server is gone and the books are even, or the exit status is 1; so it is when a
case takes longer, or more memory, than aimed at.
"""

import resource
import subprocess
import sys
import time

from labkit import Cloud, Flavor, Fleet, Options, RequestSpec
from tests.helpers.mistakes import mistakes

SPEC = RequestSpec(Flavor(vcpus=1, memory_mb=64, root_gb=1))
GAP_S = 0.05  # simulated, between two requests
LIFE_S = 60  # simulated, from a server's creation to its delete
MODES = {"silent": {}, "notifying": {"notify_on_state_change": "vm_and_task_state"}}
MODES["notifying"]["notification_format"] = "both"
#: hosts, servers, mode, seconds, MB: the last two are the aims.
CASES = (
    (1_000, 10_000, "silent", 60, 1_000),
    (1_000, 10_000, "notifying", 60, 1_000),
    (10_000, 1, "silent", 5, 1_000),
    (1, 10, "silent", 5, 1_000),
)


def hosts(n):
    """Return n hosts with room for what is asked of them."""
    room = {"total_usable_ram_mb": 65_536, "free_ram_mb": 65_536, "vcpus_total": 32}
    room |= {"total_usable_disk_gb": 1_000, "free_disk_mb": 1_024_000}
    return Fleet([{"host": f"cn-{k + 1}", **room} for k in range(n)])


def one(n_hosts, servers, mode, aim_s, aim_mb):
    """Create and delete the servers, print what it took; return whether it is as aimed."""
    fleet = hosts(n_hosts)
    begun = time.perf_counter()
    cloud = Cloud(fleet, Options(**MODES[mode]))
    for k in range(servers):
        cloud.at(k * GAP_S, f"web-{k + 1}", "create", spec=SPEC)
        cloud.at(k * GAP_S + LIFE_S, f"web-{k + 1}", "delete")
    cloud.settle()
    seconds = time.perf_counter() - begun
    states = cloud.states
    tables = time.perf_counter() - begun - seconds
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    happened, active = len(cloud.site.clock.records), int((states.vm_state == "active").sum())
    print(
        f"{servers:,} servers on {n_hosts:,} hosts, {mode}: {seconds:.1f} s (aim {aim_s}),", end=""
    )
    print(f" {memory_mb:,.0f} MB (aim {aim_mb:,}), {happened:,} events,", end="")
    print(
        f" {happened / seconds:,.0f} a second; its table of {len(states):,} states {tables:.1f} s"
    )
    built = active >= servers and not any(cloud.show(name) for name in cloud.site.servers)
    even = not mistakes(cloud) and not cloud.imbalances()
    return built and even and seconds <= aim_s and memory_mb <= aim_mb


def main():
    """Run each case in a process of its own."""
    worst = 0
    for number in range(len(CASES)):
        run = subprocess.run([sys.executable, "-m", "tools.bench.cloud", str(number)], check=False)
        worst = max(worst, run.returncode)
    sys.exit(worst)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(not one(*CASES[int(sys.argv[1])]))
    main()
