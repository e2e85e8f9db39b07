"""Random sequences of actions through a whole live Nova and through labkit's Cloud, compared.

    python -m tools.record.random_lives [--count 120] [--seed 1] [--jobs 4]
    python -m tools.record.random_lives --only 17 [--seed 1]      # one of them again

Each sequence is 3 to 8 actions, the first a create, with at most one fault in it or in what is
asked later; in every other one the server also moves. Who asks, some options and the snapshot
model vary (tools/record/lives/sequences.py). Compared are every event, every answer, what the computes
count and the books after each step. Prints each sequence that differs with its first differences;
exit code 1 when there is one. Sequence N of a seed is the same whatever the count.
"""

import argparse
import json
import os
import queue
import sys
import threading
import time
from collections import Counter

from labkit import Fault
from labkit.nova.objects import ImageMeta
from tests.helpers import lives, lives_moves, replay
from tools.record.differences import first
from tools.record.lives import sequences
from tools.record.lives.__main__ import Worker

BATCH = 20  # sequences in one cloud, one after the other
SHOWN = 6  # lines of a difference
#: Actions whose body says more than a name: what they are to the Cloud.
IN_THE_LAB = {
    "update": ("rename", {"name": "renamed"}),
    "rebuild": ("rebuild", {"image": ImageMeta("image")}),
    "rebuild_another": ("rebuild", lives_moves.ANOTHER),
    "resize": ("resize", {"flavor": lives.SIZES["big"]}),
    "resize_back": ("resize", {"flavor": lives.SIZES["small"]}),
    "migrateLive": ("migrateLive", {}),
}


def play(sequence, hosts=sequences.HOSTS):
    """Play a sequence in a Cloud; the Player knows what happened."""
    options = [("", name, value) for _, name, value in sequence.options]
    player = lives.Player(options, hosts)
    player.model = sequence.snapshot_model
    for number, action in enumerate(sequence.actions):
        if sequence.fault and number == sequence.fault_from:
            step, raises, host, times = sequence.fault
            if raises is None:
                method = step.removeprefix("cast ")
                player.add(Fault("message", host=host, at=method, times=times))
            else:
                player.fault(step, host, raises, times)
        ask(player, action)
    return player


def ask(player, action):
    """One step of a sequence, or two: after an evacuate the nova-compute starts again."""
    name = action.removesuffix(sequences.AS_USER)
    shown = player.current in player.cloud.site.servers and player.cloud.show(player.current)
    host = (shown or {}).get("host") or sequences.HOSTS[0]
    if name in ("power_sync", "guest_stops", "guest_starts"):
        if name != "power_sync" and host in player.cloud.books(player.current)["guests"]:
            getattr(player.cloud, name)(player.current)
        with player.step("sync_power_states"):
            player.cloud.periodic("_sync_power_states", host)
        return
    if name == "evacuate":
        player.cloud.host_down(host, forced=True)
    with player.step(action):
        if name == "create":
            player.create()
        elif name in sequences.IN_THE_MIDDLE:
            in_the_middle(player, *sequences.IN_THE_MIDDLE[name])
        else:
            what, arguments = in_the_lab(name)
            player.act(name, what, is_admin=name == action, **arguments)
    if name == "evacuate":
        with player.step(lives.AGAIN):
            player.cloud.host_up(host)


def in_the_middle(player, step, name):
    """Ask for a live migration and, if it comes as far as a step, there for its end."""
    player.hold(step)
    player.act("migrateLive")
    player.arrive()
    player.act(name)
    player.let_go()


def in_the_lab(name):
    """What the Cloud calls an action, and its arguments."""
    if name in ("delete", *sequences.OF_MIGRATIONS):
        return name, {}
    if name in IN_THE_LAB:
        return IN_THE_LAB[name]
    ((what, body),) = sequences.BODIES[name].items()
    if what == "reboot":
        return what, {"reboot_type": body["type"]}
    if what == "os-resetState":
        return what, body
    if what == "createBackup":
        return what, {key: body[key] for key in ("backup_type", "rotation")}
    return what, {}


