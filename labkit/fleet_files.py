"""The edges of Fleet: folders of files and DataFrames, with a sentence for each kind of bad data."""

import difflib
import json
import math
from pathlib import Path

from labkit.neighbours.placement import FIELDS
from labkit.nova.objects.aggregate import Aggregate
from labkit.nova.scheduler.host_manager import NUMBERS

REQUIRED = (
    "host",
    "total_usable_ram_mb",
    "free_ram_mb",
    "total_usable_disk_gb",
    "free_disk_mb",
    "vcpus_total",
    "vcpus_used",
)
_NEVER_NEGATIVE = ("total_usable_ram_mb", "total_usable_disk_gb", "vcpus_total", "num_instances")
_BOOLEANS = ("disabled", "forced_down")


def read(folder):
    """Read a fleet from a folder; see ``Fleet.read``."""
    import pandas as pd

    folder = Path(folder)
    if not (folder / "hosts.csv").is_file():
        raise FileNotFoundError(f"{folder} holds no hosts.csv; a fleet is a folder with one")

    def table(name):
        path = folder / name
        if not path.is_file():
            return None
        return pd.read_csv(path, dtype=str, keep_default_na=False, skipinitialspace=True)

    aggregates = []
    if (folder / "aggregates.json").is_file():
        try:
            found = json.loads((folder / "aggregates.json").read_text(encoding="utf-8"))
            aggregates = [
                Aggregate(name, tuple(entry.get("hosts", ())), dict(entry.get("metadata", {})))
                for name, entry in found.items()
            ]
        except (json.JSONDecodeError, AttributeError, TypeError) as error:
            raise ValueError(f"{folder / 'aggregates.json'}: {error}") from None
    instances = table("instances.csv")
    return from_frame(
        table("hosts.csv"),
        aggregates,
        None if instances is None else _instances(instances),
        table("inventories.csv"),
        table("pci_pools.csv"),
    )


def from_frame(hosts, aggregates=(), instances=None, inventories=None, pci_pools=None):
    """Make a fleet from DataFrames; see ``Fleet.from_frame``."""
    from labkit.fleet import Fleet

    hosts = _with_host_column(hosts)
    _check_columns(hosts)
    rows = [_row(number, record) for number, record in enumerate(hosts.to_dict("records"))]
    names = [row["host"] for row in rows]
    for number, name in enumerate(names):
        if name in names[:number]:
            raise ValueError(f"hosts, row {number}: the host {name!r} is named twice")
    known = set(names)
    for aggregate in aggregates:
        for host in aggregate.hosts:
            if host not in known:
                raise ValueError(f"aggregate {aggregate.name!r} names an unknown host {host!r}")
    for host in instances or {}:
        if host not in known:
            raise ValueError(f"instances name an unknown host {host!r}")
    return Fleet(
        rows,
        aggregates,
        instances,
        _records("inventories", inventories, known, (*FIELDS, "used")),
        _records("pci_pools", pci_pools, known, ("count",)),
    )


def frame(fleet):
    """Return the hosts of a fleet as a DataFrame; see ``Fleet.hosts``."""
    import pandas as pd

    data = {"host": fleet.texts["host"]}
    for name in NUMBERS:
        column = fleet.columns[name]
        whole = not name.endswith("_ratio") and not any(v != v or v % 1 for v in column.tolist())
        data[name] = column.astype("int64") if whole else column.copy()
    for name in fleet.texts:
        values = fleet.texts[name]
        if name not in ("host", "uuid") and values != _defaults(fleet, name):
            data[name] = list(values)
    for name, column in fleet.metrics.items():
        data[f"metric:{name}"] = column.copy()
    return pd.DataFrame(data)


def subset(fleet, names):
    """Return a fleet of the named hosts, in that order."""
    from labkit.fleet import Fleet

    rows = [fleet.rows[name] for name in names]
    part = Fleet([_record(fleet, row) for row in rows], **_tables(fleet, set(names)))
    part.reported = fleet.reported
    return part


def replaced(fleet, host_state, values):
    """Return a fleet with one host changed."""
    from labkit.fleet import Fleet

    for name in values:
        if name not in fleet.columns and name not in fleet.texts:
            _unknown("replace", name, [*fleet.columns, *fleet.texts])
    rows = [_record(fleet, row) for row in range(len(fleet))]
    changed = fleet.rows[host_state.host]
    rows[changed].update(values)
    tables = _tables(fleet, set(fleet.rows))
    if not fleet.reported:
        return Fleet(rows, **tables)
    other = Fleet(rows, **(tables | {"inventories": []}))
    for name, inventory in other.inventories.items():
        used = inventory.used[changed] if values.keys() & set(fleet.columns) else None
        inventory.used = fleet.inventories[name].used.copy()
        if used is not None:
            inventory.used[changed] = used
    return other


def _record(fleet, row):
    record = {name: float(column[row]) for name, column in fleet.columns.items()}
    record |= {name: values[row] for name, values in fleet.texts.items()}
    values = {name: float(column[row]) for name, column in fleet.metrics.items()}
    return record | {"metrics": {name: v for name, v in values.items() if not math.isnan(v)}}


