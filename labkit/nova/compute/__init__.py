"""Where servers live: states, guards, managers (nova/compute)."""
