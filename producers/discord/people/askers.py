"""Who asked what, in the journal: `ports.Keeping`."""

from typing import Any

from producers.discord.journal import Journal


class Askers:
    """The people of a journal.  Its questions stay when they go, and belong to nobody."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def forget(self, tenant: str, unit: str) -> int:
        """Whose questions these are is not known any more; what is being answered is answered."""
        count = self._journal.ask_as(tenant, unit, "")
        await self._journal.settle()
        return count

    async def export(self, tenant: str, unit: str) -> dict[str, Any]:
        """The questions of the last days; the text of commands, as long as it is kept."""
        return {
            "questions_in_the_journal": [
                {
                    "message": str(question.id),
                    "asked_at": question.begun,
                    "answered": question.state == "done",
                    "text": None if question.given is None else question.given.text,
                }
                for question in self._journal.asked_by(tenant, unit)
            ]
        }

    def moved(self, tenant: str, before: str, after: str) -> None:
        """A person has a new pseudonym."""
        self._journal.ask_as(tenant, before, after)

    async def forget_tenant(self, tenant: str) -> None:
        """Nobody there is known any more."""
        self._journal.ask_as(tenant, None, "")
        await self._journal.settle()

    async def sweep(self) -> None:
        """The journal sees to that itself."""
