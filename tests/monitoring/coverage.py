"""Breaks a deployment that runs in every way that can be arranged, and sees each alert firing and ending.

    python -m tests.monitoring.coverage [--json] [--only log,broker]

A real Prometheus scrapes supervised workers, analytics, the bot (at a local Discord and models) and the monitor, by the
rules of production with short windows.  `alerts_covered` counts the alerts that fired while their failure lasted and
ended after it was mended, of `alerts_total`.  What happens is told on standard error.
"""

import argparse
import asyncio
import json
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.monitoring.alerts import ALERTS
from infra.monitoring.failure_modes import failure_modes
from infra.monitoring.programs import program
from tests.faults import volume

from .breaking import PHASES, WITH_BOT
from .deploying import deployed
from .run import Run


async def covered(home: Path, only: Sequence[str], *, mount: bool) -> dict[str, Any]:
    """The last line."""
    begun = time.monotonic()
    with_bot = bool(WITH_BOT & set(only)) or len(only) == len(PHASES)
    async with deployed(home, with_bot=with_bot, mount=mount) as run:
        run.begun = begun
        await _quiet(run)
        for name in only:
            run.say(f"--- {name}")
            try:
                await PHASES[name](run)
            except Exception as error:  # one that cannot be injected must not hide the others
                run.say(f"{name}: {error!r}")
        names = {each.name for each in ALERTS}
        modes = failure_modes()
        return {
            "alerts_covered": len(run.covered & names),
            "alerts_total": len(names),
            "modes_covered": sum(bool(set(mode.alerts) & run.covered) for mode in modes),
            "modes_total": len(modes),
            "covered": sorted(run.covered),
            "not_covered": {name: run.missing.get(name, "not injected") for name in sorted(names - run.covered)},
            "seconds": round(time.monotonic() - begun, 1),
        }


async def _quiet(run: Run) -> None:
    """Until nothing has fired for some seconds."""
    deadline, since = time.monotonic() + 90.0, time.monotonic()
    while time.monotonic() - since < 4.0:
        if run.watch.firing - {"Watchdog"} or not run.watch.looked:
            since = time.monotonic()
        if time.monotonic() > deadline:
            run.say(f"fires without a failure: {sorted(run.watch.firing)}")
            return
        await asyncio.sleep(0.2)
    run.say("all is well, and nothing fires")


def _readable(found: dict[str, Any]) -> str:
    counts = ("alerts_covered", "alerts_total", "modes_covered", "modes_total", "seconds")
    lines = [f"{name:16} {found[name]}" for name in counts]
    return "\n".join([*lines, *(f"not covered: {name} ({why})" for name, why in found["not_covered"].items())])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one line of JSON instead of lines to read")
    parser.add_argument("--only", default=",".join(PHASES), help=f"of {', '.join(PHASES)}")
    parser.add_argument("--keep", action="store_true", help="keep the directory with all logs")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    mount = volume.own_namespace()
    # Debian's Alertmanager wants its templates where the package would have put them.
    share = program("alertmanager").parents[1] / "share"
    if mount and share != Path("/usr/share"):
        volume.laid_over(share, Path("/usr/share"))
    home = Path(tempfile.mkdtemp(prefix="croupier-coverage-"))
    try:
        found = asyncio.run(covered(home, asked.only.split(","), mount=mount))
    finally:
        if asked.keep:
            print(home, file=sys.stderr)
        else:
            shutil.rmtree(home, ignore_errors=True)
    print(json.dumps(found) if asked.json else _readable(found))
    return 0 if found["alerts_covered"] >= 0.95 * found["alerts_total"] else 1


if __name__ == "__main__":
    sys.exit(main())
