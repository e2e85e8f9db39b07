"""What a broker carried, as a table: a row for each message, a fanout's for each who took it.

``messages``: seq, t_s, kind, sender, exchange, routing_key, topic, server, namespace, method,
    version, args, taken_s, lost
    ``seq`` counts the envelopes, ``t_s`` is when one was sent, ``taken_s`` when it was taken (NaN:
    not yet); ``kind`` call, cast, fanout, reply, or heartbeat, a server's sign of life;
    ``server`` whom the address names, else who took it; ``args`` names with commas between them,
    of a reply the exception's class; ``lost`` when no queue was bound for it. A reply has the
    method of its call.
"""

import json

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
