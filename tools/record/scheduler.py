"""Record what the real Nova 34.0.0 decides on the scenarios of tests/helpers/scenarios.py.

Each case holds all inputs in labkit's own column names, and Nova's answer: the hosts that
placement leaves, who passes each filter, what each weigher says, the order, the picks with
their alternates, the numbers afterwards, or the refusal in Nova's words. The same bytes in
every run. data/nova-34/README.md tells the form.
"""

import json
import math

from tests.helpers import answers, scenarios
from tools.oracle import installed, scheduler
from tools.record import write

CASES = 300
#: Where Nova keeps the options that decide on a host, but for service_down_time.
SECTIONS = ("scheduler", "filter_scheduler", "metrics")


def plain(value):
    """Return *value* as strict JSON holds it: NaN and infinities as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def case(number):
    """Return one case: the scenario, and what Nova says to it."""
    data = scenarios.scenario(number)
    fleet, spec_obj, options, seed = scenarios.build(data)
    names = answers.server_names(spec_obj, None)
    nova = scheduler.answer(fleet, spec_obj, options, seed, names)
    return {"number": number, **data, "servers": names, "nova": plain(nova)}


def settings():
    """Return what the installed Nova is, and its defaults of the options that decide on a host."""
    conf = installed.CONF
    defaults = {
        opt.name: plain(conf[opt.name] if opt.group == "DEFAULT" else conf[opt.group][opt.name])
        for opt in installed.OPTIONS
        if opt.group in SECTIONS or opt.name == "service_down_time"
    }
    return {
        "nova": installed.version.version_string(),
        "defaults": defaults,
        "filters": {
            name: {"once_per_request": f.run_filter_once_per_request, "rebuild": f.RUN_ON_REBUILD}
            for name, f in sorted(installed.FILTERS.items())
        },
        "weighers": {
            name: {"minval": cls.minval, "maxval": cls.maxval}
            for name, cls in sorted(installed.WEIGHERS.items())
        },
    }


def record(folder):
    """Write the recording."""
    found = settings() | {"cases": [case(number) for number in range(CASES)]}
    text = json.dumps(found, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n"
    write(folder / "nova-34/scheduler.json.gz", text)
