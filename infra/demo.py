"""The demo: a deployment of its own, recorded traffic, and figures that an independent reader of the topics gives.

Then the whole way: people of a local Discord ask the real bot (`infra.rehearsal.demonstration`).
"""

import os
import signal
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.domains.file import read_domains
from infra.domains.publish import apply_specs
from infra.local import Deployment, deployment, local_broker
from infra.traffic import Hindsight, hindsight, recordings_for
from infra.verify.verdict import Verdict
from infra.verify.verify import verify
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play
from producers.replay.recording import Recording
from producers.replay.report import PlayReport
from schemas.domains import DomainSpec

if TYPE_CHECKING:
    from infra.rehearsal.demonstration import Demonstration, Shown

#: Rewards for decisions that never were are given up after this, and a worker that died is missed after that.
EARLY_MS = 5_000
SESSION_SECONDS = 10.0
SETTLING_SECONDS = 30.0
_KILL_AT = 0.4

Say = Callable[[str], None]
Progress = Callable[[PlayReport], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    tenant: str
    domain: str
    stand_in: bool
    interactions: int
    reward: float  # over decisions whose required feedback came: what is lost is lost at random
    hindsight: Hindsight
    cost: float | None
    latency_ms_p50: float
    latency_ms_p99: float
    joined: int
    late: int
    duplicate: int
    orphan: int
    decisions_lost: int
    dead_letters: int


@dataclass(frozen=True, slots=True)
class DemoResult:
    """What the demo shows."""

    rows: Sequence[Row]
    discord: "Shown | None"  # None: nobody asked the bot
    verdict: Verdict
    killed: bool
    restarts: int
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The figures under stable names."""
        return {
            "contexts": self.verdict.contexts,
            "decisions": self.verdict.decisions,
            "outcomes": self.verdict.outcomes,
            "decisions_lost": self.verdict.decisions_lost,
            "outcomes_doubled": self.verdict.outcomes_doubled,
            "outcomes_missing": self.verdict.outcomes_missing,
            "outcomes_wrong": self.verdict.outcomes_wrong,
            "outcomes_repeated": self.verdict.outcomes_repeated,
            "dead_letters": sum(self.verdict.dead_letters.values()),
            "killed": self.killed,
            "restarts": self.restarts,
            "seconds": round(self.seconds, 1),
            "discord": None if self.discord is None else self.discord.as_json(),
            "tenants": [
                {
                    "tenant": row.tenant,
                    "domain": row.domain,
                    "stand_in": row.stand_in,
                    "interactions": row.interactions,
                    "reward": row.reward,
                    "best_fixed": row.hindsight.best_fixed,
                    "best_fixed_arm": row.hindsight.best_fixed_arm,
                    "strongest": row.hindsight.strongest,
                    "cheapest": row.hindsight.cheapest,
                    "uniform": row.hindsight.uniform,
                    "cost": row.cost,
                    "latency_ms_p50": row.latency_ms_p50,
                    "latency_ms_p99": row.latency_ms_p99,
                    "rewards_joined": row.joined,
                    "rewards_late": row.late,
                    "rewards_duplicate": row.duplicate,
                    "rewards_orphan": row.orphan,
                    "decisions_lost": row.decisions_lost,
                    "dead_letters": row.dead_letters,
                }
                for row in self.rows
            ],
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of what.  questions: that people ask the bot; asking_rate: a second."""

    interactions: int
    rate: float
    questions: int
    asking_rate: float
    seed: int
    workers: int
    kill: bool


@dataclass(frozen=True, slots=True)
class Watched:
    """What is left running."""

    result: DemoResult
    running: Deployment
    discord: "Demonstration | None"


#: Is told everything before it ends, and may keep it running.
Watch = Callable[[Watched], Awaitable[None]]


async def run_demo(
    domains: Path, plan: Plan, *, say: Say, progress: Progress, watch: Watch | None = None
) -> DemoResult:
    """Everything, in a directory that is gone afterwards."""
    begun = time.monotonic()
    specs = read_domains(domains)
    recordings = recordings_for(specs)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="croupier-demo-")))
        broker = stack.enter_context(local_broker(home, say))
        prefix = f"demo-{os.getpid()}-" if broker.how == "environment" else ""
        options = ("--early-ms", str(EARLY_MS), "--session-timeout", str(SESSION_SECONDS))
        async with (
            deployment(broker, home, say, prefix=prefix, workers=plan.workers, worker_options=options) as running,
            AsyncExitStack() as more,
        ):
            await apply_specs(broker.bootstrap_servers, prefix, specs)
            await running.serving()
            say(f"{plan.workers} workers and analytics serve; playing {plan.interactions} recorded interactions")
            report = await _play(running, recordings, plan, say=say, progress=progress)
            shown, on_stage = None, None
            if plan.questions:
                from infra.rehearsal.demonstration import demonstration  # needs discord.py

                on_stage = await more.enter_async_context(demonstration(running, recordings, plan.seed, say))
                shown = await on_stage.play(plan.questions, plan.asking_rate, say)
            say("waiting for the last feedback and horizons")
            await running.settled()
            say("reading the topics back with an independent reader")
            verdict = await verify(
                broker.bootstrap_servers, prefix=prefix, early_ms=EARLY_MS, settled=True, wait_s=SETTLING_SECONDS
            )
            rows = [_row(spec, recording, report, verdict) for spec, recording in _pairs(specs, recordings)]
            restarts, seconds = running.supervisor.restarts, time.monotonic() - begun
            result = DemoResult(rows, shown, verdict, plan.kill, restarts, seconds)
            if watch is not None:
                await watch(Watched(result, running, on_stage))
    return result


