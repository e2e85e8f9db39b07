"""What a host puts aside for a server that is to come (nova/compute/claims.py)."""


class MoveClaim:
    """Room on the destination of a move; given back when the work under it fails.

    Source: ``MoveClaim`` in nova/compute/claims.py, Nova 34.0.0. Unlike Nova, nothing is tested:
    there are no NUMA topologies and PCI devices.
    """

    def __init__(self, tracker, instance, flavor, migration):
        self._tracker = tracker
        self.instance = instance
        self.flavor = flavor
        self.migration = migration

    def abort(self):
        """Give it back."""
        self._tracker.drop_move_claim(self.instance, self.flavor)
        self.instance.drop_migration_context()

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if kind is not None and issubclass(kind, Exception):
            self.abort()
