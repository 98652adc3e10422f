"""What came of decisions, brought to where it can not be lost; before anybody is told that it is noted."""

from collections.abc import Callable, Mapping

import structlog

from producers.deciding import Deciding, SpoolFullError

from .journal import Journal
from .metrics import BotMetrics

#: What to observe when a component of a decision has a value.
Meaning = Callable[[str, str, float], Mapping[str, float]]

_log = structlog.stdlib.get_logger(__name__)


class Recording:
    """Records."""

    def __init__(self, journal: Journal, deciding: Deciding, metrics: BotMetrics, meaning: Meaning) -> None:
        """meaning: of a decision, a component and its value (`Aftermath.meaning`)."""
        self._meaning = meaning
        self._journal = journal
        self._deciding = deciding
        self._metrics = metrics

    async def observe(self, tenant: str, decision: str, observations: Mapping[str, float], what: str) -> bool:
        """Safe when it returns, each `what` of a decision once.  False: it is not, the spool is full."""
        try:
            await self._deciding.observe(tenant, decision, observations, id=f"{decision}:{what}")
        except SpoolFullError:
            self._metrics.unrecorded.inc()
            _log.error("feedback can not be recorded: Kafka has been away for too long, the spool is full")
            return False
        return True

    async def hear(self, tenant: str, decision: str, component: str, value: float, who: str = "") -> bool | None:
        """One piece of feedback.  True: it counts; False: there was some of this kind before; None: not recorded.

        who: a pseudonym, where several people can say the same.
        """
        said = self._meaning(decision, component, value)
        if not await self.observe(tenant, decision, said, f"{component}:{who}" if who else component):
            return None
        self._metrics.feedback.labels(component).inc()
        return self._journal.hear(decision, component)

    async def answer(self, number: int) -> None:
        """What came of an answer that can be seen; then its question is done.  Else the sweep tries again."""
        question = self._journal.question(number)
        if question is None:
            return
        acted = question.acted
        recorded = acted is None or not acted.recorded or not question.rewards
        if acted is not None and question.rewards and not recorded:
            recorded = await self.observe(question.tenant, acted.decision, question.rewards, "answer")
        if recorded:
            self._journal.done(number)
