"""Which part of the work a function belongs to: the rules by which a profile is added up.  Data.

A sample of a thread is its stack, innermost function first.  It belongs to the first rule that one of its functions
meets, functions looked at from the inside out; `FIRST` are looked for in the whole stack before that.  Code that
several stages call (bandits, evaluation, columnar, schemas) has no rule, so that its caller's counts.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple


class Rule(NamedTuple):
    """Code files whose path holds `path`, and their functions of this name; "" stands for all."""

    part: str
    path: str
    function: str = ""


#: A checkpoint is no part of the stage whose functions it calls, and choosing is none of the learner that is asked.
FIRST: Final = (
    Rule("checkpoint: take the state", "stream_workers/joining/", "flush"),
    Rule("checkpoint: take the state", "stream_workers/learning/", "flush"),
    Rule("checkpoint: take the state", "stream_workers/routing/", "flush"),
    Rule("checkpoint: write it", "stream_workers/runtime/checkpoint"),
    Rule("choose an arm", "stream_workers/routing/table"),
    Rule("decode contexts", "stream_workers/routing/contexts"),
    Rule("encode decisions", "stream_workers/routing/decisions"),
)

RULES: Final = (
    Rule("route: the rest", "stream_workers/routing/"),
    Rule("join decisions and rewards", "stream_workers/joining/"),
    Rule("learn outcomes", "stream_workers/learning/"),
    Rule("append to output batches", "stream_workers/runtime/output"),
    Rule("append to output batches", "stream_workers/runtime/batch"),
    Rule("parse what was fetched", "stream_workers/runtime/fetch"),
    Rule("deliver to stages", "stream_workers/runtime/"),
    Rule("aiokafka's consumer", "aiokafka/consumer/"),
    Rule("aiokafka's consumer", "aiokafka/record/"),
    Rule("aiokafka's producer", "aiokafka/producer/"),
    Rule("aiokafka's protocol", "aiokafka/"),
    Rule("Faust", "/faust/"),
    Rule("Faust", "/mode/"),
    Rule("sockets", "asyncio/selector_events"),
    Rule("event loop", "asyncio/"),
    Rule("event loop", "selectors.py"),
    Rule("clock, health, metrics", "stream_workers/worker"),
    Rule("clock, health, metrics", "stream_workers/http"),
    Rule("clock, health, metrics", "stream_workers/metrics"),
)
OTHER: Final = "other"
#: Processor time of threads that run no Python: RocksDB's.
NATIVE: Final = "threads outside Python"

ORDER: Final = (
    *dict.fromkeys(rule.part for rule in (*FIRST[4:], *RULES, *FIRST)),
    NATIVE,
    OTHER,
)


def part_of(stack: Iterable[tuple[str, str]]) -> str:
    """The part a stack belongs to.  stack: file and function, from the inside out."""
    frames = list(stack)
    for file, function in frames:
        for rule in FIRST:
            if rule.path in file and rule.function in ("", function):
                return rule.part
    for file, function in frames:
        for rule in RULES:
            if rule.path in file and rule.function in ("", function):
                return rule.part
    return OTHER
