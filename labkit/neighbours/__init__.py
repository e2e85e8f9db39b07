"""What Nova talks to, one file each: placement, glance, neutron, keystone, oslo.context,
messaging, commands (processutils).

In: requests of Nova's services, as values. Out: their answers. None of them knows Nova.

Uses: nothing.
"""
