"""A whole Nova on one clock: its services, faults, durations, what happened and what is left.

In: a Fleet, Options, Faults. Out: a Cloud, to be asked for servers and actions, and its tables.

Uses: fleet, neighbours, nova, tables.
"""
