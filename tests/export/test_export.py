"""Each record once in the files, whenever the exporter is killed; and what DuckDB shows of them."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from infra.cli import app
from infra.evaluate.history import history_of
from infra.export import files
from infra.export.events import events
from infra.export.files import ExportError
from infra.export.rows import TOPICS, row_of
from infra.export.run import export
from infra.export.views import VIEWS, connect
from infra.kafka.topics import create_topics
from schemas import wire
from schemas.events import Outcome
from schemas.topics import full_name
from stream_workers.analytics.summary import latest
from tests.cli.conftest import start_croupier
from tests.docs.pages import text

from .recorded import START_MS, Record, Source, recorded

LOG = recorded()


class Killed(BaseException):
    pass


def exported(directory, topic):
    """(partition, offset) of every record in the files, as DuckDB reads them."""
    with connect(directory) as connection:
        return connection.execute(f'SELECT partition, "offset" FROM {topic}_records ORDER BY 1, 2').fetchall()


def wanted(source, topic):
    return [
        (number, record.offset) for number, log in source.logs[topic].items() for record in log if row_of(topic, record)
    ]


@settings(max_examples=8, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), max_size=4), st.integers(9, 40), st.data())
def test_each_record_is_there_once_whenever_it_is_killed(tmp_path_factory, kills, most, data):
    """Ended before or after any sync or rename, and while the log grows: gone on, nothing is lost or twice."""
    directory = tmp_path_factory.mktemp("export")
    real_sync, real_replace = os.fsync, Path.replace
    for step, after in kills:
        left = [step]

        def killed(function, *arguments, left=left, after=after):
            left[0] -= 1
            if left[0] < 0 and not after:
                raise Killed
            done = function(*arguments)
            if left[0] < 0:
                raise Killed
            return done

        shown = {topic: {0: log[0][: data.draw(st.integers(0, len(log[0])))], 1: []} for topic, log in LOG.logs.items()}
        reached = {topic: files.ends(files.spans(directory, topic)).get(0, 0) for topic in TOPICS}
        grown = {topic: {0: LOG.logs[topic][0][: max(reached[topic], len(log[0]))], 1: []}
                 for topic, log in shown.items()}  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files.os, "fsync", lambda handle, killed=killed: killed(real_sync, handle))
            patch.setattr(Path, "replace", lambda path, to, killed=killed: killed(real_replace, path, to))
            with contextlib.suppress(Killed):
                asyncio.run(export(Source(grown), directory, most=most))
    asyncio.run(export(LOG, directory, most=most))
    again = asyncio.run(export(LOG, directory, most=most))
    assert [(each.records, each.files) for each in again] == [(0, 0)] * len(TOPICS)
    for topic in TOPICS:
        assert exported(directory, topic) == wanted(LOG, topic)
    assert not list((directory / files.PARTS).iterdir())


async def test_a_file_is_of_one_day_and_partition(tmp_path):
    """Its name says which records it has, its place on which day they were appended."""
    await export(LOG, tmp_path, most=10)
    for topic in TOPICS:
        found = files.spans(tmp_path, topic)
        log = LOG.logs[topic][0]
        assert {span.partition for span in found} == {0}
        assert [span.begin for span in found[1:]] == [span.end for span in found[:-1]]
        for span in found:
            days = {record.timestamp // 86_400_000 for record in log if span.begin <= record.offset < span.end}
            assert {time.strftime("%Y-%m-%d", time.gmtime(day * 86_400)) for day in days} == {span.day}


async def test_views_show_what_counts(tmp_path):
    """Outcomes that came twice once, the last value of every bucket, and every number as it is in the records."""
    await export(LOG, tmp_path)
    first = {}
    for record in LOG.logs["outcomes"][0]:
        event = wire.decode("outcomes", record.value)
        if isinstance(event, Outcome):
            first.setdefault(event.ordinal, event)
    with connect(tmp_path) as connection:
        rows = connection.execute(
            "SELECT ordinal, tenant, arm, propensity, cost, observations, epoch_ms(decided_at) FROM outcomes ORDER BY 1"
        ).fetchall()
        kpis = connection.execute(
            "SELECT tenant, domain, arm, policy, spec, granularity, epoch(start)::BIGINT, cost_sum, latency_ms "
            "FROM kpis"
        ).fetchall()
        (changes,) = connection.execute("SELECT count(*) FROM specifications").fetchone()
    assert changes == 2
    assert len(rows) == len(first)
    for ordinal, tenant, arm, propensity, cost, seen, at in rows:
        event = first[ordinal]
        assert (tenant, arm, at) == (event.decision.tenant, event.decision.arm, event.decided_at_ms)
        assert cost == event.observations.get("cost")
        assert dict(seen or {}) == event.observations
        assert 0 < propensity <= 1
    last = latest(wire.decode("kpis", record.value) for record in LOG.logs["kpis"][0] if record.value)
    assert {row[:7]: (row[7], dict(row[8])) for row in kpis} == {
        (b.tenant, b.domain, b.arm, b.policy, b.spec, b.granularity, b.start): (kpi.cost_sum, dict(kpi.latency_ms))
        for b, kpi in last.items()
    }


async def test_outcomes_can_be_evaluated(tmp_path):
    """What `infra.evaluate` makes of an export is what it makes of the log."""
    await export(LOG, tmp_path)
    direct = [wire.decode("outcomes", record.value) for record in LOG.logs["outcomes"][0] if record.key == b"guild-1"]
    assert history_of(events(tmp_path, "guild-1"), "guild-1", "model_routing") == history_of(
        direct, "guild-1", "model_routing"
    )


async def test_what_is_wrong_is_said(tmp_path):
    """Another deployment's export, files that overlap, files that are none, and a directory without any."""
    await export(LOG, tmp_path / "one")
    shorter = Source({topic: {0: log[0][:5], 1: []} for topic, log in LOG.logs.items()})
    with pytest.raises(ExportError, match="another deployment"):
        await export(shorter, tmp_path / "one")
    path = next((tmp_path / "one" / "outcomes").rglob("*.parquet"))
    (path.parent / f"{3:020}-{9:020}.parquet").write_bytes(path.read_bytes())
    with pytest.raises(ExportError, match="same records"):
        await export(LOG, tmp_path / "one")
    (path.parent / "mine.parquet").write_bytes(b"")
    with pytest.raises(ExportError, match=r"mine\.parquet is no file of an export"):
        await export(LOG, tmp_path / "one")
    with pytest.raises(ExportError, match="croupier export"):
        connect(tmp_path / "nothing")
    with files.locked(tmp_path / "two"), pytest.raises(ExportError, match="another export"):
        await export(LOG, tmp_path / "two")


