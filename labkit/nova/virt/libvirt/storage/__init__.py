"""Where libvirt's guests keep their disks (nova/virt/libvirt/storage)."""
