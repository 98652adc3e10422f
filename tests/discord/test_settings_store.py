"""Settings and spending are on disk when it is said so, and what a call cost is counted once, in its month."""

import pytest

from producers.discord.ports import GuildSettings
from producers.discord.settings import LocalSettings

from .housed import Enrolled

HERE = "guild-41771983423143937"
END_OF_JANUARY = 1_801_439_999.0  # 2027-01-31 23:59:59 UTC


@pytest.fixture
def clock():
    return [END_OF_JANUARY]


@pytest.fixture
def enrolled():
    return Enrolled()


@pytest.fixture
def opened(tmp_path, enrolled, clock):
    """Opens the file again, as a bot does that was started again."""
    stores = []

    def again(**options):
        if stores:
            stores.pop().close()
        stores.append(LocalSettings(tmp_path / "settings.sqlite3", enrolled, now=lambda: clock[0], **options))
        return stores[0]

    yield again
    stores.pop().close()


async def test_a_change_is_in_force_on_disk_and_enrolled(opened, enrolled):
    store = opened()
    chosen = GuildSettings(
        language="de", models=("small",), monthly_budget_usd=5.0, analysis_channels=frozenset({1, 2}), engagement=False
    )
    assert store.of(HERE) == GuildSettings()
    assert await store.change(HERE, chosen)
    assert store.of(HERE) == opened().of(HERE) == chosen
    assert enrolled.asked == [(HERE, chosen)]


async def test_a_change_holds_here_although_kafka_is_away(opened, enrolled):
    enrolled.there = False
    store = opened()
    assert not await store.change(HERE, GuildSettings(routing=False))
    assert not opened().of(HERE).routing


async def test_a_guild_that_the_bot_comes_to_is_spoken_to_in_its_language(opened, enrolled):
    store = opened(default=GuildSettings(engagement_per_day=1))
    await store.joined(HERE, "de")
    await store.joined("guild-2", "en-US")
    await store.joined("guild-3", "pt-BR")
    await store.joined("direct")
    languages = [store.of(tenant).language for tenant in (HERE, "guild-2", "guild-3", "direct")]
    assert languages == ["de", "en", "en", "en"]
    assert [tenant for tenant, _ in enrolled.asked] == [HERE, "guild-2", "guild-3", "direct"]
    assert store.of(HERE).engagement_per_day == 1
    await store.change(HERE, GuildSettings(language="en"))
    await store.joined(HERE, "de")
    assert store.of(HERE).language == "en"  # what was chosen stays


async def test_spending_is_summed_by_month_and_call(opened, clock):
    store = opened()
    await store.spend(HERE, 0.5, "r-1-0:0")
    await store.spend(HERE, 0.5, "r-1-0:0")
    await store.spend(HERE, 0.25)
    await store.spend("direct", 1.0, "r-1-0:0")
    assert (store.spent_this_month(HERE), store.spent_this_month("direct")) == (0.75, 1.0)
    store = opened()
    await store.spend(HERE, 0.5, "r-1-0:0")  # a bot that was started again does not know that it was counted
    assert store.spent_this_month(HERE) == 0.75
    clock[0] += 1.0
    assert store.spent_this_month(HERE) == 0.0
    await store.spend(HERE, 0.125)
    await store.sweep()
    assert store.spent_this_month(HERE) == opened().spent_this_month(HERE) == 0.125


@pytest.mark.parametrize("usd", [-0.01, float("nan"), float("inf")])
async def test_what_is_no_amount_of_money_is_refused(opened, usd):
    store = opened()
    with pytest.raises(ValueError, match="expected a number of at least 0"):
        await store.spend(HERE, usd)
    assert store.spent_this_month(HERE) == 0.0


async def test_settings_of_another_version_are_read_as_far_as_they_are_known(opened):
    store = opened()
    await store.change(HERE, GuildSettings(language="de"))
    store._rows.write("""UPDATE settings SET settings = '{"language": "de", "of_tomorrow": 1}'""")
    assert opened().of(HERE) == GuildSettings(language="de")
    store = opened()
    store._rows.write("""UPDATE settings SET settings = '{"language": 5}'""")
    assert opened().of(HERE) == GuildSettings()  # one guild's must not keep the bot from starting
