"""100,000 simulated calls, each with its two envelopes taken apart and put together."""

import sys
import time

from labkit.neighbours.messaging import Broker, RPCClient, RPCServer, Target, Transport
from labkit.nova.context import RequestContext

CALLS = 100_000
MOST_S = 10


class Manager:
    """An endpoint with one method."""

    target = Target(version="6.5")

    def double(self, ctxt, number):
        """Answer at once."""
        return 2 * number


def main():
    """Measure, and fail beyond ten seconds."""
    broker = Broker(latency_s=0.001)
    transport = Transport(broker)
    for host in ("host1", "host2"):
        RPCServer(transport, Target(topic="compute", server=host), [Manager()]).start()
    client = RPCClient(transport, Target(topic="compute", version="6.0"))
    context = RequestContext("alice", "physics", roles=["member"])

    def ask():
        for number in range(CALLS):
            answer = yield from client.call(context, "double", number=number)
            if answer != 2 * number:
                raise AssertionError(answer)

    start = time.perf_counter()
    broker.run(ask())
    seconds = time.perf_counter() - start
    print(
        f"{CALLS:,} calls, {len(broker.log):,} envelopes, {broker.env.now:.0f} s simulated:"
        f" {seconds:.1f} s"
    )
    sys.exit(seconds > MOST_S)


if __name__ == "__main__":
    main()
