"""Interactions are made and responded to (Discord docs, "Receiving and Responding")."""

import time

from ..errors import ApiError
from .accounts import Json, User
from .interactions import Answered, Asked, Interaction
from .messages import Message
from .places import Channel
from .world import World, encode, new_token


def ask(
    world: World,
    kind: Asked,
    data: Json,
    person: User,
    channel: Channel,
    *,
    message: Message | None = None,
    origin: Interaction | None = None,
) -> Interaction:
    """A person uses a command, a component or a modal; the bot is told.

    message: that of the component.  origin: the interaction that opened the modal.
    """
    now = time.monotonic()
    _forget(world, now)
    interaction = Interaction(
        world.ids.next(), new_token(), kind, data, person, channel, world.bot.id, now, message=message, origin=origin
    )
    world.interactions[interaction.id] = interaction
    world.tokens[interaction.token] = interaction
    world.emit("INTERACTION_CREATE", channel.guild, encode(interaction.wire()))
    return interaction


def _forget(world: World, now: float) -> None:
    """Interactions whose token has expired are forgotten; they are in order of time."""
    oldest = now - world.rules.answer_within - world.rules.token_life
    while world.interactions:
        interaction = next(iter(world.interactions.values()))
        if interaction.created > oldest:
            return
        del world.interactions[interaction.id], world.tokens[interaction.token]


def acknowledge(world: World, interaction_id: int, token: str, callback: Answered) -> Interaction:
    """Take the first response to an interaction.

    10062 when there is no such interaction or its time is over, 40060 when it has been responded to.
    """
    interaction = world.interactions.get(interaction_id)
    now = time.monotonic()
    if interaction is None or interaction.token != token:
        raise ApiError(10062)
    if interaction.acknowledged is not None:
        interaction.refused += 1
        raise ApiError(40060)
    if now - interaction.created > world.rules.answer_within:
        interaction.refused += 1
        interaction.changes.tell()
        raise ApiError(10062)
    interaction.acknowledged, interaction.callback = now, callback
    return interaction


def by_token(world: World, application_id: int, token: str) -> Interaction:
    """The interaction that a webhook token belongs to.

    10015 before the first response or for another application, 50027 after 15 minutes or for an unknown token.
    """
    if application_id != world.bot.id:
        raise ApiError(10015)
    interaction = world.tokens.get(token)
    if interaction is None or time.monotonic() - interaction.created > world.rules.token_life:
        raise ApiError(50027)
    if interaction.acknowledged is None:
        interaction.refused += 1
        raise ApiError(10015)
    return interaction


def original(interaction: Interaction) -> Message:
    """The message `@original` stands for: the response's, or for a component the one it is on; or 10008."""
    found = interaction.response
    if found is None and interaction.callback in (Answered.UPDATE, Answered.DEFERRED_UPDATE):
        found = interaction.message
    if found is None or found.deleted:
        raise ApiError(10008)
    return found
