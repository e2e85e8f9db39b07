"""Tables made by playing the model: transitions, Nova's state page beside its code, rights, reports.

Each module has the function that makes a table, and describes its columns there.

Uses: cloud, fleet, neighbours, nova, nova13, tables.
"""
