"""docs/discord.md says what the code says: permissions, metrics, log lines, observations, exit codes."""

import ast
import re

import discord
import pytest
from prometheus_client import CollectorRegistry

from infra.commands.bot import EXIT_FAILED
from producers.discord.metrics import BotMetrics
from producers.discord.pace import Pace
from producers.discord.permissions import NEEDED, REASONS, SCOPES
from schemas import observations

from .pages import ROOT

PAGE = (ROOT / "docs" / "discord.md").read_text(encoding="utf-8")
FLAT = " ".join(PAGE.split())
SOURCES = [*(ROOT / "producers" / "discord").rglob("*.py"), *(ROOT / "infra" / "bot").rglob("*.py")]


def logged():
    """What is logged as a warning or worse: (file, text)."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("warning", "error", "exception")
                and getattr(node.func.value, "id", "") == "_log"
            ):
                yield path.name, node.args[0].value.split(":")[0]


def placed():
    """Where failures are said to be: the constants that `failed` is called with."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "failed" and node.args
            if called and isinstance(node.args[0], ast.Constant):
                yield node.args[0].value


def test_the_link_asks_for_what_is_needed():
    link = discord.utils.oauth_url("YOUR_APPLICATION_ID", permissions=NEEDED, scopes=SCOPES)
    assert link in PAGE
    table = re.findall(r"^\| ([A-Z][A-Za-z ]+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [why for _, why in table] == list(REASONS.values())
    assert len(NEEDED.value.to_bytes(8, "big")) == 8 and len(table) == NEEDED.value.bit_count()


def test_every_metric_of_the_bot_is_explained_and_there():
    registry = CollectorRegistry()
    BotMetrics(registry).watch(lambda: 1.0, lambda: 0.0)
    ours = {
        each.name + ("_total" if each.type == "counter" else "")
        for each in registry.collect()
        if each.name.startswith("croupier_bot")
    }
    explained = set(re.findall(r"`(croupier_bot_[a-z_]+)`", PAGE))
    elsewhere = {name for path in SOURCES for name in re.findall(r'"(croupier_bot_[a-z_]+)"', path.read_text("utf-8"))}
    assert ours <= explained
    assert explained <= ours | elsewhere | {f"{name}_total" for name in elsewhere}
    assert all(name in explained or f"{name}_total" in explained for name in elsewhere)


def test_every_log_line_has_its_place():
    lines = sorted(logged())
    assert len(lines) > 5
    for file, text in lines:
        assert text == "failed" or text in FLAT, f"{file}: {text}"


def test_every_place_of_a_failure_is_named():
    for place in [*placed(), *(each.name for each in discord.InteractionType if each.value in (2, 3, 5))]:
        assert f"`{place}`" in FLAT, place


def test_observations_and_times_are_those_of_the_code():
    named = re.findall(r"`([a-z_]+)`", PAGE[PAGE.index("| observation |") : PAGE.index("Silence (the zeros")])
    assert set(named) <= set(observations.MEANINGS) and len(named) == 13
    pace = Pace()
    assert f"{pace.settle:.0f} seconds after the question" in FLAT
    assert (pace.replied, pace.too_late, pace.stop) == (120.0, 900.0, 20.0)


def test_exit_codes_are_those_of_the_command():
    codes = [int(each) for each in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)]
    assert codes == [0, 1, 2, EXIT_FAILED]


@pytest.mark.parametrize("option", ["--token-file", "--no-message-content", "--http-port", "--state"])
def test_options_are_there(option):
    assert option in PAGE
