"""Compare labkit with the installed Nova 34.0.0 at length: 30,000 random decisions.

    python -m tools.record.random_decisions [--count 30000] [--first 1000000] [--jobs 2] [--counts]

The comparison of tests/nova/test_same_as_nova.py, on scenarios that the tests do not use: about
five minutes on one core. Prints every disagreement, and with --counts what was seen how often;
exit code 1 when anything differs.
"""

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor

from tests.helpers import answers, counting, scenarios

CHUNK = 500


def compare(first):
    """Compare CHUNK decisions; return what was seen, and sentences about disagreements."""
    from tools.oracle import scheduler

    counts, wrong = Counter(), []
    for number in range(first, first + CHUNK):
        fleet, spec_obj, options, seed = scenarios.build(scenarios.scenario(number))
        asked = (fleet, spec_obj, options, seed, answers.server_names(spec_obj, None))
        nova = scheduler.answer(*asked)
        found = answers.differences(nova, answers.answer(*asked))
        wrong += [f"scenario {number}: {sentence}" for sentence in found[:1]]
        counting.count(counts, fleet, spec_obj, options, nova)
    return counts, wrong


def main():
    """Run the comparison in several processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=30_000)
    parser.add_argument("--first", type=int, default=1_000_000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--counts", action="store_true")
    arguments = parser.parse_args()
    counts, wrong, start = Counter(), [], time.monotonic()
    firsts = range(arguments.first, arguments.first + arguments.count, CHUNK)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for seen, found in pool.map(compare, firsts):
            counts += seen
            wrong += found
    if arguments.counts:
        print(counting.report(counts))
    for sentence in wrong[:20]:
        print(sentence)
    seconds, last = time.monotonic() - start, firsts[-1] + CHUNK - 1
    print(
        f"scenarios {arguments.first} to {last}: {counts['decisions']} decisions, "
        f"{counts['a server placed']} with a host, {counts['a refusal']} refused; "
        f"{len(wrong)} of them differ ({seconds:.0f} s)"
    )
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
