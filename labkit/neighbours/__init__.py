"""What Nova talks to, one file each: placement, glance, neutron, keystone, oslo.context,
messaging, commands (processutils).

And arguments: how all rooms check what they are given.

In: requests of Nova's services, as values. Out: their answers. None of them knows Nova.

Uses: nothing.
"""
