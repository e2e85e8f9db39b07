"""The same snapshots as Nova 13.0.0 made them and as Nova makes them today."""

import pandas as pd

from labkit.nova.conf import Options
from labkit.nova.virt.libvirt import driver
from labkit.nova13.conf import options
from labkit.nova13.driver import LibvirtDriver
from labkit.studies.one_server import ACTIONS, one_server

_CONVERT = "qemu-img convert "
_NOVAS = {"then": (options, LibvirtDriver), "now": (Options, driver.LibvirtDriver)}


def then_and_now(**values) -> pd.DataFrame:
    """Make a snapshot of each kind of disk in each power state, as 13.0.0 did and as 34.0.0 does.

    In: options that are the same in both; the others are at each release's defaults. Out: a row
    per backend and power state; ``then`` and ``now`` are "live" or "cold", ``convert_then`` and
    ``convert_now`` the arguments of ``qemu-img convert``: from DISK, or the OVERLAY of the mirror, to
    FILE; empty when Ceph copies by itself. Raises what Options raises.

    >>> table = then_and_now().set_index(["backend", "power_state"])
    >>> table.loc[("raw", "running"), ["then", "now"]].tolist()
    ['cold', 'live']
    >>> table.convert_then["raw", "running"]
    '-O raw -f raw DISK FILE'

    Source: nova/virt/libvirt/driver.py, Nova 15.1.5 and 34.0.0; see ``nova13.LibvirtDriver``.
    """
    rows = []
    for backend in ("raw", "qcow2", "lvm", "rbd"):
        for power_state, actions in ACTIONS.items():
            row = {"backend": backend, "power_state": power_state}
            for name, (made, driver_class) in _NOVAS.items():
                chosen = made(images_type=backend, images_volume_group="vg0", **values)
                row[name], row[f"convert_{name}"] = _snapshot(chosen, driver_class, actions)
            rows.append(row)
    order = ["backend", "power_state", "then", "now", "convert_then", "convert_now"]
    return pd.DataFrame(rows)[order]


def _snapshot(chosen, driver_class, actions):
    cloud = one_server(*actions, "createImage", options=chosen, driver=driver_class)
    log = cloud.host_log.what.tolist()
    how = "live" if "INFO Beginning live snapshot process" in log else "cold"
    converted = [words.removeprefix(_CONVERT) for words in log if words.startswith(_CONVERT)]
    return how, _short(converted[0]) if converted else ""


def _short(command):
    # The two paths of a command say nothing new.
    words = command.split(" ")
    source, dest = (word for word in words if word.startswith("/"))
    names = {source: "OVERLAY" if source.endswith(".delta") else "DISK", dest: "FILE"}
    return " ".join(names.get(word, word) for word in words)
