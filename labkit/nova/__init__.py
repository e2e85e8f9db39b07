"""Nova 34.0.0, small enough to read: its files, its classes, its names.

In: a request and the services around it. Out: what happened, as records on a simulated clock.

A module here is Nova's module of the same path, a class or function Nova's of the same name in it,
unless its docstring names another; where something is left out, a docstring says "Unlike Nova".
Two modules Nova has not: ``clock.py`` (what every service notes of what happened, and when) and
``scheduler/fast.py`` (the rules of the scheduler in columns, for large fleets).

Uses: neighbours.
"""
