"""The table about a broker's queues."""

from labkit.tables.cloud import frame


def queues(broker):
    """Return the queues of a broker in the order in which they were declared, a DataFrame."""
    keys = {
        name: (exchange, key)
        for exchange, bound in broker.bindings.items()
        for key, names in bound.items()
        for name in names
        if exchange
    }
    waiting = broker.waiting()
    rows = []
    for name in broker.queues:
        exchange, key = keys.get(name, ("", name))
        key = "" if exchange.endswith("_fanout") else key
        rows.append((exchange, name, key, waiting.get(name, 0)))
    return frame(["exchange", "queue", "routing_key", "messages"], rows)
