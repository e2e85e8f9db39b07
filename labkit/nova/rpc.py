"""Messages between the services: who may be asked what, in which version (nova/rpc.py, rpcapi.py)."""

from typing import NamedTuple

from labkit.nova.exception import MessagingTimeout, NovaException
from labkit.trace import Message, Reply

#: Seconds until a caller gives up. Source: ``rpc_response_timeout`` of oslo.messaging.
RESPONSE_TIMEOUT_S = 60


class Method(NamedTuple):
    """One method of a service: where it is sent, in which version, with which arguments.

    ``by`` is the function of Nova that sends it, ``caller`` who called that, where it is always
    the same.
    """

    topic: str
    namespace: str | None
    version: str
    args: tuple
    by: str
    caller: str | None = None
    fanout: bool = False


def _compute(names):
    return {
        method: Method(
            "compute", None, "6.0", tuple(args.split(",")), f"compute/rpcapi.py:{method}"
        )
        for method, args in (line.split() for line in names.strip().splitlines())
    }


#: Source: nova/{compute,conductor,scheduler}/rpcapi.py, Nova 34.0.0.
METHODS = {
    "schedule_and_build_instances": Method(
        "conductor",
        "compute_task",
        "1.17",
        (
            "admin_password",
            "block_device_mapping",
            "build_requests",
            "image",
            "injected_files",
            "request_specs",
            "requested_networks",
            "tags",
        ),
        "conductor/rpcapi.py:schedule_and_build_instances",
        "conductor/api.py:schedule_and_build_instances",
    ),
    "build_instances": Method(
        "conductor",
        "compute_task",
        "1.19",
        (
            "admin_password",
            "filter_properties",
            "host_lists",
            "image",
            "injected_files",
            "instances",
            "request_spec",
            "requested_networks",
            "security_groups",
        ),
        "conductor/rpcapi.py:build_instances",
        "conductor/api.py:build_instances",
    ),
    "select_destinations": Method(
        "scheduler",
        None,
        "4.5",
        ("instance_uuids", "return_alternates", "return_objects", "spec_obj"),
        "scheduler/rpcapi.py:select_destinations",
        "scheduler/client/query.py:select_destinations",
    ),
    "update_instance_info": Method(
        "scheduler",
        None,
        "4.2",
        ("host_name", "instance_info"),
        "scheduler/rpcapi.py:update_instance_info",
        "scheduler/client/query.py:update_instance_info",
        fanout=True,
    ),
    "delete_instance_info": Method(
        "scheduler",
        None,
        "4.2",
        ("host_name", "instance_uuid"),
        "scheduler/rpcapi.py:delete_instance_info",
        "scheduler/client/query.py:delete_instance_info",
        fanout=True,
    ),
} | _compute("""
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
""")


class Bus:
    """Carries messages; what is sent to a service that is down waits for it.

    Source: oslo.messaging as nova/rpc.py uses it, Nova 34.0.0.
    """

    def __init__(self, site):
        self.site = site
        self.servers = {}
        self.waiting = {}

    def serve(self, topic, server, service):
        """Let a service read what is sent to it, first of all what has been waiting."""
        self.servers[topic, server] = service
        for deliver in self.waiting.pop((topic, server), ()):
            deliver(service)

    def cast(self, sender, method, instance=None, server=None, caller=None, **kwargs):
        """Send a message and wait for nothing.

        Raises NovaException when a compute is meant and the server has no host.
        """
        target = _target(method, instance, server)
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        self._note(sender, "cast", method, name, server, caller, lost)
        if lost or target.fanout:
            return
        sent = instance and instance.copy_for(sender)  # as of now, whatever comes later

        def deliver(service):
            service.start(_handler(service, method, sent, kwargs))

        self._send((target.topic, server), deliver, delay_s)

    def _send(self, address, deliver, delay_s):
        self.site.busy += 1
        self.site.env.process(self._carry(address, deliver, delay_s))

    def _carry(self, address, deliver, delay_s):
        yield self.site.env.timeout(self.site.durations.draw("message") + delay_s)
        self.site.busy -= 1
        service = self.servers.get(address)
        if service is None or service.stopped:
            self.waiting.setdefault(address, []).append(deliver)
        else:
            deliver(service)

    def call(self, sender, method, instance=None, server=None, caller=None, **kwargs):
        """Send a message and wait for the answer; what is raised over there is raised here.

        Raises MessagingTimeout when nobody answers in time, NovaException as ``cast`` does.
        """
        target, env = _target(method, instance, server), self.site.env
        name = instance.name if instance is not None else None
        lost, delay_s = self.site.faults.at_message(method, server, name)
        self._note(sender, "call", method, name, server, caller, lost)
        sent = instance and instance.copy_for(sender)
        answer = env.event()

        def deliver(service):
            def work():
                try:
                    value = yield from _handler(service, method, sent, kwargs)
                except Exception as error:
                    service.note(Reply, name, method, type(error).__name__)
                    answer.succeed((None, error))
                else:
                    service.note(Reply, name, method, None, _hosts(method, value))
                    answer.succeed((value, None))

            service.start(work())

        if not lost:
            self._send((target.topic, server), deliver, delay_s)
        late = env.timeout(RESPONSE_TIMEOUT_S)
        yield from sender.wait(answer | late)
        if not answer.triggered:
            raise MessagingTimeout(f"Timed out waiting for a reply to {method}")
        value, error = answer.value
        if error is not None:
            raise error
        return value

    def _note(self, sender, style, method, name, server, caller, lost=False):
        target = METHODS[method]
        sender.note(
            Message,
            name,
            style,
            target.topic,
            server,
            target.namespace,
            method,
            target.version,
            target.args,
            target.fanout,
            caller or target.caller,
            target.by,
            lost,
        )


def _target(method, instance, server) -> Method:
    """Source: ``_compute_host`` in nova/compute/rpcapi.py, Nova 34.0.0."""
    target = METHODS[method]
    if target.topic == "compute" and server is None:
        raise NovaException(f"Unable to find host for Instance {instance.uuid}")
    return target


def _handler(service, method, sent, kwargs):
    """Return the work that a message asks for; the receiver has a copy of the server of its own."""
    if sent is not None:
        return getattr(service, method)(instance=sent.copy_for(service), **kwargs)
    return getattr(service, method)(**kwargs)


def _hosts(method, value):
    if method != "select_destinations":
        return None
    return tuple((selection.host, *selection.alternates) for selection in value)
