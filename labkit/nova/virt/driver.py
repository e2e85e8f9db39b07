"""What all drivers have (nova/virt/driver.py)."""


class ComputeDriver:
    """A driver, which tells its nova-compute of its guests, if that listens.

    Source: ``ComputeDriver`` in nova/virt/driver.py, Nova 34.0.0.
    """

    _compute_event_callback = None

    def register_event_listener(self, callback):
        """Let a function be called with each event; the last one that asked is."""
        self._compute_event_callback = callback

    def emit_event(self, event):
        """Hand an event on to who listens."""
        if self._compute_event_callback is not None:
            self._compute_event_callback(event)
