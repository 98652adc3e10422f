"""The health check of a container: `python -m infra.deploy.healthcheck`, every few seconds.

Exits with 1, and the reason, when the process does not answer or /health says 503.  Docker starts a container again
when its process ends, and lets an unhealthy one be; so this also ends a process that has not been well for too long:
SIGTERM, and SIGKILL at the next check that finds it alive.  Standard library only: it starts often.
"""

import contextlib
import json
import os
import signal
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Final

ASK_SECONDS: Final = 4.0
#: /health itself waits for half a minute before it says no.
UNHEALTHY_SECONDS: Final = 60.0


def check(environment: Mapping[str, str], memory: Path, now: float) -> str | None:
    """What is wrong, None when nothing is.  memory: a file that knows since when; now: seconds, by any one clock."""
    problem = _ask(f"http://127.0.0.1:{environment.get('CROUPIER_HTTP_PORT', '8080')}/health")
    if problem is None:
        memory.unlink(missing_ok=True)
        return None
    since, told = _remembered(memory)
    if since is None or since > now:
        since, told = now, False
    elif now - since > UNHEALTHY_SECONDS:
        for pid in _announced(Path(environment.get("CROUPIER_HOME", ".croupier")) / "run"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if told else signal.SIGTERM)
        problem += f"; ended after {now - since:.0f} s"
        if told:  # the next process begins with a clean slate
            memory.unlink(missing_ok=True)
            return problem
        told = True
    memory.write_text(json.dumps([since, told]), encoding="utf-8")
    return problem


def _ask(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=ASK_SECONDS):  # noqa: S310 - our own process
            return None
    except urllib.error.HTTPError as error:
        return error.read().decode(errors="replace")
    except OSError as error:
        return f"{url} does not answer: {error}"


def _remembered(memory: Path) -> tuple[float | None, bool]:
    try:
        since, told = json.loads(memory.read_text(encoding="utf-8"))
        return float(since), bool(told)
    except (OSError, ValueError, TypeError):
        return None, False


def _announced(run: Path) -> list[int]:
    """A container has one process that serves; it announces itself once it does."""
    return [int(path.stem.rpartition("-")[2]) for path in run.glob("*.json") if path.stem[-1].isdigit()]


def main() -> None:
    """For Docker."""
    problem = check(os.environ, Path(tempfile.gettempdir()) / "croupier-unhealthy-since", time.monotonic())
    if problem is not None:
        sys.exit(problem)


if __name__ == "__main__":
    main()
