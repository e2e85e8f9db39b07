"""In which availability zone a host is (nova/availability_zones.py)."""

#: The zone of a host that no aggregate puts into one.
DEFAULT_AVAILABILITY_ZONE = "nova"
#: The zone of conductors and schedulers, which a request may name; it holds no nova-compute.
INTERNAL_ZONE = "internal"


def get_host_availability_zone(fleet, host) -> str:
    """Return the availability zone of a host: what its aggregates say, else "nova"."""
    for aggregate in fleet[host].aggregates:
        if "availability_zone" in aggregate.metadata:
            return aggregate.metadata["availability_zone"]
    return DEFAULT_AVAILABILITY_ZONE


def get_availability_zones(fleet) -> set:
    """Return the availability zones with a host that is not disabled, and that of the services."""
    hosts = [host for host in fleet.rows if not fleet[host].service["disabled"]]
    return {INTERNAL_ZONE, *(get_host_availability_zone(fleet, host) for host in hosts)}
