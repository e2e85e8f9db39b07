"""The tables about a broker: the messages that it carried, and the queues that they wait in."""

import json

from labkit.tables.cloud import frame

MESSAGES = (
    "seq t_s kind sender exchange routing_key topic server namespace method version args "
    "taken_s lost"
).split()


def messages_of(broker):
    """Return the table ``messages`` of a broker."""
    import pandas as pd

    taken, asked = {}, {}
    for one in broker.taken:
        taken.setdefault(one.envelope.message["_unique_id"], []).append(one)
    dropped = {envelope.message["_unique_id"] for envelope in broker.dropped}
    rows = []
    for seq, envelope in enumerate(broker.log):
        message = envelope.message
        msg_id, unique_id = message.get("_msg_id"), message["_unique_id"]
        kind = _kind(broker, envelope, message)
        if kind == "call":
            asked[msg_id] = message["method"]
        for one in taken.get(unique_id, [None]):
            topic, server = _address(envelope, one) if envelope.exchange else (None, None)
            rows.append(
                (
                    seq,
                    envelope.t_s,
                    kind,
                    envelope.sender,
                    envelope.exchange,
                    envelope.routing_key,
                    topic,
                    server,
                    message.get("namespace"),
                    message["method"] if envelope.exchange else asked.get(msg_id),
                    message.get("version"),
                    _args(message),
                    one.t_s if one else float("nan"),
                    unique_id in dropped,
                )
            )
    numbers = {"seq": int, "t_s": float, "taken_s": float, "lost": bool}
    return pd.DataFrame(rows, columns=MESSAGES, dtype=object).astype(numbers)


def _kind(broker, envelope, message):
    if not envelope.exchange:
        return "reply" if message["ending"] else "heartbeat"
    if broker.exchanges.get(envelope.exchange) == "fanout":
        return "fanout"
    return "call" if "_msg_id" in message else "cast"


def _address(envelope, taken):
    """Topic and server: of the address, and of who took it where the address leaves it open."""
    if taken:
        return taken.reader.split("@", 1)
    topic, _, server = envelope.routing_key.partition(".")
    return topic or envelope.exchange.removesuffix("_fanout"), server or None


def _args(message):
    if "failure" in message:
        return json.loads(message["failure"])["class"] if message["failure"] else ""
    return ",".join(sorted(message["args"]))


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
