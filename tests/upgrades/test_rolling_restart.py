"""Workers replaced one after the other by those of a changed source tree, under traffic."""

import asyncio
import os
import shutil
import sys
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest

from infra.connection import HOME_VARIABLE, VARIABLE
from infra.domains.file import read_domains
from infra.domains.publish import apply_specs
from infra.local import deployment, statuses
from infra.traffic import recordings_for
from infra.verify.verify import verify
from producers.replay.feedback import FeedbackPlan
from producers.replay.player import play
from schemas.version import VERSION

ROOT = Path(__file__).parents[2]
DOMAINS = Path(__file__).with_name("domains.toml")
PACKAGES = ("schemas", "producers", "stream_workers", "infra")
EARLY_MS = 3_000
ROUND = 200


def test_the_version_stands_in_two_places():
    """That of the package is that of the processes."""
    assert version("croupier") == VERSION


def next_release(directory: Path) -> Path:
    """A copy of the source tree, changed: another version, and a further field in what the joiner keeps."""
    for package in PACKAGES:  # with the kernels' cache: compiling them again is not the subject
        shutil.copytree(ROOT / package, directory / package)
    release = directory / "schemas" / "version.py"
    release.write_text(release.read_text().replace(f'"{VERSION}"', '"99.0.0"'))
    entries = directory / "stream_workers" / "joining" / "entries.py"
    text = entries.read_text()
    field = "    offset: int\n    decision: Raw  # the record's value as it came: it is never encoded again\n"
    assert text.count(field) == 1
    entries.write_text(text.replace(field, field + '    noted_by: str = "99.0.0"\n'))
    return directory


class Worker:
    """A worker process from a source tree."""

    def __init__(self, name, tree, bootstrap, prefix, home):
        self.command = [
            sys.executable, "-P", "-m", "infra.cli", "worker", "--prefix", prefix, "--state-dir",
            str(home / "state" / name), "--early-ms", str(EARLY_MS), "--checkpoint-seconds", "0.5",
        ]  # fmt: skip
        self.environment = {**os.environ, "PYTHONPATH": str(tree), VARIABLE: bootstrap, HOME_VARIABLE: str(home)}
        self.log = home / f"{name}-{tree.name}.log"

    async def start(self):
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command, stdout=log, stderr=log, env=self.environment
            )
        return self

    async def stop(self):
        """As an operator does: SIGTERM, and wait."""
        self.process.terminate()
        return await self.process.wait()


async def serving(home: Path, releases: list[str]) -> None:
    """Wait until workers of just these releases own partitions, all of them recovered."""
    async with asyncio.timeout(120):
        while True:
            found = [each for each in await asyncio.to_thread(statuses, home) if each["role"] == "worker"]
            ready = [each for each in found if each["partitions"] and each["recovering"] is None and each["healthy"]]
            owned = {place["partition"] for each in ready for place in each["partitions"]}
            if sorted(each["version"] for each in ready) == releases and len(owned) == 8:
                return
            await asyncio.sleep(0.1)


class Traffic:
    """Recorded traffic in rounds, as long as it is wanted; two at a time, so that there is always one under way."""

    def __init__(self, bootstrap, prefix, specs):
        self.bootstrap, self.prefix, self.specs = bootstrap, prefix, specs
        self.wanted = True
        self.sent = self.undecided = 0
        self.tasks = [asyncio.create_task(self.rounds(first)) for first in (0, 1)]

    async def rounds(self, seed):
        plan = FeedbackPlan(delay_s=0.5, late=0.0, duplicate=0.05, orphan=0.01, lost=0.02)
        while self.wanted:
            report = await play(
                self.bootstrap, self.prefix, recordings_for(self.specs), interactions=ROUND, rate=80.0, seed=seed,
                plan=plan, patience_s=120.0,
            )  # fmt: skip
            self.sent, self.undecided, seed = self.sent + ROUND, self.undecided + report.undecided, seed + 2

    async def end(self):
        self.wanted = False
        await asyncio.gather(*self.tasks)


@pytest.mark.kafka
@pytest.mark.timeout(400)
async def test_nothing_is_lost_or_doubled_by_a_rolling_restart(kafka, deployment_prefix, tmp_path):
    """Two workers under traffic; each is stopped and replaced by one of the next release, which keeps an added field.
    Both releases own partitions at the same time, and what one wrote the other reads, in both directions."""
    specs = read_domains(DOMAINS)
    servers, home = kafka.bootstrap_servers, tmp_path / "home"
    home.mkdir()
    old, new = ROOT, next_release(tmp_path / "next")
    running: list[Worker] = []

    async def start(name, tree):
        running.append(await Worker(name, tree, servers, deployment_prefix, home).start())
        return running[-1]

    async with deployment(kafka, home, lambda text: None, prefix=deployment_prefix, workers=0) as rest:
        try:
            await apply_specs(servers, deployment_prefix, specs)
            first, second = await start("one", old), await start("two", old)
            await serving(home, [VERSION] * 2)
            traffic = Traffic(servers, deployment_prefix, specs)
            for worker, name, releases in (
                (first, "one", [VERSION, "99.0.0"]), (second, "two", ["99.0.0"] * 2),
            ):  # fmt: skip
                assert await worker.stop() == 0
                await start(name, new)
                await serving(home, releases)
                assert not any(task.done() for task in traffic.tasks)
            await traffic.end()
            await replace(rest, workers=2).settled(120.0)
            assert [each.process.returncode for each in running] == [0, 0, None, None]
        finally:
            for each in running:
                if each.process.returncode is None:
                    await each.stop()
    found = await verify(servers, prefix=deployment_prefix, early_ms=EARLY_MS, settled=True)
    assert found.problems == []
    assert traffic.undecided == 0
    assert (found.contexts, found.decisions, found.outcomes) == (traffic.sent,) * 3
