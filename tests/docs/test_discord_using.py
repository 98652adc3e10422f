"""docs/discord-using.md names every command there is, and the limits and worths that the code has."""

import re

import pytest

from benchmarks import discord_stats
from infra.bot.figures import FiguresLimits
from infra.bot.summing import FEWEST
from producers.discord.analysis import fetching, material
from producers.discord.pace import Pace
from producers.discord.ports import GuildSettings
from producers.discord.setups import SETUPS
from producers.discord.wanted import WORTH
from tests.discord.answering_bot import answering, served
from tests.standins.clients import local

from .pages import ROOT, rows

__all__ = ["local"]

PAGE = ROOT / "docs" / "discord-using.md"
FLAT = " ".join(PAGE.read_text(encoding="utf-8").split())


async def test_every_command_is_on_the_page_and_every_one_there_exists(local, tmp_path):
    guild = local.guild("Home", "general")
    admin = local.person("Ada", guild, permissions=8)
    async with served() as models, answering(local, tmp_path, models, setups=SETUPS):
        slash = {f"/{path}" for path in admin.commands(guild.find("general")) if path[0].islower()}
        menus = {each["name"] for each in local.world.commands[None].values() if each["type"] == 3}
    table = "\n".join(row[0] for row in rows(PAGE.read_text(encoding="utf-8"), "command", "who", "what"))
    assert set(re.findall(r"`(/[a-z -]+)`", table)) == slash
    assert set(re.findall(r"\*([^*]+)\*, in the menu", table)) == menus


def test_limits_are_those_of_the_code():
    limits = fetching.Limits()
    for told in (
        f"posts of {material.LONG_POST} characters and more",
        f"files of text ({material.MOST_FILE_BYTES // 1024} KiB at most, three of a post)",
        f"Reading stops at {material.MOST_CHARACTERS:,} characters",
        f"A page costs {limits.bytes // 2**20} MiB and {limits.seconds:.0f} seconds at most",
        f"from what happens within {Pace().unasked / 60:.0f} minutes",
        f"the last {FiguresLimits().days} days of a server, {FiguresLimits().most_outcomes:,} decisions at most",
        "Before the model has answered ten times",
        "(three times, unless they say otherwise)",
        "redirects (four at most)",
    ):
        assert told in FLAT, told
    assert (material.MOST_FILES, limits.redirects, FEWEST, GuildSettings().engagement_per_day) == (3, 4, 10, 3)


@pytest.mark.parametrize("arms", WORTH.values(), ids=WORTH)
def test_what_is_told_of_worth_is_what_is_sent(arms):
    told = {value for _, value in rows(PAGE.read_text(encoding="utf-8"), "what happens", "wanted")}
    numbers = {float(each) for value in told for each in re.findall(r"[0-9.]*[0-9]", value)}
    assert {worth for signals in arms.values() for worth in signals.values() if worth >= 0.0} <= numbers


def test_the_figures_are_those_that_the_command_prints(tmp_path, capsys):
    """And the picture is the one it draws."""
    discord_stats.main(tmp_path / "stats.png")
    printed = capsys.readouterr().out.split("\n\n")[0].splitlines()
    page = PAGE.read_text(encoding="utf-8")
    assert "\n".join(printed[:5]) in page
    assert (tmp_path / "stats.png").stat().st_size > 10_000