def _tables(fleet, names):
    records = []
    for name, inventory in fleet.inventories.items():
        for host, row in fleet.rows.items():
            values = {key: float(inventory.columns[key][row]) for key in FIELDS}
            if host in names and not math.isnan(values["total"]):
                used = float(inventory.used[row])
                records.append({"host": host, "resource_class": name, **values, "used": used})
    return {
        "aggregates": [
            Aggregate(a.name, [h for h in a.hosts if h in names], a.metadata, a.uuid)
            for a in fleet.aggregates
        ],
        "instances": {h: fleet.instances[row] for h, row in fleet.rows.items() if h in names},
        "inventories": records,
        "pci_pools": [
            {"host": host, **pool}
            for host, row in fleet.rows.items()
            if host in names
            for pool in fleet.pci_pools[row]
        ],
    }


def _defaults(fleet, name):
    from labkit.fleet import TEXTS

    if name in ("nodename", "hypervisor_hostname"):
        return fleet.texts["host"]
    return [TEXTS[name]] * len(fleet)


def _with_host_column(hosts):
    if "host" not in hosts.columns and hosts.index.name == "host":
        hosts = hosts.reset_index()
    return hosts


def _check_columns(hosts):
    from labkit.fleet import TEXTS

    known = [*TEXTS, *NUMBERS]
    for name in hosts.columns:
        if name not in known and not str(name).startswith(("metric:", "stat:")):
            _unknown("hosts", str(name), known)
    for name in REQUIRED:
        if name not in hosts.columns:
            raise ValueError(f"hosts: the column {name!r} is missing")


def _unknown(table, name, known):
    near = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    raise ValueError(f"{table}: unknown column {name!r}; {hint}")


def _row(number, record):
    where = f"hosts, row {number} ({record['host']})"
    row = {"metrics": {}}
    stats = dict(record.get("stats") or {})
    if not isinstance(record["host"], str) or not record["host"].strip():
        raise ValueError(f"hosts, row {number}: host = {record['host']!r}; expected a name")
    for name, value in record.items():
        if name in NUMBERS or name == "heartbeat_age_s":
            row[name] = _number(where, name, value, empty=name == "hypervisor_version")
        elif name.startswith("metric:"):
            value = _number(where, name, value, empty=True)
            if value is not None:
                row["metrics"][name.partition(":")[2]] = value
        elif name.startswith("stat:"):
            stats[name.partition(":")[2]] = str(value)
        elif name in _BOOLEANS:
            row[name] = _boolean(where, name, value)
        elif name == "supported_instances" and isinstance(value, str):
            row[name] = [part.split() for part in value.split(";") if part.strip()]
        elif name == "traits" and isinstance(value, str):
            row[name] = tuple(value.split())
        elif name != "stats":
            row[name] = None if _is_empty(value) else value
    for name in _NEVER_NEGATIVE:
        if row.get(name, 0) < 0:
            raise ValueError(f"{where}: {name} = {row[name]:g}; expected 0 or more")
    if stats:
        row["stats"] = stats
        for key, name in (
            ("num_instances", "num_instances"),
            ("io_workload", "num_io_ops"),
            ("failed_builds", "failed_builds"),
        ):
            if key in stats and name not in record:
                row[name] = _number(where, f"stat:{key}", stats[key])
    return row


def _number(where, name, value, empty=False):
    if _is_empty(value):
        if empty:
            return None
        raise ValueError(f"{where}: {name} is empty; expected a number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{where}: {name} = {value!r}; expected a number") from None
    if isinstance(value, bool) or math.isinf(number):
        raise ValueError(f"{where}: {name} = {value!r}; expected a number")
    return number


def _boolean(where, name, value):
    text = str(value).strip().lower()
    if text not in ("true", "false", "1", "0", "yes", "no", ""):
        raise ValueError(f"{where}: {name} = {value!r}; expected true or false")
    return text in ("true", "1", "yes")


def _is_empty(value):
    if isinstance(value, list | tuple | dict):
        return False
    return value is None or value != value or (isinstance(value, str) and not value.strip())


def _instances(table):
    for name in ("instance", "host"):
        if name not in table.columns:
            raise ValueError(f"instances: the column {name!r} is missing")
    found = {}
    for record in table.to_dict("records"):
        name, host = record.pop("instance"), record.pop("host")
        found.setdefault(host, {})[name] = {k: v for k, v in record.items() if not _is_empty(v)}
    return found


def _records(name, table, known, numbers):
    if table is None:
        return []
    records = table if isinstance(table, list) else table.to_dict("records")
    found = []
    for number, record in enumerate(records):
        where = f"{name}, row {number} ({record.get('host')})"
        if record.get("host") not in known:
            raise ValueError(f"{name}, row {number}: unknown host {record.get('host')!r}")
        if name == "inventories" and _is_empty(record.get("resource_class")):
            raise ValueError(f"{where}: resource_class is missing")
        must = "total" if name == "inventories" else "count"
        clean = dict(record)
        for key in numbers:
            if key in record or key == must:
                clean[key] = _number(where, key, record.get(key), empty=key != must)
        if clean[must] < 0:
            raise ValueError(f"{where}: {must} = {clean[must]:g}; expected 0 or more")
        if name == "pci_pools":
            clean["count"] = int(clean["count"])
        found.append(clean)
    return found
