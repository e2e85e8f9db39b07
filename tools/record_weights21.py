"""Record how the weights.py of Nova 21.0.0 remembers its extremes: data/nova-21/weights.json.

    pip download --no-deps nova==21.0.0 -d FOLDER     # a wheel; its weights.py runs by itself
    python tools/record_weights21.py FOLDER/nova-21.0.0-py3-none-any.whl

The code is that of 13.0.0 (mended in 22.0.0). Sequences of raw weights go through one weigher
object, as they would in one scheduler process.
"""

import json
import random
import sys
import types
import zipfile
from pathlib import Path

OUT = Path(__file__).parents[1] / "data" / "nova-21" / "weights.json"


def load(wheel):
    """Run weights.py of the wheel as a module of its own."""
    source = zipfile.ZipFile(wheel).read("nova/weights.py").decode()
    for name in ("nova", "oslo_log", "oslo_log.log"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["nova"].loadables = types.SimpleNamespace(BaseLoader=object)
    sys.modules["oslo_log"].log = sys.modules["oslo_log.log"]
    sys.modules["oslo_log.log"].getLogger = lambda name: types.SimpleNamespace(
        debug=lambda *args: None
    )
    module = types.ModuleType("weights21")
    exec(compile(source, "nova/weights.py", "exec"), module.__dict__)  # noqa: S102 - the release itself
    return module


def record(weights, rng):
    """One process: a weigher with or without minval, and a few requests."""
    minval = rng.choice([None, 0])

    class Weigher(weights.BaseWeigher):
        def _weigh_object(self, obj, weight_properties):
            return obj

    Weigher.minval = minval
    weigher, handler, requests = Weigher(), weights.BaseWeightHandler(), []
    for _ in range(rng.randrange(2, 6)):
        raw = [rng.choice([-3, 0, 1, 2, 5, 10, 4096]) for _ in range(rng.randrange(1, 6))]
        weighed = handler.get_weighed_objects([weigher], raw, None)
        requests.append({"raw": raw, "sorted": [[w.obj, w.weight] for w in weighed]})
    return {"minval": minval, "requests": requests}


def main():
    """Write 200 processes."""
    weights, rng = load(sys.argv[1]), random.Random(21)
    processes = [record(weights, rng) for _ in range(200)]
    OUT.parent.mkdir(exist_ok=True)
    text = json.dumps({"nova": "21.0.0", "processes": processes})
    OUT.write_text(text.replace('{"minval"', '\n{"minval"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
