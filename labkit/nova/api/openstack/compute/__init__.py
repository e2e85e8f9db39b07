"""The actions of the servers API that have no function in the compute API (nova/api/openstack/compute)."""