async def test_what_retention_took_is_told(tmp_path):
    """Offsets that were gone before they could be exported are counted, and the rest goes on."""
    begun = {topic: {0: log[0][:20], 1: []} for topic, log in LOG.logs.items()}
    await export(Source(begun), tmp_path, ["decisions"])
    later = {topic: {0: log[0][30:], 1: []} for topic, log in LOG.logs.items()}
    (told,) = await export(Source(later), tmp_path, ["decisions"])
    assert told.lost == 10
    assert exported(tmp_path, "decisions") == [
        place for place in wanted(LOG, "decisions") if not 20 <= place[1] < 30
    ]  # fmt: skip


async def test_a_bucket_that_was_dropped_is_no_kpi(tmp_path):
    """A record without a value takes its bucket from the view."""
    log = LOG.logs["kpis"][0]
    gone = log[-1]
    more = [*log, Record(0, len(log), START_MS, gone.key, None)]
    await export(Source({**LOG.logs, "kpis": {0: more, 1: []}}), tmp_path, ["kpis"])
    with connect(tmp_path) as connection:
        (kept,) = connection.execute("SELECT count(*) FROM kpis").fetchone()
    assert kept == len({record.key for record in log}) - 1


def test_sql(tmp_path):
    """One query, as a table and as JSON; several from standard input, of which a wrong one ends nothing."""
    asyncio.run(export(LOG, tmp_path))
    query = "SELECT arm, count(*) AS n FROM outcomes GROUP BY arm ORDER BY arm"
    ask = CliRunner().invoke
    assert "large" in ask(app, ["sql", str(tmp_path), query]).stdout
    rows = [json.loads(line) for line in ask(app, ["sql", str(tmp_path), query, "--json"]).stdout.splitlines()]
    assert [row["arm"] for row in rows] == ["large", "small", "vision"]
    assert sum(row["n"] for row in rows) == 60
    wrong = ask(app, ["sql", str(tmp_path), "SELECT nothing FROM outcomes"])
    assert wrong.exit_code == 1
    assert "nothing" in wrong.stderr
    several = ask(app, ["sql", str(tmp_path)], input="SELECT wrong;\nSELECT 6\n* 7 AS answer;\nSELECT 'last' AS it")
    assert "42" in several.stdout
    assert "last" in several.stdout


@pytest.mark.kafka
@pytest.mark.timeout(120)
async def test_a_real_export_is_killed(kafka, deployment_prefix, tmp_path):
    """SIGKILL twice in mid-export; what goes on afterwards ends with each record once."""
    servers = kafka.bootstrap_servers
    await create_topics(servers, prefix=deployment_prefix, partitions=2)
    log = recorded(150).logs["outcomes"][0]
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for number in (0, 1):
            for record in log:
                await producer.send(
                    full_name("outcomes", deployment_prefix), record.value, key=record.key, partition=number
                )
    options = ["--bootstrap", servers, "--prefix", deployment_prefix, "--topic", "outcomes", "--rows", "2"]
    for wave in (1, 2):
        process = await start_croupier("export", str(tmp_path), *options)
        while len(list(tmp_path.rglob("outcomes/day=*/partition=*/*.parquet"))) < 25 * wave:
            assert process.returncode is None
            await asyncio.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
        await process.communicate()
    assert len(exported(tmp_path, "outcomes")) < 2 * len(log)
    done = await asyncio.to_thread(CliRunner().invoke, app, ["export", str(tmp_path), *options, "--json"])
    assert done.exit_code == 0, done.output
    assert exported(tmp_path, "outcomes") == [(number, offset) for number in (0, 1) for offset in range(len(log))]


def test_the_page_has_every_view():
    """docs/export.md has the views, with what each shows."""
    page = text("export.md")
    for name, (what, _) in VIEWS.items():
        assert f"| `{name}` | {what}" in page
