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
    routing: bool = True  # False: nothing is asked of a policy, the first model that is allowed answers
    models: tuple[str, ...] | None = None  # allowed arms of model_routing; None: all
    monthly_budget_usd: float | None = None
    analysis: bool = True
    analysis_channels: frozenset[int] = frozenset()  # where content_analysis is on, if it is
    engagement: bool = True
    engagement_per_day: int = 3  # follow-ups that one user is offered in 24 hours at most
    content_features: bool = False  # the guild allows hashed text features; each user opts in as well

    def on(self, domain: str) -> bool:
        """Whether this kind of decision is made here."""
        return {MODEL_ROUTING: self.routing, CONTENT_ANALYSIS: self.analysis, USER_ENGAGEMENT: self.engagement}[domain]


class SettingsStore(Protocol):
    """Settings of all guilds; on disk."""

    def of(self, tenant: str) -> GuildSettings:
        """From memory."""
        ...

    async def change(self, tenant: str, settings: GuildSettings) -> bool:
        """On disk, and in force here, when it returns.

        False: the specifications could not be published yet (Kafka is away); they will be, without being asked.
        """
        ...

    async def joined(self, tenant: str, locale: str | None = None) -> None:
        """The bot is there: see to it that the tenant's domains are in force, now or as soon as Kafka is back.

        locale: preferred one of a guild that has no settings yet.
        """
        ...

    def least_budget(self, settings: GuildSettings) -> float:
        """USD a month below which no question could be decided, with the models that are allowed."""
        ...

    def usual_prices(self) -> Mapping[str, float]:
        """USD that a question of the usual size is expected to cost, by model."""
        ...

    def spent_this_month(self, tenant: str) -> float:
        """USD of model calls in this calendar month (UTC)."""
        ...

    async def spend(self, tenant: str, usd: float, call: str | None = None) -> None:
        """Count what a call cost.  call: its id (of the decision and attempt); the same again counts nothing."""
        ...

    async def sweep(self) -> None:
        """Delete what is not needed any more."""
        ...


class Enrolling(Protocol):
    """Brings a tenant's domain specifications into force."""

    async def enrol(self, tenant: str, settings: GuildSettings, within: float = 3.0) -> bool:
        """Publish them; whether that was done within so many seconds.  If not, it goes on in the background."""
        ...

    def wants(self, tenant: str, settings: GuildSettings) -> None:
        """The same without waiting."""
        ...

    def least_budget(self, settings: GuildSettings) -> float:
        """USD a month below which no question could be decided, with the models that are allowed."""
        ...

    def usual_prices(self) -> Mapping[str, float]:
        """USD that a question of the usual size is expected to cost, by model."""
        ...


class Past(Struct, frozen=True):
    """What is kept of a user beside the consent; under the pseudonym, and on the bot's disk only."""

    questions: int = 0
    since_last_s: float | None = None  # since the last question; None: there was none
    ratings: int = 0
    satisfaction: float | None = None  # mean of the ratings, 0 to 1, older ones counting less; None: there are none


class Keeping(Protocol):
    """A part of the bot that keeps something of people for a while, under their pseudonym."""

    async def forget(self, tenant: str, unit: str) -> int:
        """Delete it; how many rows."""
        ...

    async def export(self, tenant: str, unit: str) -> dict[str, Any]:
        """What it is, as plain data."""
        ...

    def moved(self, tenant: str, before: str, after: str) -> None:
        """A person has a new pseudonym."""
        ...

    async def forget_tenant(self, tenant: str) -> None:
        """Delete what is kept of anybody there."""
        ...

    async def sweep(self) -> None:
        """Delete what has been kept long enough."""
        ...


class People(Protocol):
    """Pseudonyms, consent, and what is remembered of a user for the features.  Raw user ids never leave the bot."""

    def keeps(self, part: Keeping) -> None:
        """What this part keeps of people is exported and deleted with the rest."""
        ...

    def unit(self, tenant: str, user: int) -> str:
        """HMAC of a user under the tenant's key."""
        ...

    def consents(self, tenant: str, user: int) -> bool:
        """Has opted in to content features."""
        ...

    async def opt_in(self, tenant: str, user: int, consent: bool) -> None:
        """Change that."""
        ...

    def past(self, tenant: str, user: int) -> Past:
        """What is remembered; before this question is counted by `asked`."""
        ...

    async def asked(self, tenant: str, user: int) -> None:
        """The user has asked something."""
        ...

    async def rated(self, tenant: str, user: int, value: float) -> None:
        """The user has rated an answer.  value: 0 (bad) to 1 (good)."""
        ...

    def offers(self, tenant: str, user: int) -> int:
        """Follow-ups that the user was offered in the last 24 hours."""
        ...

    async def offered(self, tenant: str, user: int) -> None:
        """The user is offered a follow-up."""
        ...

    async def sweep(self) -> int:
        """Delete what has been kept long enough; how many people."""
        ...

    async def known(self, user: int) -> Sequence[str]:
        """The tenants in which something is remembered of a user."""
        ...

    async def forget_tenant(self, tenant: str) -> int:
        """Delete the tenant's key and all its people (the bot has left the guild); how many people."""
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


class Conversation(Struct, frozen=True):
    """Summary statistics of the turns before a question; nothing of what they say."""

    turns: int = 0  # messages of both sides
    characters: int = 0
    code_turns: int = 0  # with a block of code in them
    since_last_s: float | None = None  # since the last turn


class Answered(Struct, frozen=True):
    """The answer that a follow-up would come after."""

    characters: int
    seconds: float  # from question to end of the answer
    code: bool  # has a block of code
    fell_back: bool  # another model than the one decided for answered


class Figures(Protocol):
    """What is known outside the bot, for /why and /stats (infra/bot reads the topics)."""

    async def explanation(self, tenant: str, decision: str) -> Mapping[str, Any] | None:
        """As `croupier explain --json` has it; None: not known."""
        ...

    async def guild(self, tenant: str, domains: Sequence[str]) -> Mapping[str, Any]:
        """Counts, values with intervals, arms' shares and costs by domain, as `croupier status --json` has them."""
        ...
