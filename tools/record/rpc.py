"""Record what the real oslo.messaging puts on the wire for tests/helpers/conversation.py.

Per step: what came back, which methods ran, and every envelope in the order in which it was
published; then the queues. Ids are id1, id2, ... in order of appearance; of a traceback the first
and the last line are kept. The same bytes in every run.
"""

import json
from importlib.metadata import version

from tools.oracle import rpc
from tools.record import write


def record(folder):
    """Hold the conversation in memory and write it."""
    told = {"nova": version("nova"), "oslo.messaging": version("oslo.messaging")}
    text = json.dumps(told | rpc.hold(), separators=(",", ":"))
    write(folder / "nova-34/rpc.json.gz", text)
