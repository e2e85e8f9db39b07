"""A whole cloud on one clock: its services, faults, durations, what happened and what is left."""