def compare(sequence, steps, hosts=sequences.HOSTS):
    """Return lines on how the Cloud and Nova differ, and on what was seen."""
    try:
        player = play(sequence, hosts)
    except Exception as error:
        return [f"the lab failed: {type(error).__name__}: {error}"], Counter()
    seen = Counter(sequences=1, steps=len(steps), events=sum(len(s["events"]) for s in steps))
    for step in steps:
        for request in step["requests"]:
            seen["refused" if request["http_status"] >= 400 else "accepted"] += 1
    return replay.differences({"steps": steps}, player), seen


def compare_all(seed, numbers, jobs):
    """Compare sequences in several processes; return what was seen and how many differ."""
    waiting = queue.SimpleQueue()
    for start in range(0, len(numbers), BATCH):
        waiting.put(numbers[start : start + BATCH])
    seen, differ, lock = Counter(), [], threading.Lock()

    def work():
        worker = Worker()
        while not waiting.empty():
            try:
                batch = waiting.get_nowait()
            except queue.Empty:
                break
            answer = worker.record(f"random/{seed}:{','.join(map(str, batch))}")
            with lock:
                if "failed" in answer:
                    print(f"sequences {batch} FAILED in Nova: {answer['failed']}", flush=True)
                    differ.extend(batch)
                    continue
                for number, steps in zip(batch, answer["found"], strict=True):
                    sequence = sequences.draw(seed, number)
                    lines, counts = compare(sequence, steps)
                    seen.update(counts)
                    if lines:
                        differ.append(number)
                        tell(sequence, lines)
        worker.close()

    threads = [threading.Thread(target=work) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen, differ


def tell(sequence, lines):
    """Print a difference."""
    lines = shorter(lines)
    print(f"{sequence}\n  differs (- is Nova's, + is the lab's):")
    print("\n".join(f"    {line[:400]}" for line in lines[:SHOWN]))
    if len(lines) > SHOWN:
        print(f"    ... and {len(lines) - SHOWN} lines more")
    sys.stdout.flush()


def shorter(lines):
    """Where as much is Nova's as the lab's, say of each pair only what of it differs first."""
    found, block = [], []
    for line in [*lines, ": @@ "]:
        if ": @@ " not in line:
            block.append(line.partition(": "))
            continue
        theirs = [(label, text[1:]) for label, _, text in block if text.startswith("-")]
        ours = [text[1:] for _, _, text in block if text.startswith("+")]
        if len(theirs) == len(ours) == len(block) / 2:
            for (label, nova), lab in zip(theirs, ours, strict=True):
                path, nova, lab = first(json.loads(nova), json.loads(lab))
                found.append(f"{label}: {path}: -{json.dumps(nova)} +{json.dumps(lab)}")
        else:
            found += ["".join(parts) for parts in block]
        block = []
    return found


def main():
    """Compare, print what was seen, and fail if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--jobs", type=int, default=min(4, 2 * os.cpu_count()))
    parser.add_argument("--only", type=int, nargs="+", metavar="NUMBER")
    args = parser.parse_args()
    numbers, start = args.only or list(range(args.count)), time.monotonic()
    print(f"{len(numbers)} sequences, about two seconds each on two cores", flush=True)
    seen, differ = compare_all(args.seed, numbers, args.jobs)
    print(
        f"{seen['sequences']} sequences of seed {args.seed}: {seen['steps']} steps, "
        f"{seen['accepted']} requests accepted, {seen['refused']} refused, {seen['events']} events; "
        f"{len(differ)} sequences differ ({time.monotonic() - start:.0f} s)"
    )
    return 1 if differ or seen["sequences"] != len(numbers) else 0


if __name__ == "__main__":
    sys.exit(main())
