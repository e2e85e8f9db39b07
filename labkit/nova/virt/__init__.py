"""Hypervisor drivers (nova/virt)."""
