"""What the parts of the bot need from one another and from outside; who composes it (infra/bot) provides it."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

MODEL_ROUTING = "model_routing"
CONTENT_ANALYSIS = "content_analysis"
USER_ENGAGEMENT = "user_engagement"


class GuildSettings(Struct, frozen=True):
    """What an admin of a guild has chosen (`/settings`).  Of direct messages: what the owner of the bot has chosen."""

    language: str = "en"
    models: tuple[str, ...] | None = None  # allowed arms of model_routing; None: all
    monthly_budget_usd: float | None = None
    analysis_channels: frozenset[int] = frozenset()  # where content_analysis is on
    engagement: bool = True
    engagement_per_day: int = 3  # follow-ups that one user is offered in 24 hours at most
    content_features: bool = False  # the guild allows hashed text features; each user opts in as well


class SettingsStore(Protocol):
    """Settings of all guilds; on disk."""

    def of(self, tenant: str) -> GuildSettings:
        """From memory."""
        ...

    async def change(self, tenant: str, settings: GuildSettings) -> None:
        """On disk, and in force (specifications included), when it returns."""
        ...

    def spent_this_month(self, tenant: str) -> float:
        """USD of model calls in this calendar month (UTC)."""
        ...

    async def spend(self, tenant: str, usd: float) -> None:
        """Count what a call cost."""
        ...


class People(Protocol):
    """Pseudonyms and consent.  Raw user ids never leave the bot."""

    def unit(self, tenant: str, user: int) -> str:
        """HMAC of a user under the tenant's key."""
        ...

    def consents(self, tenant: str, user: int) -> bool:
        """Has opted in to content features."""
        ...

    async def opt_in(self, tenant: str, user: int, consent: bool) -> None:
        """Change that."""
        ...

    async def forget(self, tenant: str, user: int) -> int:
        """Make the user's history unlinkable; how many local rows were deleted."""
        ...

    async def export(self, tenant: str, user: int) -> dict[str, Any]:
        """All that is kept of a user, as plain data."""
        ...


class Seen(Struct, frozen=True):
    """What the bot may know of a message for its features, and nothing else goes into them."""

    tenant: str
    user: int
    text: str
    channel: int
    channel_kind: str  # "text", "thread", "direct", "voice"
    hour_utc: float
    attachments: int
    images: int
    depth: int  # of the reply chain or thread
    language: str | None  # of the user's client, if known


class Figures(Protocol):
    """What is known outside the bot, for /why and /stats (infra/bot reads the topics)."""

    async def explanation(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        """As `croupier explain --json` has it; None: not known."""
        ...

    async def guild(self, tenant: str, domains: Sequence[str]) -> Mapping[str, Any]:
        """Counts, values with intervals, arms' shares and costs by domain, as `croupier status --json` has them."""
        ...
