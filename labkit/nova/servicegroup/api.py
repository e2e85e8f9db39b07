"""Is this service up? (nova/servicegroup/api.py)"""

from labkit.nova import conf

CONF = conf.CONF


class API:
    """Answers whether a service is alive.

    Source: ``API`` in nova/servicegroup/api.py and ``DbDriver`` in
    nova/servicegroup/drivers/db.py, Nova 34.0.0.
    """

    def service_is_up(self, member) -> bool:
        """Return whether a service is not forced down and was heard from a short while ago.

        In: a dict with ``forced_down`` and ``heartbeat_age_s`` (Nova: ``last_seen_up``).
        """
        if member["forced_down"]:
            return False
        return abs(member["heartbeat_age_s"]) <= CONF.service_down_time
