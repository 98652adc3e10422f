"""/stats shows a guild its own figures, in words, and as a picture that can be read by all."""

import io
import re
from contextlib import asynccontextmanager

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from infra.bot.summing import summed
from producers.discord.stats.cog import setup
from producers.discord.stats.picture import BLUE, GREEN, GROUND, ORANGE, TEXT, picture
from producers.discord.stats.told import alternative, headline, labels, lines
from producers.discord.tenants import tenant_of
from producers.discord.words import languages, say
from tests.bot.outcomes import outcomes, spec
from tests.discord.answering_bot import Chosen, answering, served, with_settings
from tests.discord.known_figures import KnownFigures

LOG = list(outcomes(1, 400))


@asynccontextmanager
async def counting(local, tmp_path):
    """Two guilds, of which the first has figures."""
    guilds = local.guild("Home $1", "general"), local.guild("Away", "general")
    figures = KnownFigures(Chosen())
    figures.outcomes[tenant_of(guilds[0].id)] = {"model_routing": (LOG, spec())}
    async with served() as models, answering(local, tmp_path, models, figures=figures, setups=(setup,)) as bot:
        yield guilds, bot, figures


async def test_a_guild_is_shown_its_own_figures_and_no_other_sees_them(local, tmp_path):
    async with counting(local, tmp_path) as ((home, away), bot, figures):
        ada = local.person("Ada", home, away)
        await with_settings(bot, tenant_of(home.id), monthly_budget_usd=20.0)
        await bot.parts.settings.spend(tenant_of(home.id), 1.25)
        shown = await ada.use(home.find("general"), "stats").answered()
        assert shown.ephemeral
        assert "**400 questions in the last 30 days.**" in shown.content
        assert re.search(r"That is \*\*\d\d%\*\* less than always asking strong would have cost", shown.content)
        assert "This month so far: $1.25 of $20.00." in shown.content
        (file,) = shown.attachments
        drawn = Image.open(io.BytesIO(file.data))
        assert drawn.format == "PNG"
        assert drawn.size == (1000, 560)
        assert file.description.startswith("400 questions in the last 30 days.")
        assert "Who answered: small" in file.description
        other = await ada.use(away.find("general"), "stats", everybody=True).answered()
        assert not other.ephemeral
        assert other.content.startswith(say("en", "stats.nothing_yet"))
        assert "$1.25" not in other.content
        figures.there = False
        again = local.person("Bea", home)
        told = await again.use(home.find("general"), "stats").answered()
        assert told.content.startswith(say("en", "stats.unavailable"))


async def test_there_is_nothing_to_show_in_direct_messages(local, tmp_path):
    async with counting(local, tmp_path) as ((home, _), _, _):
        ada = local.person("Ada", home)
        with pytest.raises(LookupError):
            ada.use(ada.direct(), "stats")


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_picture_can_be_read_on_its_ground():
    """Text has the contrast that WCAG 2.2 asks for (AA: 4.5), bars that of graphics (3); bars differ in lightness."""
    assert contrast(TEXT, GROUND) >= 4.5
    for colour in (ORANGE, BLUE, GREEN):
        assert contrast(colour, GROUND) >= 3.0
    assert contrast(ORANGE, GREEN) >= 1.4, "told apart without colours"


@pytest.mark.parametrize("n", [1, 9, 400])
def test_a_picture_is_drawn_of_whatever_there_is(n):
    figures = msgspec.to_builtins(summed("model_routing", LOG[:n], spec()))
    drawn = picture(figures, labels("$x$ <b> \u00e4\u00f6\u00fc", "de"))
    assert drawn == picture(figures, labels("$x$ <b> \u00e4\u00f6\u00fc", "de")), (
        "the same figures have the same picture"
    )
    assert Image.open(io.BytesIO(drawn)).getpixel((2, 2))[:3] == tuple(int(GROUND[k : k + 2], 16) for k in (1, 3, 5))


@pytest.mark.parametrize("language", languages())
@settings(max_examples=15)
@given(n=st.integers(1, 60), whole=st.booleans(), negative=st.booleans())
def test_whatever_the_figures_are_they_can_be_told(language, n, whole, negative):
    domain = msgspec.to_builtins(summed("model_routing", LOG[: n * 5], spec()))
    if negative and domain["cost_cut"]:
        domain["cost_cut"] = {"estimate": -0.1, "lower": -0.3, "upper": 0.1}
    found = {"whole": whole, "days": 30}
    told = "\n".join([headline(found, domain, language), *lines(domain, language)])
    assert len(told) < 1800
    assert 0 < len(alternative(found, domain, language)) <= 1024
    if negative and domain["cost_cut"]:
        assert say(language, "stats.not_sure") in told
        assert "**10%**" in told
        assert "-10%" in told
        assert "30%" in told
