"""What filters and weighers ask of a fleet: found once, kept until a service changes."""

import numpy as np

from labkit.nova.objects.aggregate import Aggregate


class FleetMasks:
    """The part of Fleet that looks at services, traits and aggregates: one value for each host."""

    def aggregates_of(self, row: int) -> list[Aggregate]:
        """Return the aggregates of one host."""
        key = ("aggregates of", row)
        if key not in self._static:
            host = self.texts["host"][row]
            self._static[key] = [a for a in self.aggregates if host in a.hosts]
        return self._static[key]

    def service_is_up(self, service_down_time: int) -> np.ndarray:
        """Return a mask of the hosts whose nova-compute is enabled, not forced down, and alive."""
        texts = self.texts

        def build():
            return np.array(
                [
                    not disabled and not forced and abs(age) <= service_down_time
                    for disabled, forced, age in zip(
                        texts["disabled"],
                        texts["forced_down"],
                        texts["heartbeat_age_s"],
                        strict=True,
                    )
                ],
                dtype=bool,
            )

        return self._once(("up", service_down_time), build)

    def has_trait(self, trait: str) -> np.ndarray:
        """Return a mask of the hosts with a trait; a disabled service has COMPUTE_STATUS_DISABLED."""
        disabled = trait == "COMPUTE_STATUS_DISABLED"

        def build():
            pairs = zip(self.texts["traits"], self.texts["disabled"], strict=True)
            return np.array([trait in has or (disabled and off) for has, off in pairs], dtype=bool)

        return self._once(("trait", trait), build)

    def in_aggregates(self, names: frozenset) -> np.ndarray:
        """Return a mask of the hosts in any of the named aggregates."""

        def build():
            hosts = {host for a in self.aggregates if a.name in names for host in a.hosts}
            return np.array([host in hosts for host in self.rows], dtype=bool)

        return self._once(("aggregates", names), build)

    def is_host(self, host: str) -> np.ndarray:
        """Return a mask of one host."""
        return self.every_row == self.rows[host]

    def multiplier_overrides(self, key: str):
        """Return (mask, values) where aggregates override a multiplier, or None if none does.

        Several aggregates: the smallest; a value that is no number: the option stays.
        """
        return self._once(("multiplier", key), lambda: self._aggregate_minimum(key, float))

    def integer_limits(self, key: str, default: int) -> np.ndarray:
        """Return n limits: the smallest of each host's aggregates, else *default*."""

        def build():
            found = self._aggregate_minimum(key, int)
            if found is None:
                return np.full(len(self), float(default))
            return np.where(found[0], found[1], float(default))

        return self._once(("limit", key, default), build)

    def _aggregate_minimum(self, key, cast):
        if not any(key in aggregate.metadata for aggregate in self.aggregates):
            return None
        here, values = np.zeros(len(self), dtype=bool), np.zeros(len(self))
        for row in range(len(self)):
            texts = {a.metadata[key] for a in self.aggregates_of(row) if key in a.metadata}
            try:
                if texts:
                    values[row] = min(cast(text) for text in sorted(texts))
                    here[row] = True
            except ValueError:
                pass  # Nova warns and takes the option
        return here, values

    def _once(self, key, build):
        if key not in self._static:
            self._static[key] = build()
        return self._static[key]
