"""Where two recordings first differ, in words."""

import gzip
import json


def difference(old, new):
    """Return where two files first differ, in words; None for the same bytes."""
    if not old.exists():
        return "DIFFERS: there is none; make record writes it"
    before, after = old.read_bytes(), new.read_bytes()
    if before == after:
        return None
    if old.suffix == ".gz":
        before, after = gzip.decompress(before), gzip.decompress(after)
    if ".json" in old.suffixes:
        path, kept, now = first(json.loads(before), json.loads(after))
        kept, now = json.dumps(kept)[:200], json.dumps(now)[:200]
        return f"DIFFERS at {path or '/'}: kept {kept}, now {now}"
    if b"\0" in before:
        return "DIFFERS: other bytes"
    lines = [text.decode().splitlines() for text in (before, after)]
    for number, (kept, now) in enumerate(zip(*lines, strict=False), 1):
        if kept != now:
            return f"DIFFERS in line {number}: kept {kept[:200]!r}, now {now[:200]!r}"
    return f"DIFFERS: {len(lines[0])} lines kept, now {len(lines[1])}"


def first(kept, now, path=""):
    """Return (path, kept, now) where two contents of JSON first differ.

    Of objects with other names the names that only one of them has.
    """
    if isinstance(kept, dict) and isinstance(now, dict):
        if kept.keys() != now.keys():
            only = sorted(kept.keys() - now.keys()), sorted(now.keys() - kept.keys())
            return path, *only
        pairs = [(key, kept[key], now[key]) for key in kept]
    elif isinstance(kept, list) and isinstance(now, list) and len(kept) == len(now):
        pairs = [(k, *pair) for k, pair in enumerate(zip(kept, now, strict=True))]
    else:
        return path, kept, now
    for key, one, other in pairs:
        if one != other:
            return first(one, other, f"{path}/{key}")
    return path, "the same content", "other bytes"
