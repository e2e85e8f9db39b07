"""A host with room for a few small servers, where a question needs no more."""

HOST = {
    "host": "cn-1",
    "total_usable_ram_mb": 4096,
    "free_ram_mb": 4096,
    "total_usable_disk_gb": 40,
    "free_disk_mb": 40960,
    "vcpus_total": 4,
    "vcpus_used": 0,
}
