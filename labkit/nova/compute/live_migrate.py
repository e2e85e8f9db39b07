"""How a server moves while it runs (nova/compute/manager.py)."""

from labkit.nova.compute import task_states as task
from labkit.nova.compute import vm_states as vm
from labkit.nova.exception_moves import InvalidMigrationState, MigrationPreCheckError
from labkit.nova.notifications import moves as notify
from labkit.nova.objects import migration as migrations

_HERE = "compute/manager.py:"


class LiveMigrate:
    """The part of ComputeManager that migrates live: check, prepare, copy, take in, roll back.

    Source: ``check_can_live_migrate_destination``, ``live_migration`` and what they call in
    nova/compute/manager.py, Nova 34.0.0. Unlike Nova, disks are shared, and nothing is left to be
    cleaned up on the destination when a live migration fails.
    """

    # -- both hosts are asked -------------------------------------------------------------
    def check_can_live_migrate_destination(self, instance, migration):
        """Say whether this host would have a server; its own host is asked from here."""
        work = self._check_destination(instance)
        name = "check_can_live_migrate_destination"
        return self.wrapped(name, instance, work, reverts=False)

    def _check_destination(self, instance):
        name = "check_can_live_migrate_destination"
        yield from self.driver.ask(self, name, instance, _HERE + name)
        self.reportclient.get_allocs_for_consumer(instance.name)
        try:
            yield from self.site.bus.call(
                self,
                "check_can_live_migrate_source",
                instance,
                server=instance.host,
                caller=_HERE + name,
            )
        except Exception as error:
            raise MigrationPreCheckError(
                f"Error while check_can_live_migrate_source from {instance.host} to host"
                f" {self.host}: {type(error).__name__} {error}"
            ) from error

    def check_can_live_migrate_source(self, instance):
        """Say whether this host would let a server go."""
        name = "check_can_live_migrate_source"
        work = self.driver.ask(self, name, instance, _HERE + name)
        return self.wrapped(name, instance, work, reverts=False)

    # -- the source -----------------------------------------------------------------------
    def live_migration(self, instance, dest, migration):
        """Queue a live migration: one runs at a time, if the options say nothing else."""
        work = self._queue(instance, dest, migration)
        name = "live_migration"
        return self.wrapped(name, instance, work, reverts=False, migration=migration)

    def _queue(self, instance, dest, migration):
        self._set_migration_status(migration, "queued")
        self.waiting_live_migrations[instance.uuid] = migration
        self.start(self._do_live_migration_in_turn(instance, dest, migration))
        return
        yield

    def _do_live_migration_in_turn(self, instance, dest, migration):
        turn = None
        if self.live_migration_semaphore is not None:
            turn = self.live_migration_semaphore.request()
            yield from self.wait(turn)
        try:
            if self.site.db.migrations[migration.id]["status"] != "cancelled":
                yield from self._do_live_migration(instance, dest, migration)
        finally:
            if turn is not None:
                self.live_migration_semaphore.release(turn)

    def _do_live_migration(self, instance, dest, migration):
        by = _HERE + "_do_live_migration"
        self._set_migration_status(migration, "preparing")
        try:
            yield from self.site.bus.call(
                self,
                "pre_live_migration",
                instance,
                server=dest,
                caller=_HERE + "_do_pre_live_migration_from_source",
            )
        except Exception:
            self._set_migration_status(migration, "error")
            yield from self._rollback_live_migration(instance, migration)
            raise
        if self.waiting_live_migrations.pop(instance.uuid, None) is None:
            yield from self._rollback_live_migration(instance, migration, "cancelled")
            self._about_abort(instance, "end")
            return
        self._set_migration_status(migration, "running")
        try:
            result = yield from self.driver.live_migration(self, instance, by)
            if result == "completed":
                yield from self._post_live_migration_update_host(instance, dest, migration)
            else:
                yield from self._rollback_live_migration(instance, migration, result)
        except Exception:
            self._set_migration_status(migration, "error")
            instance.refresh()
            self._set_instance_obj_error_state(instance, clean_task_state=True)
            raise

    def _post_live_migration_update_host(self, instance, dest, migration):
        by = _HERE + "_post_live_migration_update_host"
        try:
            work = self._post_live_migration(instance, dest, migration)
            yield from self.wrapped(
                "_post_live_migration", instance, work, by, event=False, reverts=False
            )
        except Exception:
            if instance.host != dest:
                instance.drop_migration_context(by)
                instance.host = dest
                instance.task_state = None
                instance.node = migration.dest_node
                instance.compute_id = self.site.fleet.rows[dest] + 1
                instance.progress = 0
                instance.save(by)
            raise

    def _post_live_migration(self, instance, dest, migration):
        by, name = _HERE + "_post_live_migration", instance.name
        notify.about(self, instance, "live_migration._post", "live_migration_post", "start")
        self.site.neutron.bind(self, name, "migrate_instance_start", by, dest)
        yield from self.driver.post_live_migration(self, instance, by)
        yield from self.driver.ask(self, "post_live_migration_at_source", instance, by)
        yield from self.site.bus.call(
            self, "post_live_migration_at_destination", instance, server=dest, caller=by
        )
        self.rt.update_available_resource(self.node)
        if self.options.track_instance_changes:
            self.site.bus.cast(self, "update_instance_info")
        notify.about(self, instance, "live_migration._post", "live_migration_post", "end")
        migration.set_status("completed", by)
        self._delete_allocation_after_move(instance, migration)

    def _rollback_live_migration(self, instance, migration, status="failed"):
        work = self._do_rollback_live_migration(instance, migration, status)
        return self.wrapped("_rollback_live_migration", instance, work, event=False, reverts=False)

    def _do_rollback_live_migration(self, instance, migration, status):
        by, neutron = _HERE + "_rollback_live_migration", self.site.neutron
        self._revert_allocation(instance, migration)
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        legacy, action = "live_migration._rollback", "live_migration_rollback"
        notify.about(self, instance, legacy, action, "start")
        neutron.ask(self, instance.name, "setup_networks_on_host", by)
        instance.task_state = None
        instance.progress = 0
        instance.drop_migration_context(by)
        instance.save(by, expected_task_state=[task.MIGRATING])
        notify.about(self, instance, legacy, action, "end")
        self._set_migration_status(migration, status)
        return
        yield

    # -- the destination ------------------------------------------------------------------
    def pre_live_migration(self, instance):
        """Prepare for a guest that is to come."""
        work = self._do_pre_live_migration(instance)
        return self.wrapped("pre_live_migration", instance, work, reverts=False)

    def _do_pre_live_migration(self, instance):
        by = _HERE + "_do_pre_live_migration"
        notify.about(self, instance, "live_migration.pre", "live_migration_pre", "start")
        yield from self.driver.ask(self, "pre_live_migration", instance, by)
        self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
        notify.about(self, instance, "live_migration.pre", "live_migration_pre", "end")

    def post_live_migration_at_destination(self, instance):
        """Take a guest in that has arrived: from now on the row names this host."""
        work = self._do_post_live_migration_at_destination(instance)
        name = "post_live_migration_at_destination"
        return self.wrapped(name, instance, work, reverts=False)

    def _do_post_live_migration_at_destination(self, instance):
        by = _HERE + "_do_post_live_migration_at_destination"
        neutron, name = self.site.neutron, instance.name
        legacy, action = "live_migration.post.dest", "live_migration_post_dest"
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.bind(self, name, "migrate_instance_finish", by, self.host)
        notify.about(self, instance, legacy, action, "start")
        try:
            yield from self.driver.post_live_migration_at_destination(self, instance, by)
        except Exception:
            instance.vm_state = vm.ERROR
            raise
        finally:
            if not self.stopped:
                self._take_over(instance, by)
        neutron.ask(self, name, "setup_networks_on_host", by)
        neutron.ask(self, name, "setup_networks_on_host", by)
        notify.about(self, instance, legacy, action, "end")

    def _take_over(self, instance, by):
        found = self._get_power_state(instance)
        instance.drop_migration_context(by)
        instance.host = self.host
        instance.power_state = found
        instance.task_state = None
        instance.node = self.node
        instance.compute_id = self.site.fleet.rows[self.host] + 1
        instance.progress = 0
        instance.save(by, expected_task_state=task.MIGRATING)

    # -- asked in the middle --------------------------------------------------------------
    def live_migration_force_complete(self, instance):
        """Hurry a live migration."""
        name = "live_migration_force_complete"
        return self.wrapped(name, instance, self._force_complete(instance), reverts=False)

    def _force_complete(self, instance):
        name, legacy = "live_migration_force_complete", "live.migration.force.complete"
        notify.about(self, instance, legacy, name, "start")
        self.driver.end_job(self, name, instance, _HERE + name)
        notify.about(self, instance, legacy, name, "end")
        return
        yield

    def live_migration_abort(self, instance, migration_id):
        """Stop a live migration: at once if it waits for its turn, else by and by."""
        work = self._abort(instance, migration_id)
        return self.wrapped("live_migration_abort", instance, work, reverts=False)

    def _abort(self, instance, migration_id):
        by = _HERE + "live_migration_abort"
        self._about_abort(instance, "start")
        waiting = self.waiting_live_migrations.pop(instance.uuid, None)
        migration = migrations.find(self, instance.uuid, id=migration_id)[0]
        if waiting is not None:
            if migration.status == "queued":
                self._revert_allocation(instance, migration)
                self.site.neutron.ask(self, instance.name, "setup_networks_on_host", by)
                instance.task_state = None
                instance.save(by, expected_task_state=[task.MIGRATING])
                self._set_migration_status(migration, "cancelled")
        elif migration.status != "running":
            raise InvalidMigrationState(
                migration_id=migration_id,
                instance_uuid=instance.uuid,
                state=migration.status,
                method="abort live migration",
            )
        else:
            self.driver.end_job(self, "live_migration_abort", instance, by)
        self._about_abort(instance, "end")
        return
        yield

    def _about_abort(self, instance, phase):
        notify.about(self, instance, "live.migration.abort", "live_migration_abort", phase)

    def _reset_live_migration(self, instance):
        """Forget a live migration that was under way when this nova-compute died.

        Source: the method of that name in nova/compute/manager.py, Nova 34.0.0.
        """
        found = migrations.find(self, instance.uuid, status="running")
        try:
            if found:
                yield from self.live_migration_abort(instance, found[0].id)
        except Exception:  # as Nova, which only logs it
            found = found[:1]
        if found:
            self._set_migration_status(found[0], "error")
        instance.task_state = None
        by = _HERE + "_reset_live_migration"
        instance.save(by, expected_task_state=[task.MIGRATING])