async def _play(
    running: Deployment,
    recordings: Sequence[Recording],
    plan: Plan,
    *,
    say: Say,
    progress: Progress,
) -> PlayReport:
    due = plan.kill

    def watch(report: PlayReport) -> None:
        nonlocal due
        progress(report)
        if due and report.contexts >= _KILL_AT * plan.interactions:
            due = False
            pid = running.supervisor.pid("worker-1")
            if pid is not None:
                say(f"SIGKILL to worker-1 (process {pid}) after {report.contexts} contexts")
                os.kill(pid, signal.SIGKILL)

    return await play(
        running.broker.bootstrap_servers, running.prefix, recordings, interactions=plan.interactions, rate=plan.rate,
        seed=plan.seed, plan=FeedbackPlan(), progress=watch, patience_s=90.0,
    )  # fmt: skip


def _pairs(specs: Sequence[DomainSpec], recordings: Sequence[Recording]) -> list[tuple[DomainSpec, Recording]]:
    by_name = {(spec.tenant, spec.domain): spec for spec in specs}
    return [(by_name[recording.tenant, recording.domain], recording) for recording in recordings]


def _row(spec: DomainSpec, recording: Recording, report: PlayReport, verdict: Verdict) -> Row:
    found = next(each for each in verdict.tenants if (each.tenant, each.domain) == (spec.tenant, spec.domain))
    return Row(
        tenant=spec.tenant,
        domain=spec.domain,
        stand_in=recording.stand_in,
        interactions=found.interactions,
        reward=found.reward_observed_mean or 0.0,
        hindsight=hindsight(spec, recording, report.tenants[spec.tenant].rows),
        cost=found.cost_mean,
        latency_ms_p50=found.latency_ms_p50 or 0.0,
        latency_ms_p99=found.latency_ms_p99 or 0.0,
        joined=found.rewards["joined"],
        late=found.rewards["late"],
        duplicate=found.rewards["duplicate"],
        orphan=verdict.orphans.get(spec.tenant, 0),
        decisions_lost=found.decisions_lost,
        dead_letters=verdict.dead_letters_of.get(spec.tenant, 0),
    )
