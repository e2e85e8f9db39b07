"""The ports of a server while they are being made (nova/network/model.py)."""


class NetworkInfo:
    """The ports of a server: there, or made by *work* in a thread while the build goes on.

    It is true when there are ports.

    Source: ``NetworkInfo`` and ``NetworkInfoAsyncWrapper`` in nova/network/model.py, Nova 34.0.0.
    """

    def __init__(self, service, work=None, there=False):
        self._service = service
        self._done = service.site.clock.env.event()
        self._error = None
        self._there = there
        if work is not None:
            service.start(self._run(work))
        else:
            self._done.succeed()

    def _run(self, work):
        try:
            yield from work
            self._there = True
        except Exception as error:
            self._error = error
        self._done.succeed()

    def wait(self, do_raise=True):
        """Wait until the ports are there; raise what their making raised."""
        if not self._done.processed:
            yield self._done
        if do_raise and self._error is not None:
            raise self._error

    def __bool__(self):
        return self._there
