"""Lesson 02: what a weigher makes of free RAM, which lists give only 0 and 1, and what remembers."""

from labkit.exercises.answers import by_host, choose, listed
from labkit.exercises.judging import Question
from labkit.nova.weights import BaseWeigher, WeighedObject, normalize

FORMULA = "normalized = (weight - low end) / (high end - low end)"
UNEQUAL_MB = {"cn-1": 3072, "cn-2": 4096}
EQUAL_MB = {"cn-1": 4096, "cn-2": 4096}
THREE_MB = {**UNEQUAL_MB, "cn-3": 131072}
OVERCOMMITTED_MB = {"cn-1": -1024, "cn-2": 8192, "cn-3": 24576}
# Letter: free RAM in MiB of each host, and the weigher's minval.
CASES = {
    "A": ([3072, 4096], None),
    "B": ([3072, 4096], 0),
    "C": ([3072, 3072, 4096], None),
    "D": ([3072, 3584, 4096], None),
    "E": ([4096, 4096, 4096], 0),
    "F": ([-1024, 4096], 0),
}
FIRST_MB, SECOND_MB = [1024, 5120], {"cn-1": 2048, "cn-2": 3072}


class _FreeRam(BaseWeigher):
    def _weigh_object(self, obj, weight_properties):
        return obj


def _weigh(weigher, raw):
    return weigher.weigh_objects([WeighedObject(one, 0.0) for one in raw], None)


def weighed(free_ram_mb, minval=None):
    """Clamp, then normalize, as a weigher of this *minval* does."""
    raw = free_ram_mb.values() if isinstance(free_ram_mb, dict) else free_ram_mb
    weigher = _FreeRam()
    weigher.minval = minval
    return normalize(_weigh(weigher, raw), minval=minval)


def _by_free_ram(name, asks, free_ram_mb, minval=None, **more):
    wanted = {
        host: f"where {mb} MiB lie between the low end and the high end"
        for host, mb in free_ram_mb.items()
    }
    more["hints"] = (more["hints"], FORMULA)
    return by_host(name, asks, wanted=wanted, compute=lambda: weighed(free_ram_mb, minval), **more)


def _only_0_and_1():
    return [letter for letter, case in CASES.items() if set(weighed(*case)) <= {0.0, 1.0}]


def _said(letter):
    raw, minval = CASES[letter]
    hosts = ", ".join(map(str, raw[:-1])) + f" and {raw[-1]}"
    return f"{letter}: {hosts} MiB, {'no minval' if minval is None else f'minval = {minval}'}"


def _judge(answer):
    if isinstance(answer, str):
        answer = [one for one in answer if not one.isspace() and one not in ",;"]
    choose(
        CASES,
        _only_0_and_1,
        'letters, such as "AB"',
        lambda letter, given: (
            f"You gave {listed(given)}. In {_said(letter)}, at least one host lies between the low "
            "end and the high end."
        ),
        lambda letter, given: (
            f"You gave {listed(given)}. These are right, but not all. Asked: every case in which "
            "each host is at the low end or at the high end."
        ),
    )(answer)


def sticky():
    """The normalized weights of the second request of a scheduler that remembers its extremes."""
    from labkit import nova13  # one question of nine needs it

    weigher = nova13.remembering(_FreeRam())
    _weigh(weigher, FIRST_MB)
    second = _weigh(weigher, SECOND_MB.values())
    return normalize(second, weigher.minval, weigher.maxval)


