"""Which programs are measured, what each is given, and what tells how far it has come.  Data."""

from dataclasses import dataclass
from typing import Final, Literal


@dataclass(frozen=True, slots=True)
class Program:
    """A program, as `python -m module` with a job and its arguments."""

    name: str
    module: str
    what: str
    arguments: tuple[str, ...] = ()
    share: float = 1.0  # of the records asked for: slow programs get fewer, very fast ones more
    reads: Literal["contexts", "outcomes"] = "contexts"
    trained: bool = False  # domains are declared, and have learned, before it starts
    writes: Literal["copy", "decisions", "state"] = "copy"


_CROUPIER: Final = "benchmarks.loops.croupier"

PROGRAMS: Final = (
    Program(
        "faust_stock", "benchmarks.loops.faust_stock", "Faust as documented: table write and send per event", share=0.1
    ),
    Program("aiokafka_loop", "benchmarks.loops.aiokafka_loop", "aiokafka by hand: getmany, send per record"),
    Program("quix_stateful", "benchmarks.loops.quix_stateful", "Quix Streams as documented: stateful apply, to_topic"),
    Program(
        "confluent_copy",
        "benchmarks.loops.confluent_copy",
        "confluent-kafka by hand: consume, produce per record",
        share=3.0,  # so fast that with fewer most would be in its queue before the clock starts
    ),
    Program(
        "croupier_router",
        _CROUPIER,
        "contexts to decisions: learner and router",
        ("learner,router",),
        trained=True,
        writes="decisions",
    ),
    Program(
        "croupier_worker",
        _CROUPIER,
        "the same in a whole worker: every decision is joined too",
        ("joiner,learner,router",),
        trained=True,
        writes="decisions",
    ),
    Program(
        "croupier_learner",
        _CROUPIER,
        "outcomes to learned state",
        ("learner",),
        reads="outcomes",
        trained=True,
        writes="state",
    ),
)

BY_NAME: Final = {program.name: program for program in PROGRAMS}

#: name -> (over, under, at least)
RATIOS: Final[dict[str, tuple[str, str, float | None]]] = {
    "router_over_aiokafka": ("croupier_router", "aiokafka_loop", 0.6),
    "router_over_quix": ("croupier_router", "quix_stateful", 1.0),
    "router_over_faust": ("croupier_router", "faust_stock", 15.0),
    "router_over_confluent": ("croupier_router", "confluent_copy", None),
}
