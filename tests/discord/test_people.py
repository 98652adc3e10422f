"""Pseudonyms belong to a tenant and a user; after a deletion nobody can link them, nor is it on the disk."""

import asyncio
import os
import stat
import time
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.discord.database import Database
from producers.discord.journal import Given, Journal, Question
from producers.discord.people import LocalPeople, pseudonyms
from producers.discord.people.askers import Askers
from producers.discord.people.local import DAY_S, IDLE_DAYS, RETIRED_DAYS
from producers.discord.people.names import KEPT_S, Names
from producers.discord.ports import Past
from schemas.errors import CroupierError

ADA, BEN = 80351110224678912, 80351110224678913
HERE, THERE = "guild-41771983423143937", "guild-41771983423143938"


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def people(tmp_path, clock):
    people = LocalPeople(tmp_path / "people.sqlite3", now=clock)
    yield people
    people.close()


snowflakes = st.integers(1, 2**63 - 1)


@given(snowflakes, snowflakes)
def test_units_are_alike_in_form_and_differ_between_users_salts_and_keys(user, other):
    """All have one length, so none begins another; whose it is, under which key and salt, decides every bit."""
    key, salt = pseudonyms.new_key(), pseudonyms.new_salt()
    mine = pseudonyms.unit(key, salt, user)
    assert len(mine) == 32
    assert set(mine) <= set("0123456789abcdef")
    assert mine == pseudonyms.unit(key, salt, user)
    assert mine != pseudonyms.unit(pseudonyms.new_key(), salt, user)
    assert mine != pseudonyms.unit(key, pseudonyms.new_salt(), user)
    assert (mine == pseudonyms.unit(key, salt, other)) == (user == other)
    assert pseudonyms.row(key, user).hex() != mine


def test_a_user_has_one_pseudonym_in_a_tenant_and_another_in_each_other(people, tmp_path, clock):
    units = {(tenant, user): people.unit(tenant, user) for tenant in (HERE, THERE, "direct") for user in (ADA, BEN)}
    assert len(set(units.values())) == 6
    assert all(people.unit(*key) == unit for key, unit in units.items())
    again = LocalPeople(tmp_path / "people.sqlite3", now=clock)  # another process, or this one started again
    assert all(again.unit(*key) == unit for key, unit in units.items())
    again.close()


async def test_what_is_remembered(people, clock):
    assert people.past(HERE, ADA) == Past()
    await people.asked(HERE, ADA)
    clock.now += 60.0
    for value in (1.0, 1.0, 0.0):
        await people.rated(HERE, ADA, value)
    past = people.past(HERE, ADA)
    assert (past.questions, past.since_last_s, past.ratings) == (1, 60.0, 3)
    assert past.satisfaction == pytest.approx(2 / 3)  # the mean, at first
    for _ in range(30):
        await people.rated(HERE, ADA, 0.0)
    assert people.past(HERE, ADA).satisfaction < 0.01  # later, the last ones
    assert people.past(HERE, BEN) == people.past(THERE, ADA) == Past()
    with pytest.raises(ValueError, match="expected a number from 0"):
        await people.rated(HERE, ADA, -1.0)


async def test_offers_of_a_day_are_counted(people, clock):
    for _ in range(3):
        await people.offered(HERE, ADA)
        clock.now += 3600.0
    assert (people.offers(HERE, ADA), people.offers(HERE, BEN), people.offers(THERE, ADA)) == (3, 0, 0)
    clock.now += DAY_S - 2.5 * 3600.0
    assert people.offers(HERE, ADA) == 2


async def test_consent_is_of_one_user_in_one_tenant_and_can_be_taken_back(people):
    assert not people.consents(HERE, ADA)
    await people.opt_in(HERE, ADA, True)
    assert people.consents(HERE, ADA)
    assert not people.consents(HERE, BEN)
    assert not people.consents(THERE, ADA)
    await people.opt_in(HERE, ADA, False)
    assert not people.consents(HERE, ADA)


async def _use(people, tenant, user):
    unit = people.unit(tenant, user)
    await people.asked(tenant, user)
    await people.rated(tenant, user, 1.0)
    await people.offered(tenant, user)
    await people.opt_in(tenant, user, True)
    return unit


async def test_after_a_deletion_nothing_on_the_disk_leads_to_the_old_pseudonym(people, tmp_path):
    """The salt is in no file any more, free pages and logs included; and without it the unit can't be made again."""
    old = await _use(people, HERE, ADA)
    ben = await _use(people, HERE, BEN)
    there = await _use(people, THERE, ADA)
    key = people._keys(HERE)[0]
    row = pseudonyms.row(key, ADA)
    (salt,) = people._rows.row("SELECT salt FROM people WHERE row = ?", row)
    assert pseudonyms.unit(key, salt, ADA) == old
    assert _on_disk(tmp_path, salt)

    assert await people.forget(HERE, ADA) == 2  # the person and the offer
    assert not _on_disk(tmp_path, salt)
    assert not _on_disk(tmp_path, row)
    assert people.past(HERE, ADA) == Past()
    assert not people.consents(HERE, ADA)
    assert people.offers(HERE, ADA) == 0
    assert people.unit(HERE, ADA) != old
    assert people.unit(HERE, BEN) == ben  # nobody else is touched
    assert people.unit(THERE, ADA) == there
    assert await people.forget(HERE, 5) == 0


