"""How a nova-compute starts a guest from a rescue image (nova/compute/manager.py)."""

from labkit.nova import exception
from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.notifications import instance as notify

_HERE = "compute/manager.py:"


class Rescue:
    """The part of ComputeManager that rescues.

    Source: ``rescue_instance`` in nova/compute/manager.py, Nova 34.0.0.
    """

    def rescue_instance(self, instance):
        """Start a guest from a rescue image."""
        return self.wrapped("rescue_instance", instance, self._rescue(instance))

    def _rescue(self, instance):
        self.site.glance.get(self, instance.name, _HERE + "_get_rescue_image")
        notify.about(self, instance, "rescue", "start")
        try:
            yield from self._call("power_off", instance, "_power_off_instance")
            yield from self._call("rescue", instance, "rescue_instance")
        except Exception as error:
            self._set_instance_obj_error_state(instance)
            reason = f"Driver Error: {error}"
            raise exception.InstanceNotRescuable(
                instance_id=instance.uuid, reason=reason
            ) from error
        notify.about_usage(self, instance, "exists")
        notify.about_action(self, instance, "exists")
        instance.vm_state = vm.RESCUED
        instance.task_state = None
        instance.power_state = self._get_power_state(instance)
        instance.launched_at = self.site.env.now
        instance.save(_HERE + "rescue_instance", expected_task_state=task.RESCUING)
        notify.about(self, instance, "rescue", "end")
