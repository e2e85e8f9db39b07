"""What SnapshotCosts.measure finds on this machine, beside data/snapshot_costs.csv.

Per row of the table the fit of both, and the seconds that both foresee for 256 MiB. Other work on
the machine shows: run it when the machine is idle. Skipped where qemu-img is not installed.
"""

from pathlib import Path

from labkit import SnapshotCosts

SIZES_MIB = (16, 64, 256)


def main():
    """Measure each row of the table."""
    try:
        found = SnapshotCosts.measure(Path.cwd(), SIZES_MIB)
    except FileNotFoundError as error:
        print(f"skipped: {error}")
        return
    print("source,target,compressed,fixed_s,s_per_mib   # 256 MiB: measured, in the file")
    for row, known in SnapshotCosts.read().table.items():
        (fixed_s, s_per_mib), (source, target, compress) = found.table[row], row
        here, there = (each[0] + each[1] * SIZES_MIB[-1] for each in (found.table[row], known))
        told = f"{source},{target},{'yes' if compress else 'no'},{fixed_s:.2f},{s_per_mib:.5f}"
        print(f"{told}   # {here:.2f} s, {there:.2f} s")


if __name__ == "__main__":
    main()