async def test_deleting_a_tenant_unlinks_everybody_in_it(people, tmp_path):
    old = {user: await _use(people, HERE, user) for user in (ADA, BEN)}
    there = await _use(people, THERE, ADA)
    (key,) = people._keys(HERE)
    assert _on_disk(tmp_path, key)
    assert await people.forget_tenant(HERE) == 2
    assert not _on_disk(tmp_path, key)
    assert all(people.unit(HERE, user) != unit for user, unit in old.items())
    assert people.unit(THERE, ADA) == there


async def test_a_new_key_gives_new_pseudonyms_and_keeps_what_people_said(people, clock):
    old = {user: await _use(people, HERE, user) for user in (ADA, BEN)}
    await people.rotate(HERE)
    assert people.consents(HERE, ADA)
    assert people.offers(HERE, ADA) == 1
    assert people.past(HERE, ADA).questions == 1
    new = people.unit(HERE, ADA)
    assert new != old[ADA]
    clock.now += RETIRED_DAYS * DAY_S + 1
    await people.asked(HERE, ADA)
    assert await people.sweep() == 1  # the one who did not come back
    assert len(people._keys(HERE)) == 1
    assert people.unit(HERE, ADA) == new
    assert people.past(HERE, ADA).questions == 2
    assert people.past(HERE, BEN) == Past()
    assert people.unit(HERE, BEN) not in old.values()


async def test_a_deletion_reaches_what_is_still_under_an_old_key(people, tmp_path):
    await _use(people, HERE, ADA)
    (salt,) = people._rows.row("SELECT salt FROM people")
    await people.rotate(HERE)
    assert await people.forget(HERE, ADA) == 2
    assert not _on_disk(tmp_path, salt)
    assert people.past(HERE, ADA) == Past()


async def test_who_does_not_come_back_is_forgotten(people, clock):
    await _use(people, HERE, ADA)
    clock.now += (IDLE_DAYS - 1) * DAY_S
    await people.asked(HERE, BEN)
    assert await people.sweep() == 0
    clock.now += 2 * DAY_S
    assert await people.sweep() == 1
    assert people.past(HERE, ADA) == Past()
    assert people.past(HERE, BEN).questions == 1


async def test_an_export_has_all_that_is_kept(people):
    unit = await _use(people, HERE, ADA)
    kept = await people.export(HERE, ADA)
    tenant, _, _, *values = people._rows.rows("SELECT * FROM people")[0]
    assert kept["pseudonym"] == unit
    assert (kept["questions"], kept["ratings"], kept["satisfaction"]) == (1, 1, 1.0)
    assert len(kept["follow_ups_offered_at"]) == 1
    assert kept["opted_in_at"] is not None
    exported = [value for value in kept.values() if not isinstance(value, list)]
    assert all(value in exported for value in (tenant, *values))  # all but the row's own name and the salt
    assert (await people.export(HERE, BEN))["pseudonym"] is None
    assert list(await people.known(ADA)) == [HERE]
    assert list(await people.known(BEN)) == []


async def test_what_other_parts_keep_of_a_person_goes_with_it(people, clock, tmp_path):
    """And follows it to a new pseudonym."""
    names = Names(tmp_path / "names.sqlite3", clock)
    people.keeps(names)
    name = names.name(HERE, "r-1-0", await _use(people, HERE, ADA))
    names.name(HERE, "r-2-0", people.unit(HERE, BEN))
    assert (await people.export(HERE, ADA))["decisions_of_the_last_two_days"] == [name]
    await people.rotate(HERE)
    assert (await people.export(HERE, ADA))["decisions_of_the_last_two_days"] == [name]
    assert await people.forget(HERE, ADA) == 3
    assert names.known(HERE, "r-1-0") is None
    assert not _on_disk(tmp_path, name.encode())
    assert names.known(HERE, "r-2-0") is not None
    await people.forget_tenant(HERE)
    assert names.known(HERE, "r-2-0") is None
    names.name(THERE, "r-3-0", people.unit(THERE, ADA))
    clock.now += KEPT_S + 1
    await people.sweep()
    assert names.known(THERE, "r-3-0") is None
    names.close()


