"""Snowflakes are Discord's: discord.py reads their time, they only grow, and guilds spread over shards."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import discord

from infra.standins.discord.snowflakes import Snowflakes, timestamp


def test_they_hold_their_time_and_grow() -> None:
    """Ten thousand ids within a moment: all different, in order, and made now."""
    snowflakes = Snowflakes()
    ids = [snowflakes.next() for _ in range(10_000)]
    assert ids == sorted(set(ids))
    assert abs(discord.utils.snowflake_time(ids[0]) - datetime.now(UTC)) < timedelta(seconds=5)
    shown = datetime.fromisoformat(timestamp(ids[0]))
    assert abs(discord.utils.snowflake_time(ids[0]) - shown) < timedelta(milliseconds=1)


def test_guilds_spread_over_shards() -> None:
    """Guilds made in one go belong to all shards in about equal parts."""
    snowflakes = Snowflakes()
    shards = Counter((snowflakes.backdated() >> 22) % 16 for _ in range(1600))
    assert set(shards.values()) == {100}
