"""The tables: what happened in a model, or what a real log says, as DataFrames for every plot.

One fact per row, in the order in which it happened. Every column, unit and index is described
here, and a test compares this text with the tables themselves. (Those of labkit/studies are
described where they are made.) The index is 0, 1, 2, ...; times (``_s``, "t_s") are simulated
seconds, RAM (``_mb``) is in MiB, disk (``_gb``) in GiB, ``bytes_in`` and ``bytes_out`` in bytes.
``seq`` counts the facts from 0. ``instance`` is a server's name, ``service`` who did it: api,
conductor, scheduler or compute@HOST. Where there is nothing to say, a text is "" or None.

Uses: neighbours, nova.

Of a Decision, and of a Log
---------------------------
labkit/tables/scheduler.py and labkit/tables/logs.py (log_lines.py puts the lines of a log together
again, whatever carried them). ``request`` counts the requests of one run
from 0; in a log it is the request id, with "#2" where it comes again, or where a second pass
names no server.

``filters``: seq, request, instance, filter, host, passed, reason
    Who entered a stage and who passed it. First the stages before the filters: request filters by
    Nova's function names, ``in_tree`` for a named host, ``allocation_candidates`` for what
    placement checks; then ``ignore_hosts``, ``force_hosts`` and the like; then the filters by class
    name. ``reason`` is a sentence, empty for those who passed. In a log, a host that is counted but
    not named is "?".
``weights``: seq, request, instance, host, weigher, raw, minval, maxval, normalized, multiplier,
    score
    ``raw`` in the weigher's unit (MiB, vCPUs, a count), after clamping; ``minval`` and ``maxval``
    as the weigher fixes them (NaN where it does not, and in a log); ``normalized`` without unit;
    ``score`` is multiplier times normalized. With one host left there are no rows.
``placements``: seq, request, instance, host, weight, rank, chosen, alternate
    All hosts that passed, best first (``rank`` from 1); ``weight`` is the sum of the scores. A log
    does not say who is an alternate (NA), and that of an old release no weights (NaN).
``placed``: seq, request, instance, host, weight, vcpus, memory_mb, disk_gb
    Of ``place``: one row per server; ``host`` is None where there was no valid host.
``requests``: seq, time, request, instance, outcome, host
    Of a log: a row per server that was asked for; ``time`` as the log writes it, ``outcome``
    "placed", "no host" or "not said" (of old releases, and of a log that was cut); ``host`` is ""
    without one.
``unread``: seq, what, lines, first
    Of a log: the kinds of lines of which no row came, how many there are, and the first of each.

Of a Cloud: what happened
-------------------------
labkit/tables/cloud.py. ``seq`` counts all facts of the cloud, so that rows of different tables can
be put in order. ``request_id`` is that of the request to the API that it belongs to, wherever it
was done; what a nova-compute does by itself, at its start or in a round of its periodic tasks, has
one too.

``states``: seq, t_s, instance, vm_state, task_state, power_state, service, saved_by, request_id
    What the server shows after each write of its row; before there is a row, its BuildRequest.
    ``saved_by`` is Nova's file:function. After a delete one row more, with vm_state "deleted" and
    saved_by as before: the row is gone.
``saves``: seq, t_s, instance, service, op, columns, expected_task_state, refused, saved_by
    Every write of a row of instances: ``op`` create, update, update_refused, destroy or
    destroy_refused; ``columns`` written; the guard ("any" without one); ``refused`` names the error.
``messages``: seq, t_s, instance, kind, sender, exchange, topic, server, namespace, method, version,
    args, lost, request_id, is_admin, object
    ``kind`` call, cast, fanout or reply; ``args`` names with commas between them. ``request_id``
    and ``is_admin`` are those of the context that goes with it (True, False; None of a reply,
    which has no context). ``object`` is None: a nova-compute of the lab has the database and asks
    no conductor for it.
``notifications``: seq, t_s, instance, format, event_type, priority, old_state, state,
    old_task_state, new_task_state, service, request_id
    The four states as the message has them; empty where it does not say.
``actions``: seq, t_s, instance, action, event, host, result, request_id
    A row for the action itself (``event`` empty), one for the start of each event (``result``
    empty), one for its end.
``calls``: seq, t_s, instance, service, system, call, http_status
    The calls to placement, glance, neutron and the hypervisor (virt).
``migrations``: seq, t_s, instance, migration, migration_type, status, source_compute, dest_compute,
    saved_by
    Every write of a move's row: ``migration`` counts the moves of the cloud from 1;
    ``migration_type`` resize, migration, live-migration or evacuation; ``dest_compute`` is empty
    until there is one.
``holdings``: seq, t_s, instance, host, what, consumer, value
    What a host has of a server, a row for each change: ``what`` is row (the server's row names
    the host), guest or allocation; ``value`` is "named", the guest's power_state, or what is held
    in placement, and None once the host has it no more. ``consumer`` of an allocation is the
    server's name or "migration 1", None for the others. ``seq`` is that of the fact at which the
    row changed, or of the first one after it.
``faults``: seq, t_s, instance, code, message
    The errors that the API shows with a server.
``planned_faults``: step, at, host, instance, times, struck, actions
    The faults that the cloud was given, and how often each has struck so far: 0 where its step has
    not come. ``actions`` come to that step, with one driver or the other; "" for an event.
``requests``: seq, t_s, instance, action, status, answer, request_id
    The requests to the API, and its answers; ``answer`` is empty when it was accepted.
``events``: seq, t_s, service, instance, kind, what, request_id
    All facts in one table, ``what`` in words.
``stages``: seq, instance, stage, start_s, end_s, bytes_in, bytes_out, command
    The stages of each snapshot by a libvirt driver: bytes read, and bytes written or sent.
``host_log``: seq, t_s, instance, service, kind, what
    What a libvirt driver's host did: commands ("execute"; "returned" if they failed), what was done
    to guests, Ceph and files, lines of the log, and "raised" when a snapshot ended with an error.

Of a Cloud: how it is now
-------------------------
labkit/tables/hosts.py and, for ``images`` and ``queues``, cloud.py and broker.py.

``images``: image, instance, name, status, disk_format, container_format, size, location
    The images that servers were made into and that glance has now; ``size`` in bytes, ``location``
    where a direct snapshot put it.
``reports``: t_s, host, vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used,
    disk_available_least, hypervisor_type, hypervisor_version
    What the drivers reported until now; a report that says the same as the one before it has no
    row. The hypervisor counts what is used, and Nova does not look at it.
``compute_nodes``: host, updated_at, memory_mb, memory_mb_used, free_ram_mb, local_gb,
    local_gb_used, free_disk_gb, disk_available_least, vcpus, vcpus_used, running_vms,
    current_workload, num_instances, io_workload, failed_builds, cpu_allocation_ratio,
    ram_allocation_ratio, disk_allocation_ratio
    The rows in the database: ``updated_at`` is the simulated time of the last save, and there is
    a save only when something in the row has changed.
``host_states``: host, updated, total_usable_ram_mb, free_ram_mb, total_usable_disk_gb,
    disk_mb_used, free_disk_mb, vcpus_total, vcpus_used, cpu_allocation_ratio,
    ram_allocation_ratio, disk_allocation_ratio, num_instances, num_io_ops, failed_builds,
    hypervisor_version
    The HostStates that a scheduler would read if it were asked now.
``inventories``: host, resource_class, total, reserved, min_unit, max_unit, step_size,
    allocation_ratio, capacity, used
    What placement knows: ``capacity`` is (total - reserved) * allocation_ratio, ``used`` what
    consumers hold; that does not wait for a report.
``queues``: exchange, queue, routing_key, messages
    A row for each queue, in the order in which they were declared: the ``exchange`` that leads to
    it under a ``routing_key`` (the empty one leads to every queue by its name; a fanout asks for no
    key), and the number of ``messages`` that wait in it, those expired left out.

Of a Broker
-----------
``broker.messages`` of labkit/neighbours/messaging/broker.py.

``messages``: seq, t_s, kind, sender, exchange, routing_key, topic, server, namespace, method,
    version, args, taken_s, lost
    A row for each message, a fanout's for each who took it. ``seq`` counts the envelopes, ``t_s``
    is when one was sent, ``taken_s`` when it was taken (NaN: not yet); ``kind`` call, cast, fanout,
    reply, or heartbeat, a server's sign of life; ``server`` whom the address names, else who took
    it; ``args`` names with commas between them, of a reply the exception's class; ``lost`` when no
    queue was bound for it. A reply has the method of its call.

Of one host
-----------
``report_table`` and ``inventory_table`` of labkit/tables/hosts.py.

``report_table``: quantity, value, unit, source
    What a driver reports, in Nova's unit, and where libvirt's driver has it from.
``inventory_table``: host, resource_class, total, reserved, allocation_ratio, capacity, used, asked,
    reason
    ``capacity`` as in ``inventories``; ``asked`` is the amount of a request, ``reason`` is empty
    where it fits.
"""
