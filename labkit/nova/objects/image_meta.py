"""Image metadata (nova/objects/image_meta.py)."""

import re
from dataclasses import dataclass, field

from labkit.neighbours import arguments
from labkit.nova.exception import NotModelled
from labkit.nova.objects.base import NovaObject, primitive

_BOOLEANS = """hw_boot_menu hw_ephemeral_encryption hw_firmware_stateless hw_ipxe_boot
hw_locked_memory hw_mem_encryption hw_pmu hw_qemu_guest_agent hw_time_hpet
hw_vif_multiqueue_enabled hw_virtio_packed_ring img_bdm_v2 img_bittorrent img_cache_in_nova
img_hide_hypervisor_id img_linked_clone img_use_agent os_require_quiesce
os_skip_agent_inject_files_at_boot os_skip_agent_inject_ssh""".split()
_INTEGERS = """hw_cpu_cores hw_cpu_max_cores hw_cpu_max_sockets hw_cpu_max_threads hw_cpu_sockets
hw_cpu_threads hw_device_id hw_maxphysaddr_bits hw_numa_nodes hw_redirected_usb_ports
hw_serial_port_count hw_video_ram img_compression_level img_version""".split()
_TEXTS = """hw_architecture hw_emulation_architecture hw_ephemeral_encryption_format
hw_rescue_device hw_cpu_policy hw_cpu_thread_policy img_config_drive hw_cdrom_bus hw_disk_bus
hw_floppy_bus hw_rescue_bus hw_firmware_type img_hv_type img_signature_hash_method
img_signature_key_type hw_input_bus hw_maxphysaddr_mode hw_mem_encryption_model os_type
hw_pci_numa_affinity_policy hw_pointer_model hw_rng_model hw_scsi_model os_secure_boot
hw_sound_model hw_auto_disk_config hw_cpu_realtime_mask hw_disk_type hw_machine_type
hw_mem_page_size img_owner_id img_root_device_name img_signature os_admin_user os_command_line
os_distro hw_tpm_model hw_tpm_version hw_usb_model hw_ephemeral_encryption_secret_uuid
img_signature_certificate_uuid hw_vif_model hw_viommu_model hw_vm_mode
img_hv_requested_version hw_video_model hw_watchdog_action""".split()
_LISTS = (
    "hw_numa_cpus",
    "hw_numa_mem",
    "img_block_device_mapping",
    "img_mappings",
    "traits_required",
)
#: The image properties that Nova knows; all others never reach the scheduler.
KNOWN_PROPERTIES = frozenset((*_BOOLEANS, *_INTEGERS, *_TEXTS, *_LISTS))

#: Older names of image properties; where both are given, the newer name counts.
_LEGACY = dict(
    pair.split("=")
    for pair in """architecture=hw_architecture owner_id=img_owner_id
vmware_disktype=hw_disk_type vmware_image_version=img_version vmware_ostype=os_distro
auto_disk_config=hw_auto_disk_config ipxe_boot=hw_ipxe_boot xenapi_device_id=hw_device_id
xenapi_image_compression_level=img_compression_level vmware_linked_clone=img_linked_clone
xenapi_use_agent=img_use_agent xenapi_skip_agent_inject_ssh=os_skip_agent_inject_ssh
xenapi_skip_agent_inject_files_at_boot=os_skip_agent_inject_files_at_boot
cache_in_nova=img_cache_in_nova vm_mode=hw_vm_mode bittorrent=img_bittorrent
mappings=img_mappings block_device_mapping=img_block_device_mapping bdm_v2=img_bdm_v2
root_device_name=img_root_device_name hypervisor_version_requires=img_hv_requested_version
hypervisor_type=img_hv_type""".split()
)

