"""How fast the lab is; ``python -m tools.bench``."""
