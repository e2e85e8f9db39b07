"""Who holds what in placement."""


class Allocations:
    """Who holds what on which host, and the inventories that are booked accordingly.

    In: a fleet of the cloud's own, whose inventories are changed. ``held`` maps a consumer (a
    server's uuid, or that of a migration) to its amounts by the row of their hosts. ``on_change`` is
    called with a consumer, a row and the resources (None: given back) whenever one changes.

    Source: the allocations of Placement 16.0.0.
    """

    def __init__(self, fleet):
        self.inventories = fleet.inventories
        self.held = {}
        self.by_host = {}
        self.on_change = lambda consumer, row, resources: None
        self.mark()

    def mark(self):
        """Remember what is used now as what nobody by name uses."""
        self.others = {name: each.used.copy() for name, each in self.inventories.items()}

    def put(self, consumer, row, resources):
        """Note what a consumer got; the amounts are booked already.

        Where it holds something already that is all it gets, as a move in Nova asks for no more.

        Source: ``_move_operation_alloc_request`` in nova/scheduler/client/report.py, 34.0.0.
        """
        if row in self.held.get(consumer, ()):
            self._free(row, resources)
        else:
            self._note(consumer, row, resources)

    def _note(self, consumer, row, resources):
        self.on_change(consumer, row, resources)
        self.held.setdefault(consumer, {})[row] = resources
        self.by_host.setdefault(row, {})[consumer] = None

    def on_host(self, row) -> list:
        """Return the consumers on a host, oldest first."""
        return list(self.by_host.get(row, ()))

    def move(self, source, target):
        """Let a consumer have all that another holds; what it held itself is given back.

        Source: ``POST /allocations`` of Placement 16.0.0.
        """
        self.remove(target)
        for row, resources in self.held.pop(source).items():
            self.by_host[row].pop(source)
            self.on_change(source, row, None)
            self._note(target, row, resources)

    def remove(self, consumer, row=None) -> bool:
        """Give back what a consumer holds, all of it or on one host; return whether it held any."""
        rows = [r for r in self.held.get(consumer, ()) if row in (None, r)]
        for each in rows:
            self._give_back(consumer, each)
        return bool(rows)

    def _give_back(self, consumer, row):
        resources = self.held[consumer].pop(row)
        if not self.held[consumer]:
            del self.held[consumer]
        self.by_host[row].pop(consumer)
        self.on_change(consumer, row, None)
        self._free(row, resources)

    def _free(self, row, resources):
        for name, amount in resources.items():
            self.inventories[name].used[row] -= amount