#: Architectures that Nova knows. Source: ``Architecture`` in nova/objects/fields.py, Nova 34.0.0.
ARCHITECTURES = """alpha armv6 armv7l armv7b aarch64 cris i686 ia64 lm32 m68k microblaze
microblazeel mips mipsel mips64 mips64el openrisc parisc parisc64 ppc ppcle ppc64 ppc64le ppcemb
s390 s390x sh4 sh4eb sparc sparc64 unicore32 x86_64 xtensa xtensaeb""".split()
_BUSES = "fdc ide sata scsi usb virtio xen lxc uml"
#: The values of the properties that are not any text; those that the lab refuses altogether are left
#: out. Source: the enums in nova/objects/fields.py, Nova 34.0.0.
_VALUES = {"hw_architecture": ARCHITECTURES, "hw_emulation_architecture": ARCHITECTURES} | {
    name: words.split()
    for name, words in {
        "hw_cdrom_bus": _BUSES,
        "hw_disk_bus": _BUSES,
        "hw_firmware_type": "uefi bios",
        "hw_floppy_bus": _BUSES,
        "hw_input_bus": "usb virtio",
        "hw_pointer_model": "usbtablet",
        "hw_rescue_bus": _BUSES,
        "hw_rescue_device": "cdrom disk floppy fs lun",
        "hw_rng_model": "virtio",
        "hw_scsi_model": "buslogic ibmvscsi lsilogic lsisas1068 lsisas1078 virtio-scsi vmpvscsi",
        "hw_usb_model": "none nec-xhci qemu-xhci",
        "hw_video_model": "cirrus qxl vga vmvga xen virtio gop none bochs",
        "hw_vif_model": """virtio ne2k_pci pcnet rtl8139 e1000 e1000e netfront spapr-vlan lan9118
        sriov vmxnet vmxnet3 igb""",
        "hw_viommu_model": "intel smmuv3 virtio auto",
        "hw_vm_mode": "hvm xen uml exe",
        "hw_watchdog_action": "none pause poweroff reset disabled",
        "img_config_drive": "optional mandatory",
        "img_hv_type": """baremetal bhyve docker fake hyperv ironic kqemu kvm lxc lxd openvz
        parallels phyp qemu test uml vbox vz vmware xen zvm prsm""",
        "img_signature_hash_method": "SHA-224 SHA-256 SHA-384 SHA-512",
        "img_signature_key_type": """DSA ECC_SECP384R1 ECC_SECP521R1 ECC_SECT409K1 ECC_SECT409R1
        ECC_SECT571K1 ECC_SECT571R1 RSA-PSS""",
        "os_type": "linux windows",
    }.items()
}
#: One of the conditions of ``img_hv_requested_version``.
PREDICATE = re.compile(r"^\s*(<=|>=|<|>|!=|==)\s*(\d+(?:\.\d+)*)\s*$")
_I686 = dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686")
#: Other spellings of values; those of these properties may be in capitals.
_ALIASES = {
    "hw_architecture": _I686 | {"amd64": "x86_64"},
    "hw_emulation_architecture": _I686 | {"amd64": "x86_64"},
    "hw_scsi_model": {"lsilogicsas": "lsisas1068", "paravirtual": "vmpvscsi"},
    "hw_vif_model": {
        "virtuale1000": "e1000",
        "virtuale1000e": "e1000e",
        "virtualpcnet32": "pcnet",
        "virtualsriovethernetcard": "sriov",
        "virtualvmxnet": "vmxnet",
        "virtualvmxnet3": "vmxnet3",
    },
    "hw_vm_mode": {"pv": "xen", "hv": "hvm", "baremetal": "hvm"},
    "img_hv_type": {"xapi": "xen"},
    "os_type": {},
}


def canonicalize(name: str, value):
    """Spell the value of an image property as Nova stores it; None stays None.

    Raises ValueError for a value that Nova does not take.

    >>> canonicalize("hw_architecture", "AMD64")
    'x86_64'

    Source: ``canonicalize`` and ``coerce`` of the enums in nova/objects/fields.py.
    """
    if value is None:
        return None
    value = str(value)
    if name in _ALIASES:
        value = _ALIASES[name].get(value.lower(), value.lower())
    if value not in _VALUES[name]:
        raise ValueError(f"{name} = {value!r} is not one of {', '.join(_VALUES[name])}")
    return value


