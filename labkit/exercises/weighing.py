"""Normalisation and weighing: what a weigher makes of the free RAM of two or three hosts."""

import numpy as np

from labkit.exercises.by_host import by_host
from labkit.nova.weights import BaseWeigher, normalize

FORMULA = "normalized = (weight - low end) / (high end - low end)"
UNEQUAL_MB = {"cn-1": 3072, "cn-2": 4096}
EQUAL_MB = {"cn-1": 4096, "cn-2": 4096}
THREE_MB = {**UNEQUAL_MB, "cn-3": 131072}
OVERCOMMITTED_MB = {"cn-1": -1024, "cn-2": 8192, "cn-3": 24576}


def _normalized(free_ram_mb, minval=None):
    """Weigh free RAM as a weigher of this *minval* does: clamp, then normalize."""
    weigher = BaseWeigher()
    weigher.minval = minval
    raw = weigher.clamp(np.array(list(free_ram_mb.values()), dtype=float))
    return normalize(raw.tolist(), minval=minval)


def _between(free_ram_mb):
    return {
        host: f"where {mb} MiB lie between the low end and the high end"
        for host, mb in free_ram_mb.items()
    }


QUESTIONS = (
    by_host(
        "two-hosts",
        "Two hosts have 3072 and 4096 MiB free. What are their normalized weights under a weigher "
        "that sets no minval?",
        wanted=_between(UNEQUAL_MB),
        compute=lambda: _normalized(UNEQUAL_MB),
        because="Of two unequal hosts the smaller is the low end and the larger the high end, "
        "whether one MiB lies between them or a thousand.",
        hints=("Without minval the low end is the smallest weight in the list.", FORMULA),
        slips=[
            (
                lambda: _normalized(UNEQUAL_MB, 0),
                (
                    "That is each host's share of the largest, as if the low end were 0; here no "
                    "minval says so."
                ),
            )
        ],
    ),
    by_host(
        "two-hosts-minval",
        "Two hosts have 3072 and 4096 MiB free. What are their normalized weights under "
        "RAMWeigher, which sets minval = 0?",
        wanted=_between(UNEQUAL_MB),
        compute=lambda: _normalized(UNEQUAL_MB, 0),
        because="The low end is 0, so a weight is its share of the largest: a small gap stays "
        "small.",
        hints=("minval replaces the low end that the list would give.", FORMULA),
        slips=[
            (
                lambda: _normalized(UNEQUAL_MB),
                "That is what the list alone would give; which low end does minval set?",
            )
        ],
    ),
    by_host(
        "identical-hosts",
        "Two hosts have 4096 MiB free each. What are their normalized weights under a weigher that "
        "sets no minval?",
        wanted=_between(EQUAL_MB),
        compute=lambda: _normalized(EQUAL_MB),
        because="When both ends are equal there is nothing to divide by, and Nova gives every "
        "host 0: this weigher does not tell them apart.",
        hints=("Write down the low end and the high end first.", FORMULA),
        slips=[
            (
                lambda: _normalized(EQUAL_MB, 0),
                "That needs a low end below the weights; what is the low end of this list?",
            ),
            (
                lambda: [0.5, 0.5],
                "The formula would divide by high end - low end; how much is that here?",
            ),
        ],
    ),
    by_host(
        "identical-hosts-minval",
        "Two hosts have 4096 MiB free each. What are their normalized weights under RAMWeigher, "
        "which sets minval = 0?",
        wanted=_between(EQUAL_MB),
        compute=lambda: _normalized(EQUAL_MB, 0),
        because="The low end is 0 and both hosts are at the high end: equal again, but not 0.",
        hints=("Are both ends still equal?", FORMULA),
        slips=[
            (
                lambda: _normalized(EQUAL_MB),
                "That is the rule for equal ends; are the ends equal when minval sets one?",
            )
        ],
    ),
    by_host(
        "third-host",
        "Beside 3072 and 4096 MiB, a third host has 131072 MiB free. What are the normalized "
        "weights now, without minval?",
        wanted=_between(THREE_MB),
        compute=lambda: _normalized(THREE_MB),
        because="cn-2 has not changed, but the high end has: one large host presses the others "
        "together.",
        hints=("Which host is the high end now?", FORMULA),
        slips=[
            (
                lambda: [*_normalized(UNEQUAL_MB), 1.0],
                "cn-1 and cn-2 keep what they had between them; what is the high end now?",
            ),
            (
                lambda: normalize(list(THREE_MB.values()), minval=0),
                "That is each host's share of the largest, as if the low end were 0.",
            ),
        ],
    ),
    by_host(
        "multiplier-minus-1",
        "Two hosts have 3072 and 4096 MiB free. What are their scores under RAMWeigher (minval = 0) "
        "with ram_weight_multiplier = -1.0?",
        wanted=dict.fromkeys(UNEQUAL_MB, "the multiplier times its normalized weight"),
        compute=lambda: [-1.0 * weight for weight in _normalized(UNEQUAL_MB, 0)],
        because="The normalized weights are as before; the multiplier turns their order round, and "
        "the fuller host comes first.",
        hints=(
            "The multiplier comes after normalizing and does not change it.",
            "score = multiplier * normalized",
        ),
        slips=[
            (
                lambda: _normalized(UNEQUAL_MB, 0),
                "Those are the normalized weights; the multiplier is still to come.",
            ),
            (
                lambda: [1 - weight for weight in _normalized(UNEQUAL_MB, 0)],
                "The scale does not turn round; each normalized weight is multiplied.",
            ),
            (
                lambda: [-1.0 * weight for weight in _normalized(UNEQUAL_MB)],
                (
                    "The multiplier is there, but the low end is that of the list; RAMWeigher sets "
                    "minval = 0."
                ),
            ),
        ],
    ),
    by_host(
        "negative-free-ram",
        "With ram_allocation_ratio above 1, free RAM can be negative: -1024, 8192 and 24576 MiB. "
        "What are the normalized weights under RAMWeigher (minval = 0)?",
        wanted=_between(OVERCOMMITTED_MB),
        compute=lambda: _normalized(OVERCOMMITTED_MB, 0),
        because="Before normalizing, a weight below minval becomes minval: nothing falls below 0.",
        hints=("Before normalizing, each weight is kept between minval and maxval.", FORMULA),
        slips=[
            (
                lambda: normalize(list(OVERCOMMITTED_MB.values()), minval=0),
                (
                    "A normalized weight below 0: what does the weigher do first with a weight below "
                    "minval?"
                ),
            ),
            (
                lambda: _normalized(OVERCOMMITTED_MB),
                "That takes the low end from the list; RAMWeigher sets minval = 0.",
            ),
        ],
    ),
)
