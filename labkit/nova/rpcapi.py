"""Who may be asked what, in which version, with which arguments (nova/*/rpcapi.py)."""

from typing import NamedTuple


class Method(NamedTuple):
    """One method of a service: where it is sent, in which version, with which arguments.

    ``by`` is the function of Nova that sends it, ``caller`` who called that, where it is always
    the same; ``elevated``: it is sent with an administrator's rights, whoever asked.
    """

    topic: str
    namespace: str | None
    version: str
    args: tuple
    by: str
    caller: str | None = None
    fanout: bool = False
    elevated: bool = False


#: Calls that may take ``long_rpc_timeout``, if the server gives a sign of life in between.
LONG = (
    "select_destinations",
    "check_can_live_migrate_destination",
    "pre_live_migration",
    "post_live_migration_at_destination",
    "migrate_server",
)


def find(method, namespace=None) -> Method:
    """Return a method; two that nova-compute and the conductor both have go by *namespace*."""
    return (COMPUTE_TASK if namespace == "compute_task" else METHODS)[method]


def _compute(names, topic="compute", version="6.0"):
    return {
        method: Method(topic, None, version, tuple(args.split(",")), f"compute/rpcapi.py:{method}")
        for method, args in (line.split() for line in names.strip().splitlines())
    }


def _compute_task(names):
    return {
        method: Method(
            "conductor",
            "compute_task",
            version,
            tuple(args.split(",")),
            f"conductor/rpcapi.py:{method}",
            f"conductor/api.py:{caller}",
        )
        for method, version, caller, args in (line.split() for line in names.strip().splitlines())
    }


def _scheduler(names):
    return {
        method: Method(
            "scheduler",
            None,
            version,
            tuple(args.split(",")),
            f"scheduler/rpcapi.py:{method}",
            f"scheduler/client/query.py:{method}",
            fanout == "fanout",
            fanout == "fanout",  # _update_scheduler_instance_info in nova/compute/manager.py
        )
        for method, version, fanout, args in (line.split() for line in names.strip().splitlines())
    }


#: What the conductor has under a name that nova-compute has too.
COMPUTE_TASK = _compute_task("""
rebuild_instance 1.25 rebuild_instance bdms,host,image_ref,injected_files,instance,new_pass,on_shared_storage,orig_image_ref,orig_sys_metadata,preserve_ephemeral,recreate,reimage_boot_volume,request_spec,target_state
unshelve_instance 1.14 unshelve_instance instance,request_spec
""")
#: Source: nova/{compute,conductor,scheduler}/rpcapi.py, Nova 34.0.0.
METHODS = (
    _compute_task("""
schedule_and_build_instances 1.17 schedule_and_build_instances admin_password,block_device_mapping,build_requests,image,injected_files,request_specs,requested_networks,tags
build_instances 1.19 build_instances admin_password,filter_properties,host_lists,image,injected_files,instances,request_spec,requested_networks,security_groups
migrate_server 1.20 resize_instance block_migration,clean_shutdown,disk_over_commit,flavor,host_list,instance,live,rebuild,request_spec,reservations,scheduler_hint
live_migrate_instance 1.15 live_migrate_instance block_migration,disk_over_commit,instance,request_spec,scheduler_hint
""")
    | _scheduler("""
select_destinations 4.5 call instance_uuids,return_alternates,return_objects,spec_obj
update_instance_info 4.2 fanout host_name,instance_info
delete_instance_info 4.2 fanout host_name,instance_uuid
""")
    | _compute("""
build_and_run_instance accel_uuids,admin_password,block_device_mapping,filter_properties,host_list,image,injected_files,instance,limits,node,request_spec,requested_networks,security_groups
terminate_instance bdms,instance
soft_delete_instance instance
restore_instance instance
stop_instance clean_shutdown,instance
start_instance instance
reboot_instance block_device_info,instance,reboot_type
pause_instance instance
unpause_instance instance
suspend_instance instance
resume_instance instance
rescue_instance clean_shutdown,instance,rescue_image_ref,rescue_password
unrescue_instance instance
set_admin_password instance,new_pass
snapshot_instance image_id,instance
backup_instance backup_type,image_id,instance,rotation
trigger_crash_dump instance
prep_resize clean_shutdown,filter_properties,flavor,host_list,image,instance,migration,node,request_spec
confirm_resize instance,migration
revert_resize instance,migration,request_spec
check_can_live_migrate_destination block_migration,disk_over_commit,instance,limits,migration
check_can_live_migrate_source dest_check_data,instance
live_migration_abort instance,migration_id
live_migration_force_complete instance
shelve_instance accel_uuids,clean_shutdown,image_id,instance
shelve_offload_instance accel_uuids,clean_shutdown,instance
unshelve_instance accel_uuids,filter_properties,image,instance,node,request_spec
""")
    | _compute(
        """
rebuild_instance accel_uuids,bdms,image_ref,injected_files,instance,limits,migration,new_pass,on_shared_storage,orig_image_ref,orig_sys_metadata,preserve_ephemeral,recreate,reimage_boot_volume,request_spec,scheduled_node,target_state
""",
        version="6.2",
    )
    # from one host to the other
    | _compute(
        """
resize_instance clean_shutdown,flavor,image,instance,migration,request_spec
finish_resize disk_info,image,instance,migration,request_spec
finish_revert_resize instance,migration,request_spec
live_migration block_migration,dest,instance,migrate_data,migration
pre_live_migration disk,instance,migrate_data
post_live_migration_at_destination block_migration,instance
""",
        topic="compute-alt",
    )
)
