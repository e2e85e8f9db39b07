"""Let the real Nova say what it does, and keep it in data/; see ``python -m tools.record --help``."""

import gzip


def write(path, text):
    """Write a recording; a name that ends in .gz is packed, the same bytes for the same text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode()
    path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    print(f"   {path.name}: {path.stat().st_size:,} bytes")
