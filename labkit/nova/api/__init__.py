"""The HTTP side of Nova (nova/api)."""