async def test_questions_of_the_journal_belong_to_nobody_afterwards(people, tmp_path):
    """They stay, or a bot that is started again would answer them once more; a command's text goes with its answer."""
    journal = Journal(tmp_path / "journal.sqlite")
    people.keeps(Askers(journal))
    unit, other = await _use(people, HERE, ADA), people.unit(HERE, BEN)
    command = Given(ADA, "Why do penguins waddle?", "token")
    for number, asker in ((1, unit), (2, unit), (3, other)):
        journal.begin(Question(number, "command", HERE, 7, number, asker, given=command))
    journal.done(1)
    exported = (await people.export(HERE, ADA))["questions_in_the_journal"]
    assert [(each["message"], each["text"]) for each in exported] == [("1", command.text), ("2", command.text)]
    await people.rotate(HERE)
    unit = people.unit(HERE, ADA)
    assert [each.id for each in journal.asked_by(HERE, unit)] == [1, 2]
    assert await people.forget(HERE, ADA) == 4  # the person, an offer, two questions
    assert journal.asked_by(HERE, unit) == []
    assert not _on_disk(tmp_path, unit.encode())
    assert [journal.question(number).given for number in (1, 2, 3)] == [None, command, command]
    assert not journal.begin(Question(1, "command", HERE, 7, 1))  # still known
    await people.forget_tenant(HERE)
    assert journal.question(3).asker == ""
    journal.close()


async def test_only_the_bots_own_user_can_read_the_files(people, tmp_path):
    await _use(people, HERE, ADA)
    names = [path for path in tmp_path.iterdir() if path.name.startswith("people")]
    assert len(names) == 3  # with the log and its index
    assert {stat.S_IMODE(path.stat().st_mode) for path in names} == {0o600}


def test_a_file_that_can_not_be_used_is_named_with_what_to_do(tmp_path):
    file = tmp_path / "people.sqlite3"
    file.write_bytes(os.urandom(4096))
    with pytest.raises(CroupierError, match=r"people\.sqlite3 can not be used .* can be moved away"):
        LocalPeople(file)


def test_a_pseudonym_takes_a_small_part_of_the_time_there_is(people):
    """The bot's own time for a decision is to be under 5 ms."""
    took = []
    for user in range(1000):
        begin = time.perf_counter()
        people.unit(HERE, user % 500)
        people.past(HERE, user % 500)
        took.append(time.perf_counter() - begin)
    assert sorted(took)[500] < 0.001


def _on_disk(directory, needle):
    return any(needle in path.read_bytes() for path in directory.iterdir() if path.is_file())


async def test_much_is_deleted_while_others_go_on(tmp_path):
    """Only what was to go has gone, and who writes meanwhile is not kept waiting."""
    database = Database(tmp_path / "much.sqlite", "CREATE TABLE rows (a TEXT, b INTEGER, at REAL, PRIMARY KEY (a, b))")
    with database.together():
        for number in range(30_000):
            database.write("INSERT INTO rows VALUES (?, ?, ?)", f"{number % 7}", number, float(number))
    purging = asyncio.create_task(database.purge("rows", "a, b", "at < ?", 25_000.0))
    written, waited = 0, []
    while not purging.done():
        begin = time.perf_counter()
        database.write("INSERT INTO rows VALUES ('new', ?, 1e9)", written)
        waited.append(time.perf_counter() - begin)
        written += 1
        await asyncio.sleep(0.001)
    assert await purging == 25_000
    assert database.row("SELECT count(*) FROM rows") == (5_000 + written,)
    assert written > 20
    assert sorted(waited)[len(waited) // 2] < 0.05
    database.close()


async def test_a_bot_that_stops_does_not_wait_until_all_is_deleted(tmp_path):
    database = Database(tmp_path / "much.sqlite", "CREATE TABLE rows (a INTEGER PRIMARY KEY)")
    with database.together():
        for number in range(100_000):
            database.write("INSERT INTO rows VALUES (?)", number)
    purging = asyncio.create_task(database.purge("rows", "a", "a >= 0"))
    await asyncio.sleep(0)
    database.close()
    assert await purging < 100_000


def test_the_log_of_a_database_does_not_grow_while_it_is_written_to_all_the_time(tmp_path):
    """It is moved into the database and begun anew, however busy the bot is: it holds the last writes, not all."""
    database = Database(
        tmp_path / "busy.sqlite", "CREATE TABLE IF NOT EXISTS rows (name TEXT PRIMARY KEY) WITHOUT ROWID"
    )
    for number in range(11_500):
        database.write("INSERT INTO rows VALUES (?)", sha256(b"%d" % number).hexdigest())
    database._moving.result()
    database.write("INSERT INTO rows VALUES ('last')")
    _, pages, _ = database.row("PRAGMA wal_checkpoint(PASSIVE)")
    assert database.row("SELECT count(*) FROM rows") == (11_501,)
    database.close()
    assert pages < 11_500  # a write is two pages or three
