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
    declared: bool = False  # domains are declared before it starts
    trained: bool = False  # and have learned
    writes: Literal["copy", "decisions", "state"] = "copy"
    rewards: Literal["none", "follow", "before"] = "none"  # appended as decisions come, or all of them beforehand


_CROUPIER: Final = "benchmarks.loops.croupier"
_WHOLE: Final = "joiner,learner,router"

PROGRAMS: Final = (
    Program(
        "faust_stock", "benchmarks.loops.faust_stock", "Faust as documented: table write and send per event", share=0.05
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
        "confluent_poll",
        "benchmarks.loops.confluent_poll",
        "confluent-kafka as documented: poll, produce with a callback",
        share=0.3,
    ),
    Program(
        "croupier_router",
        _CROUPIER,
        "contexts to decisions: learner and router",
        ("learner,router",),
        declared=True,
        trained=True,
        writes="decisions",
    ),
    Program(
        "croupier_worker",
        _CROUPIER,
        "the same in a whole worker: every decision is joined too",
        (_WHOLE,),
        declared=True,
        trained=True,
        writes="decisions",
    ),
    Program(
        "croupier_learner",
        _CROUPIER,
        "outcomes to learned state",
        ("learner",),
        reads="outcomes",
        declared=True,
        writes="state",
    ),
    Program(
        "croupier_pipeline",
        _CROUPIER,
        "contexts to learned state in a whole worker; rewards follow their decisions",
        (_WHOLE,),
        declared=True,
        writes="state",
        rewards="follow",
    ),
    Program(
        "croupier_pipeline_early",
        _CROUPIER,
        "the same with all rewards there before the first decision",
        (_WHOLE, "--early-ms", str(60 * 60 * 1000)),
        share=0.25,
        declared=True,
        writes="state",
        rewards="before",
    ),
)

BY_NAME: Final = {program.name: program for program in PROGRAMS}

#: name -> (over, under, at least)
RATIOS: Final[dict[str, tuple[str, str, float | None]]] = {
    "router_over_aiokafka": ("croupier_router", "aiokafka_loop", 0.6),
    "router_over_quix": ("croupier_router", "quix_stateful", 2.0),
    "router_over_faust": ("croupier_router", "faust_stock", 40.0),
    "router_over_confluent": ("croupier_router", "confluent_copy", 1.0),
    "pipeline_over_confluent": ("croupier_pipeline", "confluent_copy", 0.4),
    "router_over_confluent_poll": ("croupier_router", "confluent_poll", None),
    "pipeline_over_confluent_poll": ("croupier_pipeline", "confluent_poll", None),
}
