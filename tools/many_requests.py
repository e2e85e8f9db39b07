"""Place 10,000 requests on 10,000 hosts and print seconds and memory; part of `make bench`."""

import resource
import time

from labkit import Flavor, Fleet, Options, RequestSpec, place

if __name__ == "__main__":
    fleet, options = Fleet.random(10_000, seed=1), Options(max_placement_results=10_000)
    requests = [RequestSpec(Flavor(vcpus=1, memory_mb=64, root_gb=1))] * 10_000
    begun = time.perf_counter()
    _, placed = place(fleet, requests, options)
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    assert placed.host.notna().all()  # noqa: S101 - a benchmark of wrong answers is none
    print(f"10,000 requests on 10,000 hosts: {seconds:.1f} s (aim 10), {peak:.0f} MiB (aim 500)")
