"""Random hosts with servers and migrations, and what happens there, as plain data."""

import random

NAME, NODE, OTHER = "cn-1", "cn-1.example", "cn-2"
VM_STATES = """active active active active building stopped paused resized shelved
shelved_offloaded soft-delete error rescued deleted""".split()
TASK_STATES = """None None None spawning resize_prep resize_migrating resize_migrated resize_finish
rebuilding rebuild_spawning migrating image_snapshot image_backup rescuing unshelving
powering-off scheduling""".split()
GI = 1024**3
RATIOS = tuple(f"{name}_allocation_ratio" for name in ("cpu", "ram", "disk"))


def uuid(number):
    """Return the uuid of a number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def flavor(rng):
    """Return a flavor; its swap is not always a whole number of GiB."""
    return {
        "id": rng.randint(1, 3),
        "vcpus": rng.choice((1, 2, 4)),
        "memory_mb": rng.choice((512, 1024, 4096)),
        "root_gb": rng.choice((0, 1, 20)),
        "ephemeral_gb": rng.choice((0, 0, 5)),
        "swap": rng.choice((0, 0, 512, 1024, 1536)),
    }


def host(rng):
    """Return what a hypervisor tells."""
    total = rng.choice((0, rng.randrange(40 * GI), rng.randrange(2000 * GI)))
    used = rng.randrange(total + 1)
    memory = rng.choice((2048, 16000, 65535))
    errors = ["ENOENT", "ESTALE", "EACCES", "DiskNotFound", "libvirtError"]
    guests = [
        {
            "uuid": uuid(900 + number),
            "running": rng.random() < 0.8,
            "vcpus": rng.choice((None, 1, 2, 4)),
            "memory_kb": rng.choice((524288, 1048577)),
            "over": rng.choice(
                [[], [rng.randrange(30 * GI)], [1, rng.randrange(30 * GI)], *errors]
            ),
        }
        for number in range(rng.randint(0, 5))
    ]
    if rng.random() < 0.02:
        guests.append(guests[0] | {"over": "EIO"} if guests else
                      {"uuid": uuid(999), "running": True, "vcpus": 1, "memory_kb": 1, "over": "EIO"})  # fmt: skip
    if rng.random() < 0.05:
        memory = rng.choice((-1, 0, 512))
    return {
        "hostname": NODE,
        "host_ip": "192.0.2.7",
        "uuid": uuid(1),
        "cpus": [int(rng.random() < 0.9) for _ in range(rng.choice((1, 4, 8, 16)))],
        "memory_mb": memory,
        "avail_kb": rng.randrange(max(0, memory) * 1024 + 1),
        "disk": {"total": total, "free": total - used, "used": used},
        "type": "QEMU",
        "version": rng.choice((6002000, 8000000)),
        "uptime": rng.choice(("up 1 day", "up 2 days")),
        "guests": guests,
        "capabilities": rng.sample(
            [["x86_64", ["kvm", "qemu"], "hvm"], ["i386", ["qemu"], "hvm"],
             ["amd64", ["xen"], "xen"], ["fancy", ["qemu"], "hvm"], ["AArch64", ["qemu"], "hvm"]],
            rng.randint(0, 4),
        ),
        "cpu": {"arch": "x86_64", "model": "Skylake", "vendor": "Intel", "sockets": 1,
                "cores": rng.choice((2, 4)), "threads": 2,
                "features": rng.sample(["aes", "sse4", "vmx"], rng.randint(0, 3))},
    }  # fmt: skip


def options(rng):
    """Return some of the options that a host's report depends on."""
    found = {
        "reserved_host_memory_mb": rng.choice((512, 0, 1024)),
        "reserved_host_disk_mb": rng.choice((0, 0, 1, 1024, 1500, 3000)),
        "reserved_host_cpus": rng.choice((0, 0, 1)),
    }
    for name in RATIOS:
        found[name] = rng.choice((None, None, 0.0, 1.0, 2.5))
        if rng.random() < 0.3:
            found[f"initial_{name}"] = rng.choice((0.0, 1.0, 1.5, 16.0))
    if rng.random() < 0.3:
        found["cpu_shared_set"] = rng.choice(("0", "0-1", "0,^1"))
    if rng.random() < 0.3:
        found["cpu_dedicated_set"] = rng.choice(("2-3", "3"))
    if found.keys() & {"cpu_shared_set", "cpu_dedicated_set"}:
        found["reserved_host_cpus"] = 0  # with both nova-compute does not start
    return found


def instance(rng, number):
    """Return a row of the table instances, with what Nova keeps beside it."""
    here = rng.random() < 0.6
    state = rng.choice(VM_STATES)
    task = rng.choice(TASK_STATES)
    first, second = flavor(rng), flavor(rng)
    return {
        "uuid": uuid(100 + number),
        "vm_state": state,
        "task_state": None if task == "None" else task,
        "os_type": rng.choice((None, "linux")),
        "project_id": rng.choice(("alpha", "beta")),
        "host": NAME if here else rng.choice((None, OTHER)),
        "node": NODE if here else None,
        "launched_on": None,
        "compute_id": rng.choice((None, 1, 7)) if here else None,
        "deleted": state == "deleted",
        "flavor": first,
        "old_flavor": rng.choice((None, first, second)),
        "new_flavor": rng.choice((first, second, second)),
        "volume_backed": rng.random() < 0.2,
        "pci_requests": int(rng.random() < 0.1),
        "migration": None,
    }


