"""Who runs the bot answers requests that come by other ways, while the bot runs."""

import json

import pytest
from typer.testing import CliRunner

from infra.bot.stores import open_people
from infra.cli import app

ADA, BEN = 80351110224678912, 80351110224678913
HERE, THERE = "guild-41771983423143937", "guild-41771983423143938"


@pytest.fixture
def running(tmp_path):
    """The bot has its files open."""
    with open_people(tmp_path) as (people, _):
        yield people


def _run(directory, *words):
    result = CliRunner().invoke(app, ["privacy", *map(str, words), "--state", str(directory)])
    return result.exit_code, result.stdout


async def _use(people):
    units = {(tenant, user): people.unit(tenant, user) for tenant in (HERE, THERE) for user in (ADA, BEN)}
    await people.opt_in(HERE, ADA, True)
    return units


async def test_a_person_is_exported_and_deleted_everywhere(running, tmp_path):
    units = await _use(running)
    code, text = await _in_thread(_run, tmp_path, "export", ADA, "--no-log")
    assert code == 0
    assert {each["pseudonym"] for each in json.loads(text)} == {units[HERE, ADA], units[THERE, ADA]}
    code, text = await _in_thread(_run, tmp_path, "delete", ADA, "--json")
    assert (code, json.loads(text)) == (0, {"rows": 2, "tenants": 2})
    assert running.unit(HERE, ADA) != units[HERE, ADA]
    assert running.unit(HERE, BEN) == units[HERE, BEN]


async def test_a_tenant_is_shown_given_a_new_key_and_forgotten(running, tmp_path):
    units = await _use(running)
    _, text = await _in_thread(_run, tmp_path, "status", "--json")
    here, there = json.loads(text)
    assert (here["tenant"], here["people"], here["opted_in"], here["old_keys"]) == (HERE, 2, 1, 0)
    assert (there["tenant"], there["opted_in"]) == (THERE, 0)
    assert (await _in_thread(_run, tmp_path, "rotate", HERE))[0] == 0
    new = running.unit(HERE, ADA)
    assert new != units[HERE, ADA]
    assert running.consents(HERE, ADA)
    assert (await _in_thread(_run, tmp_path, "forget", HERE, "--yes"))[0] == 0
    assert running.unit(HERE, ADA) != new
    assert running.unit(THERE, ADA) == units[THERE, ADA]
    code, text = await _in_thread(_run, tmp_path, "rotate", "guild-1", "--json")
    assert code == 1
    assert "nothing is kept of a tenant guild-1" in json.loads(text)["error"]


def test_a_directory_without_a_bot_is_not_made_one(tmp_path):
    code, text = _run(tmp_path, "status", "--json")
    assert code == 1
    assert "no bot has kept anything" in json.loads(text)["error"]
    assert list(tmp_path.iterdir()) == []


async def _in_thread(function, *arguments):
    """Commands run event loops of their own."""
    import asyncio

    return await asyncio.to_thread(function, *arguments)
