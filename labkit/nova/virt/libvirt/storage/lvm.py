"""Logical volumes (nova/virt/libvirt/storage/lvm.py)."""


def volume_info(host, path) -> dict:
    """Return what lvs tells of a logical volume, among it "VG" and "LV".

    Raises ProcessExecutionError when lvs fails, RuntimeError when it tells of none.

    Source: ``volume_info`` in nova/virt/libvirt/storage/lvm.py and ``lvinfo`` in
    nova/privsep/fs.py, Nova 34.0.0.
    """
    out, _err = host.execute(
        "lvs", "-o", "vg_all,lv_all", "--separator", "|", path, run_as_root=True
    )
    info = [line.split("|") for line in out.splitlines()]
    if len(info) != 2:
        raise RuntimeError(f"Path {path} must be LVM logical volume")
    return dict(zip(*info, strict=False))
