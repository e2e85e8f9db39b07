"""The libvirt driver of Nova, as far as a snapshot needs it (nova/virt/libvirt)."""
