"""The real Placement 16.0.0 in this process, with its database in memory.

``running()`` gives a client; ``RealPlacement(client, fleet)`` fills it from a fleet and stands
where tools/oracle/scheduler.py has its own ``Placement``: candidates and claims are then
Placement's. Its answers come without an order; they are put into that of the fleet.
"""

import contextlib
import math
import warnings

from tools.oracle import installed
from tools.oracle.installed import as_uuid
from tools.oracle.rows import Known

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import oslo_config.cfg
    import requests
    from oslo_policy import opts as policy_opts
    from placement.tests.functional.fixtures.placement import PlacementFixture

HEADERS = {"OpenStack-API-Version": "placement 1.36", "x-auth-token": "admin"}
#: What a cloud has created beside the standard names, whether or not a host has it.
CLASSES = ("CUSTOM_LICENCE",)
_FIELDS = ("total", "reserved", "min_unit", "max_unit", "step_size", "allocation_ratio")


@contextlib.contextmanager
def running():
    """Give a client of a Placement that knows the custom classes, and no provider."""
    with warnings.catch_warnings(), installed.quiet():
        warnings.simplefilter("ignore")  # Placement's libraries about each other
        with PlacementFixture() as fixture, requests.Session() as session:
            session.headers.update(HEADERS)
            client = Client(session, fixture.endpoint)
            for name in CLASSES:
                client.put(f"/resource_classes/{name}")
            yield client
    # The fixture has set this for all services of the process.
    policy_opts.set_defaults(oslo_config.cfg.ConfigOpts(), enforce_new_defaults=True)


class Client:
    """Sends requests to the application in this process; no network is touched."""

    def __init__(self, session, endpoint):
        self.session, self.endpoint = session, endpoint

    def send(self, method, url, body=None, accept=(200, 201, 204)):
        """Return the answer; a status that is not accepted is an error."""
        found = self.session.request(method, self.endpoint + url, json=body)
        if accept and found.status_code not in accept:
            raise RuntimeError(f"{method} {url}: {found.status_code} {found.text}")
        return found

    def put(self, url, body=None, **accept):
        """Write."""
        return self.send("PUT", url, body, **accept)


class RealPlacement:
    """Placement filled from a fleet; ``clear`` empties it again."""

    def __init__(self, client, fleet):
        self.client, self.fleet = client, fleet
        self.only_asked = False  # True: keep the candidates here, the scheduler gets none
        self.query = self.candidates = None
        self.consumers, self.hosts, self.known = [], {}, Known(fleet)
        self.traits = sorted({t for own in fleet.traits for t in own if t.startswith("CUSTOM_")})
        for name in self.traits:
            client.put(f"/traits/{name}")
        for row, host in enumerate(fleet.rows):
            self._provider(row, host)

    def _provider(self, row, host):
        texts = self.known.texts
        provider = texts["uuid"][row]
        self.hosts[provider] = host
        body = {"uuid": provider, "name": host}
        self.client.send("POST", "/resource_providers", body)
        used, inventories = {}, {}
        for name, inventory in self.fleet.inventories.items():
            if not math.isnan(inventory.columns["total"][row]):
                record = {key: float(inventory.columns[key][row]) for key in _FIELDS}
                ratio = record.pop("allocation_ratio")
                inventories[name] = {k: int(v) for k, v in record.items()}
                inventories[name]["allocation_ratio"] = ratio
                if inventory.used[row] > 0:
                    used[name] = int(inventory.used[row])
        url = f"/resource_providers/{provider}"
        if used:  # what is used fits into any inventory while it is booked
            roomy = {name: {"total": 10**6, "allocation_ratio": 1000.0} for name in inventories}
            body = {"resource_provider_generation": 0, "inventories": roomy}
            self.client.put(f"{url}/inventories", body)
            self._claim(as_uuid(f"used on {provider}"), {provider: {"resources": used}})
        generation = self.client.send("GET", url).json()["generation"]
        body = {"resource_provider_generation": generation, "inventories": inventories}
        generation = self.client.put(f"{url}/inventories", body).json()
        traits = {"OWNER_NOVA", *texts["traits"][row]}
        traits |= {"COMPUTE_STATUS_DISABLED"} if texts["disabled"][row] else set()
        body = {
            "resource_provider_generation": generation["resource_provider_generation"],
            "traits": sorted(traits),
        }
        generation = self.client.put(f"{url}/traits", body).json()
        body = {
            "resource_provider_generation": generation["resource_provider_generation"],
            "aggregates": [a.uuid for a in self.fleet.aggregates if host in a.hosts],
        }
        self.client.put(f"{url}/aggregates", body)

    def get_allocation_candidates(self, _context, resources):
        """Ask with Nova's own query string; an error counts as no answer, as in Nova."""
        self.query = resources.to_querystring()
        found = self.client.send("GET", f"/allocation_candidates?{self.query}", accept=())
        self.candidates = []
        if found.status_code != 200:
            return None, None, None
        rows = self.fleet.rows
        requests = found.json()["allocation_requests"]
        requests.sort(key=lambda one: rows[self.hosts[next(iter(one["allocations"]))]])
        self.candidates = [self.hosts[next(iter(one["allocations"]))] for one in requests]
        if self.only_asked:
            return [], {}, "1.36"
        return requests, found.json()["provider_summaries"], "1.36"

    def claim_resources(self, _context, consumer, request, *_args, **_kwargs):
        """Return whether Placement books the allocation request."""
        return self._claim(consumer, request["allocations"])

    def _claim(self, consumer, allocations):
        body = {
            "allocations": allocations,
            "project_id": "project",
            "user_id": "user",
            "consumer_generation": None,
        }
        found = self.client.put(f"/allocations/{consumer}", body, accept=(204, 409, 400))
        if found.status_code == 204:
            self.consumers.append(consumer)
        return found.status_code == 204

    def claim(self, row, resources, consumer):
        """Return whether Placement books some resources on one host."""
        provider = self.known.texts["uuid"][row]
        return self._claim(as_uuid(consumer), {provider: {"resources": resources}})

    def delete_allocation_for_instance(self, _context, consumer, **_):
        """Give back what a server had."""
        self.consumers.remove(consumer)
        self.client.send("DELETE", f"/allocations/{consumer}")

    def clear(self):
        """Delete all allocations, providers and traits."""
        for consumer in list(self.consumers):
            self.delete_allocation_for_instance(None, consumer)
        while self.hosts:
            provider, _ = self.hosts.popitem()
            self.client.send("DELETE", f"/resource_providers/{provider}")
        while self.traits:
            self.client.send("DELETE", f"/traits/{self.traits.pop()}")
