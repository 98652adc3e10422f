"""A guild and its tenant are one; direct messages have their own."""

import pytest

from producers.discord.tenants import DIRECT, guild_of, tenant_of


@pytest.mark.parametrize("guild", [1, 2**63 - 1])
def test_a_guild_is_known_by_its_tenant(guild: int) -> None:
    assert guild_of(tenant_of(guild)) == guild


def test_direct_messages_are_no_guild() -> None:
    assert tenant_of(None) == DIRECT
    assert guild_of(DIRECT) is None
