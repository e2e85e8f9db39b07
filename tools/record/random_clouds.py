"""Random clouds of several servers through a whole live Nova and through labkit's Cloud, compared.

    python -m tools.record.random_clouds [--count 200] [--seed 1] [--jobs 4]
    python -m tools.record.random_clouds --only 17 [--seed 1]     # one of them again

Each cloud has two to four hosts, and ten to twenty things happen in it, of one kind (groups, hints,
zones, sizes, people, faults, Nova's own weighers, cells; tools/record/lives/cloud_draws.py). Compared
after each are the answer, what each server shows with its faults, guests, allocations and migrations,
up to the first difference. Prints each cloud that differs; exit code 1 when there is one. Cloud N of
a seed is the same whatever the count.
"""

import argparse
import os
import sys
import time
from collections import Counter

from tests.helpers import clouds
from tools.record.lives.__main__ import Worker, record_all

SHOWN = 4  # lines of a difference


def main():
    """Compare, print what was seen, and fail if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=min(4, 2 * os.cpu_count()))
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER")
    args = parser.parse_args()
    numbers, begun = args.only or list(range(args.count)), time.monotonic()
    print(f"{len(numbers)} clouds, about three seconds each on two cores", flush=True)
    workers = [Worker() for _ in range(args.jobs)]
    differ, seen = {}, Counter()

    def look(unit, case):
        lines = clouds.differences(case)
        seen.update(clouds.counts(case))
        if not lines:
            return ""
        differ[unit] = lines
        print(f"{unit.partition('/')[2]} differs, {case['note']}:", flush=True)
        print("\n".join(f"    {line[:400]}" for line in lines[:SHOWN]), flush=True)
        return "  DIFFERS"

    found = record_all([f"clouds/{args.seed}:{number}" for number in numbers], workers, look)
    for worker in workers:
        worker.close()
    print(
        f"{len(found)} clouds of seed {args.seed}: {seen['servers']} servers, {seen['steps']} steps,"
        f" {seen['accepted']} requests accepted, {seen['refused']} refused; {len(differ)} clouds"
        f" differ ({time.monotonic() - begun:.0f} s)"
    )
    return 1 if differ or len(found) != len(numbers) else 0


if __name__ == "__main__":
    sys.exit(main())
