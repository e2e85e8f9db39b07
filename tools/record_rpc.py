"""Record what the real oslo.messaging puts on the wire for tests/nova/conversation.py.

    python tools/record_rpc.py --out data/nova-34/rpc.json.gz

Per step: what came back, which methods ran, and every envelope in the order in which it was
published; then the queues. Ids are id1, id2, ... in order of appearance; of a traceback the first
and the last line are kept. The same bytes in every run.
"""

import argparse
import gzip
import json
import sys
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tools import oracle_rpc


def main():
    """Hold the conversation in memory and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    told = {"nova": version("nova"), "oslo.messaging": version("oslo.messaging")}
    told |= oracle_rpc.hold()
    text = json.dumps(told, separators=(",", ":")).encode()
    out.write_bytes(gzip.compress(text, mtime=0))
    print(f"{len(told['steps'])} steps, {len(told['queues'])} queues in {out}")


if __name__ == "__main__":
    main()
