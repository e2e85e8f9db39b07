"""What the broker of a cloud holds: its queues, and the envelope of each message.

``queues``: exchange, queue, routing_key, messages
    A row for each queue, in the order in which they were declared: the ``exchange`` that leads to
    it under a ``routing_key`` (the empty one leads to every queue by its name; a fanout asks for no
    key), and the number of ``messages`` that wait in it, those expired left out.
"""

from labkit.cloud.cloud_tables import frame
from labkit.neighbours.messaging.envelope import Envelope

QUEUES = "exchange queue routing_key messages".split()


class CloudMessages:
    """The part of Cloud that looks into the broker.

    Source: oslo.messaging 18.3.1 over a RabbitMQ, as Nova 34.0.0 uses it.
    """

    @property
    def queues(self):
        """What waits where, a DataFrame."""
        return frame(QUEUES, _queues(self._site.broker))

    def envelope(self, seq) -> Envelope:
        """Return the envelope of a message as it is on the wire: ``body`` is its text.

        In: the ``seq`` of a row of ``messages``. ``message`` is the inner layer: the method and its
        arguments, objects among them with their versions and fields, and under ``_context_`` who
        asks, the token in clear. Raises ValueError for a *seq* that is no message's.

        Unlike in Nova, an argument that the lab does not model is null, and of an object travel
        the fields that the lab models.

        >>> from labkit import Cloud, Flavor, Fleet, RequestSpec
        >>> cloud = Cloud(Fleet.read("data/two_hosts"))
        >>> cloud.create("web-1", RequestSpec(Flavor(vcpus=1, memory_mb=512, root_gb=1)))
        202
        >>> envelope = cloud.envelope(cloud.messages.seq[0])
        >>> envelope.exchange, envelope.routing_key, envelope.message["method"]
        ('nova', 'conductor', 'schedule_and_build_instances')

        Source: ``serialize_msg`` in oslo_messaging/_drivers/common.py, 18.3.1.
        """
        envelope = self._site.envelopes.get(seq)
        if envelope is None:
            raise ValueError(
                f"seq = {seq!r} is no message; those are in the column seq of messages"
            )
        return envelope


def _queues(broker):
    keys = {
        name: (exchange, key)
        for exchange, bound in broker.bindings.items()
        for key, names in bound.items()
        for name in names
        if exchange
    }
    waiting = broker.waiting()
    for name in broker.queues:
        exchange, key = keys.get(name, ("", name))
        yield exchange, name, "" if exchange.endswith("_fanout") else key, waiting.get(name, 0)
