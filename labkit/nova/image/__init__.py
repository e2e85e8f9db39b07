"""How Nova talks to glance (nova/image)."""
