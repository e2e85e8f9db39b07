"""What several filters need (nova/scheduler/filters/utils.py)."""

import collections


def aggregate_values_from_key(host_state, key_name) -> set[str]:
    """Return the values of one metadata key over the host's aggregates."""
    return {a.metadata[key_name] for a in host_state.aggregates if key_name in a.metadata}


def aggregate_metadata_get_by_host(host_state, key=None) -> dict[str, set[str]]:
    """Return the metadata of the host's aggregates; values are split at commas.

    With *key* only the aggregates that have it count.
    """
    metadata = collections.defaultdict(set)
    for aggregate in host_state.aggregates:
        if key is None or key in aggregate.metadata:
            for name, value in aggregate.metadata.items():
                metadata[name].update(part.strip() for part in value.split(","))
    return metadata


def validate_num_values(vals, default=None, cast_to=int, based_on=min):
    """Return the smallest (or largest) of some texts as a number, *default* for none.

    Raises ValueError for a text that is no number.
    """
    if not vals:
        return default
    return based_on([cast_to(val) for val in vals])


def instance_uuids_overlap(host_state, uuids) -> bool:
    """Return whether one of the servers is on the host."""
    if isinstance(uuids, str):
        uuids = [uuids]
    return bool(set(host_state.instances) & set(uuids))
