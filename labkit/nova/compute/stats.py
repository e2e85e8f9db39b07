"""How many servers a host believes to have (nova/compute/stats.py)."""

from labkit.nova.compute import vm_states as vm


class Stats:
    """The servers that a host counts; ``num_instances`` of them.

    Source: ``Stats`` in nova/compute/stats.py, Nova 34.0.0. Unlike Nova, states, owners and
    systems of the servers are not counted one by one.
    """

    def __init__(self):
        self.states = set()
        self.num_instances = 0

    def update_stats_for_instance(self, instance, is_removed=False):
        """Count a server anew after its states changed; one that is gone is counted no more.

        Source: the method of that name in nova/compute/stats.py, Nova 34.0.0.
        """
        if instance.uuid not in self.states:
            self.num_instances += 1
        self.states.add(instance.uuid)
        if is_removed or vm.allow_resource_removal(instance.vm_state, instance.task_state):
            self.num_instances -= 1
            self.states.discard(instance.uuid)
