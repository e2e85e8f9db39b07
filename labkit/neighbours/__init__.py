"""What Nova talks to, one file each: placement, glance, neutron, keystone, oslo_context, messaging."""
