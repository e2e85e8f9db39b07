"""PCI devices (nova/pci)."""