QUESTIONS = (
    _by_free_ram(
        "two-hosts",
        "Two hosts have 3072 and 4096 MiB free. What are their normalized weights under a weigher "
        "that sets no minval?",
        UNEQUAL_MB,
        because="Of two unequal hosts the smaller is the low end and the larger the high end, "
        "whether one MiB lies between them or a thousand.",
        hints="Without minval the low end is the smallest weight in the list.",
        slips=lambda: [
            (
                weighed(UNEQUAL_MB, 0),
                (
                    "That is each host's share of the largest, as if the low end were 0; here no "
                    "minval says so."
                ),
            )
        ],
    ),
    _by_free_ram(
        "two-hosts-minval",
        "Two hosts have 3072 and 4096 MiB free. What are their normalized weights under "
        "RAMWeigher, which sets minval = 0?",
        UNEQUAL_MB,
        minval=0,
        because="The low end is 0, so a weight is its share of the largest: a small gap stays "
        "small.",
        hints="minval replaces the low end that the list would give.",
        slips=lambda: [
            (
                weighed(UNEQUAL_MB),
                "That is what the list alone would give; which low end does minval set?",
            )
        ],
    ),
    _by_free_ram(
        "identical-hosts",
        "Two hosts have 4096 MiB free each. What are their normalized weights under a weigher that "
        "sets no minval?",
        EQUAL_MB,
        because="When both ends are equal there is nothing to divide by, and Nova gives every "
        "host 0: this weigher does not tell them apart.",
        hints="Write down the low end and the high end first.",
        slips=lambda: [
            (
                weighed(EQUAL_MB, 0),
                "That needs a low end below the weights; what is the low end of this list?",
            ),
            (
                [0.5, 0.5],
                "The formula would divide by high end - low end; how much is that here?",
            ),
        ],
    ),
    _by_free_ram(
        "identical-hosts-minval",
        "Two hosts have 4096 MiB free each. What are their normalized weights under RAMWeigher, "
        "which sets minval = 0?",
        EQUAL_MB,
        minval=0,
        because="The low end is 0 and both hosts are at the high end: equal again, but not 0.",
        hints="Are both ends still equal?",
        slips=lambda: [
            (
                weighed(EQUAL_MB),
                "That is the rule for equal ends; are the ends equal when minval sets one?",
            )
        ],
    ),
    _by_free_ram(
        "third-host",
        "Beside 3072 and 4096 MiB, a third host has 131072 MiB free. What are the normalized "
        "weights now, without minval?",
        THREE_MB,
        because="cn-2 has not changed, but the high end has: one large host presses the others "
        "together.",
        hints="Which host is the high end now?",
        slips=lambda: [
            (
                [*weighed(UNEQUAL_MB), 1.0],
                "cn-1 and cn-2 keep what they had between them; what is the high end now?",
            ),
            (
                normalize(list(THREE_MB.values()), minval=0),
                "That is each host's share of the largest, as if the low end were 0.",
            ),
        ],
    ),
    by_host(
        "multiplier-minus-1",
        "Two hosts have 3072 and 4096 MiB free. What are their scores under RAMWeigher (minval = 0) "
        "with ram_weight_multiplier = -1.0?",
        wanted=dict.fromkeys(UNEQUAL_MB, "the multiplier times its normalized weight"),
        compute=lambda: [-1.0 * weight for weight in weighed(UNEQUAL_MB, 0)],
        because="The normalized weights are as before; the multiplier turns their order round, and "
        "the fuller host comes first.",
        hints=(
            "The multiplier comes after normalizing and does not change it.",
            "score = multiplier * normalized",
        ),
        slips=lambda: [
            (
                weighed(UNEQUAL_MB, 0),
                "Those are the normalized weights; the multiplier is still to come.",
            ),
            (
                [1 - weight for weight in weighed(UNEQUAL_MB, 0)],
                "The scale does not turn round; each normalized weight is multiplied.",
            ),
            (
                [-1.0 * weight for weight in weighed(UNEQUAL_MB)],
                (
                    "The multiplier is there, but the low end is that of the list; RAMWeigher sets "
                    "minval = 0."
                ),
            ),
        ],
    ),
    _by_free_ram(
        "negative-free-ram",
        "With ram_allocation_ratio above 1, free RAM can be negative: -1024, 8192 and 24576 MiB. "
        "What are the normalized weights under RAMWeigher (minval = 0)?",
        OVERCOMMITTED_MB,
        minval=0,
        because="Before normalizing, a weight below minval becomes minval: nothing falls below 0.",
        hints="Before normalizing, each weight is kept between minval and maxval.",
        slips=lambda: [
            (
                normalize(list(OVERCOMMITTED_MB.values()), minval=0),
                (
                    "A normalized weight below 0: what does the weigher do first with a weight below "
                    "minval?"
                ),
            ),
            (
                weighed(OVERCOMMITTED_MB),
                "That takes the low end from the list; RAMWeigher sets minval = 0.",
            ),
        ],
    ),
    Question(
        "only-0-and-1",
        "In which of these cases is every normalized weight 0 or 1? "
        + "; ".join(map(_said, CASES))
        + '. Give the letters, such as "AB".',
        _judge,
        (
            "For each case write down the low end and the high end, then look for a host between.",
            "minval replaces the low end of the list, and a weight below minval becomes minval.",
            "Equal hosts are at the high end too, if minval is below them.",
        ),
        lambda: (
            f"{', '.join(_only_0_and_1())}. In the others a host lies between the low end and the "
            "high end."
        ),
    ),
    by_host(
        "sticky-ends",
        "A scheduler of Nova 13.0.0 starts. Its first request weighs hosts with 1024 and 5120 MiB "
        "free, its second one hosts with 2048 and 3072, with a weigher that sets no minval. What "
        "are the normalized weights of the second request?",
        wanted={
            host: f"where {mb} MiB lie between the ends that the process remembers"
            for host, mb in SECOND_MB.items()
        },
        compute=sticky,
        because="The process still scales between 1024 and 5120, the ends of its first request.",
        hints=(
            "Which is the lowest, and which the highest raw weight that the process has seen?",
            "normalized = (weight - low end) / (high end - low end)",
        ),
        slips=lambda: [
            (
                normalize(list(SECOND_MB.values())),
                "That is today's Nova, which looks at this request alone; 13.0.0 remembers.",
            ),
            (
                normalize(list(SECOND_MB.values()), maxval=max(FIRST_MB)),
                "The high end is remembered; so is the low end.",
            ),
            (
                normalize(list(SECOND_MB.values()), minval=min(FIRST_MB)),
                "The low end is remembered; so is the high end.",
            ),
            (
                normalize(list(SECOND_MB.values()), minval=0, maxval=max(FIRST_MB)),
                "That takes 0 as the low end; this weigher sets no minval.",
            ),
        ],
    ),
)
