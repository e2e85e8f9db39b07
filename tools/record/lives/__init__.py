"""Lives of servers in the real Nova 34.0.0, recorded: most of ``data/nova-34``.

A whole Nova (API, conductor, scheduler, computes, placement) runs in one process on the fixtures
that Nova ships for its own functional tests. Nothing of Nova is copied; hooks around its public
seams note each saved state, message, notification and call to a neighbour.
"""