def migration(rng, number, row):
    """Return a row of the table migrations for a server."""
    here, there = (NAME, NODE), (OTHER, "cn-2.example")
    source, dest = rng.choice(((here, there), (there, here), (there, here), (here, here)))
    if rng.random() < 0.5:
        row["migration"] = rng.choice((number, number, number + 50))
    if rng.random() < 0.7:
        row["vm_state"], row["task_state"] = rng.choice(
            (("resized", None), ("active", "resize_migrating"), ("stopped", "resize_finish"),
             ("active", "migrating"), ("paused", "migrating"), ("active", "rebuilding"))
        )  # fmt: skip
    times = ["2026-01-01T00:00:00Z", "2026-01-01T00:00:05Z", "2026-01-01T00:00:09Z"]
    kind = rng.choice(("resize", "resize", "migration", "live-migration", "evacuation"))
    return {
        "id": number,
        "uuid": uuid(500 + number),
        "instance_uuid": row["uuid"],
        "migration_type": kind,
        "status": rng.choice(("accepted", "migrating", "finished", "error", "confirmed", "done")),
        "source_compute": source[0],
        "source_node": source[1],
        "dest_compute": dest[0],
        "dest_node": dest[1],
        "old_instance_type_id": rng.choice((row["flavor"]["id"], 1)),
        "new_instance_type_id": rng.randint(1, 3),
        "created_at": times[0],
        "updated_at": rng.choice((None, *times)),
    }


def case(seed):
    """Return a case; the same seed gives the same one."""
    rng = random.Random(seed)
    rows = [instance(rng, number) for number in range(rng.randint(0, 6))]
    moves = [
        migration(rng, number + 1, rng.choice(rows)) for number in range(rng.randint(0, 4)) if rows
    ]
    node = None
    if rng.random() < 0.6:
        same = rng.random() < 0.85
        node = {
            "uuid": uuid(1) if same else uuid(2),
            "host": rng.choice((NAME, NAME, OTHER)),
            "hypervisor_hostname": NODE,
            "service_id": rng.choice((1, 2)),
            "deleted": rng.choice((0, 0, 0, 1)),
            "vcpus": 1, "memory_mb": 1, "local_gb": 1, "vcpus_used": 0, "memory_mb_used": 0,
            "local_gb_used": 0, "hypervisor_type": "QEMU", "hypervisor_version": 1,
            "cpu_info": "", "supported_instances": "[]", "mapped": 1, "metrics": "[]",
            **{name: rng.choice((None, 0.0, 1.5, 8.0)) for name in RATIOS},
        }  # fmt: skip
    found = {
        "name": NAME,
        "service": 1,
        "host": host(rng),
        "options": options(rng),
        "node": node,
        "instances": rows,
        "migrations": moves,
        "allocations": [row["uuid"] for row in rows if rng.random() < 0.5]
        + [m["uuid"] for m in moves] + ([uuid(777)] if rng.random() < 0.3 else []),
    }  # fmt: skip
    if seed % 25 == 0:  # what placement does not take
        found["options"]["reserved_host_memory_mb"] = 70000
    elif seed % 25 == 1:
        found["host"]["memory_mb"] = -1
    found["steps"] = [["driver"], ["report"], *steps(rng, rows, moves)]
    return found


def steps(rng, rows, moves):
    """Return what happens on the host after its first report."""
    found, claimed = [], []
    for _ in range(rng.randint(2, 9)):
        kind = rng.choice("report report restart host options lacking claim claim abort update_usage update_usage row move_claim move_claim drop_at_source drop_at_dest build_failed build_succeeded".split())  # fmt: skip
        node = NODE if rng.random() < 0.9 else "nowhere"
        row = rng.choice(rows) if rows else None
        move = rng.choice(moves) if moves else None
        changes = {"vm_state": rng.choice(VM_STATES)}
        task = rng.choice(TASK_STATES)
        changes["task_state"] = None if task == "None" else task
        if kind == "host":
            found += [["host", {k: v for k, v in host(rng).items() if k in ("cpus", "memory_mb",
                       "avail_kb", "disk", "guests", "uptime")}], ["report"]]  # fmt: skip
        elif kind == "options":
            found += [["options", options(rng)], ["report"]]
        elif kind == "lacking":
            keys = [
                "vcpus",
                "memory_mb",
                "cpu_info",
                "uuid",
                "stats",
                "uptime",
                "supported_instances",
            ]
            found.append(["lacking", rng.sample(keys, 2)])
        elif kind in ("report", "restart", "build_failed", "build_succeeded"):
            found.append([kind])
        elif kind == "claim" and row:
            found.append(["claim", row["uuid"], node])
            claimed.append(row["uuid"])
        elif kind == "abort" and claimed:
            found.append(["abort", claimed.pop()])
        elif kind in ("update_usage", "row") and row:
            found.append([kind, row["uuid"], changes])
        elif kind == "move_claim" and move:
            asked = ["move_claim", move["instance_uuid"], move["id"], flavor(rng), node]
            found.append(asked)
            claimed.append(move["instance_uuid"])
        elif kind in ("drop_at_source", "drop_at_dest") and move:
            found.append([kind, move["instance_uuid"], move["id"]])
    return [*found, ["report"]]
