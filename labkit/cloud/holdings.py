"""What each host has of a server, and since when: noted where it changes."""

from labkit.nova import clock as trace
from labkit.nova.compute import power_state


def watch(site, drivers):
    """Note from now on what changes in a cloud: guests and allocations, in ``site.held_changes``."""
    hosts = site.fleet.texts["host"]

    def note(host, what, consumer, value):
        site.held_changes.append((len(site.trace), site.env.now, host, what, consumer, value))

    def on(host):
        def tell(uuid, value):
            note(host, "guest", uuid, value)
            site.db.touched.add(host)

        return tell

    for host, driver in drivers.items():
        driver.guests.tell = on(host)
    site.allocations.tell = lambda consumer, row, resources: note(
        hosts[row], "allocation", consumer, resources
    )


def at(holdings, t_s=None):
    """Return what each host has at a time, or at the end, a DataFrame.

    In: the table ``Cloud.holdings``. Out: a row for each server and host that has something of it:
    instance, host, row, guest, consumer, allocation; empty where it has not, " + " between two.

    >>> import pandas as pd
    >>> columns = "t_s instance host what consumer value".split()
    >>> rows = [(1.0, "web-1", "cn-1", "guest", None, "running"),
    ...         (2.0, "web-1", "cn-1", "allocation", "migration 1", "VCPU 1")]
    >>> at(pd.DataFrame(rows, columns=columns)).iloc[0].tolist()
    ['web-1', 'cn-1', '', 'running', 'migration 1', 'VCPU 1']
    """
    import pandas as pd

    table = holdings if t_s is None else holdings[holdings["t_s"] <= t_s]
    last = table.drop_duplicates(["instance", "host", "what", "consumer"], keep="last")
    found = {}
    for row in last.dropna(subset="value").itertuples():
        own = found.setdefault((row.instance, row.host), {"row": "", "guest": ""})
        if row.what == "allocation":
            for name, value in (("consumer", row.consumer), ("allocation", row.value)):
                own[name] = f"{own[name]} + {value}" if name in own else value
        else:
            own[row.what] = row.value
    columns = ["instance", "host", "row", "guest", "consumer", "allocation"]
    rows = [(*key, *(found[key].get(name, "") for name in columns[2:])) for key in sorted(found)]
    return pd.DataFrame(rows, columns=columns)


def rows(site) -> list[tuple]:
    """Return the rows of the table ``holdings``; see labkit/cloud/cloud_tables.py."""
    moves = {move["uuid"]: move for move in site.db.migrations.values()}
    found = []
    for seq, t_s, host, what, consumer, value in site.held_changes:
        move = moves.get(consumer)
        name = site.names[move["instance_uuid"] if move else consumer]
        if what == "guest":
            consumer, value = None, power_state.STATE_MAP.get(value)
        else:
            consumer = f"migration {move['id']}" if move else name
            value = value and ", ".join(f"{key} {amount}" for key, amount in value.items())
        found.append((seq, t_s, name, host, what, consumer, value))
    return sorted([*found, *_named(site.trace)], key=lambda row: row[0])


def _named(records):
    """Yield a row for each change of the host that a server's row names."""
    now = {}
    for seq, record in enumerate(records):
        if not isinstance(record, trace.Save) or record.op not in ("update", "destroy"):
            continue
        old = now.get(record.instance)
        if record.host == old:
            continue
        for host, value in ((old, None), (record.host, "named")):
            if host is not None:
                yield seq, record.t_s, record.instance, host, "row", None, value
        now[record.instance] = record.host