class ImageMetaProps(NovaObject):
    """The properties of an image that Nova knows, as attributes.

    ``get`` of one that is not set returns the default; of a name that Nova does not know it
    raises AttributeError.

    >>> ImageMetaProps(hw_vm_mode="hvm").get("hw_vm_mode")
    'hvm'
    """

    def __init__(self, **properties):
        self.__dict__.update(properties)

    def __getattr__(self, name):
        if name in KNOWN_PROPERTIES:
            raise NotImplementedError(f"Cannot load {name!r} in the base class")
        raise AttributeError(f"'ImageMetaProps' object has no attribute {name!r}")

    def __contains__(self, name):
        return name in self.__dict__

    def get(self, name, defvalue=None):
        """Return a property, or *defvalue* where the image does not have it."""
        if name not in KNOWN_PROPERTIES:
            raise AttributeError(f"'ImageMetaProps' object has no attribute {name!r}")
        return self.__dict__.get(name, defvalue)

    def to_dict(self) -> dict:
        """Return the properties that are set."""
        return dict(self.__dict__)

    def __eq__(self, other):
        return isinstance(other, ImageMetaProps) and self.__dict__ == other.__dict__

    __hash__ = None

    def __repr__(self):
        return f"ImageMetaProps({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


@dataclass(frozen=True)
class ImageMeta(NovaObject):
    """What the scheduler sees of an image: its id, disk format and properties.

    What the API looks at comes last: status, size in bytes, the least RAM in MiB and disk in GiB.

    Properties that Nova does not know land in ``custom`` and decide nothing, as in Nova.
    Raises ValueError for a value of the wrong kind.

    >>> ImageMeta(properties={"hw_architecture": "amd64", "colour": "red"}).properties
    ImageMetaProps(hw_architecture='x86_64')

    Source: ``ImageMeta`` and ``ImageMetaProps`` in nova/objects/image_meta.py, Nova 34.0.0.
    Unlike Nova, ``vmware_adaptertype`` is not translated, and a version that is asked for is made of
    numbers and dots alone; one like ``>=7.0rc1`` is refused.
    """

    VERSION = "1.8"
    FIELDS_SENT = "id status size disk_format min_ram min_disk properties"

    id: str | None = "image"
    disk_format: str = "qcow2"
    properties: dict[str, object] | ImageMetaProps = field(default_factory=dict)
    custom: dict[str, object] = field(default_factory=dict)
    status: str = "active"
    size: int = 0
    min_ram: int = 0
    min_disk: int = 0

    def __post_init__(self):
        arguments.of_type(self.custom, dict, "not a dict", "image: custom")
        if isinstance(self.properties, ImageMetaProps):
            return
        arguments.of_type(self.properties, dict, "not a dict of properties", "image: properties")
        known, custom = {}, dict(self.custom)
        for name, value in self.properties.items():
            if name in _LEGACY:
                known[_LEGACY[name]] = _coerce(_LEGACY[name], value)
        for name, value in self.properties.items():
            if name.startswith("trait:"):
                if value == "required":
                    known.setdefault("traits_required", []).append(name[len("trait:") :])
            elif name in KNOWN_PROPERTIES:
                known[name] = _coerce(name, value)
            elif name.startswith(("hw_numa_cpus.", "hw_numa_mem.")):
                known[name] = _coerce(name.partition(".")[0], value)
            elif name not in _LEGACY:
                custom[name] = value
        object.__setattr__(self, "properties", ImageMetaProps(**known))
        object.__setattr__(self, "custom", custom)

    def obj_to_primitive(self) -> dict:
        """Return what travels of the image; its properties are an object of their own."""
        made = super().obj_to_primitive()
        properties = primitive("ImageMetaProps", "1.44", self.properties.to_dict())
        made["nova_object.data"]["properties"] = properties
        return made


def _coerce(name, value):
    if name in ("hw_numa_cpus", "hw_numa_mem"):
        raise NotModelled(
            f"Unlike Nova, the lab does not place NUMA topologies ({name}); leave it out"
        )
    if name in _VALUES:
        return canonicalize(name, value)
    if name == "img_hv_requested_version":
        for predicate in str(value).split(","):
            if not PREDICATE.match(predicate):
                raise ValueError(f"{name}: cannot read {predicate!r}")
    if name in _BOOLEANS:
        return str(value).strip().lower() in ("1", "t", "true", "on", "y", "yes")
    if name in _INTEGERS:
        try:
            return int(value)
        except (TypeError, ValueError):
            raise ValueError(f"image property {name} = {value!r} is not a whole number") from None
    if name in _LISTS:
        return list(value)
    return str(value)
