"""Moves, as the conductor prepares them (nova/conductor/tasks)."""
