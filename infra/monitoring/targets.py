"""Where the processes of this machine are, for Prometheus' service discovery."""

from pathlib import Path
from typing import Any

from infra.status.processes import Announcement, announcements


def targets(directory: Path, prefix: str = "") -> list[dict[str, Any]]:
    """As `http_sd` and `file_sd` want it: of each process by name the one that announced itself last.

    One that was killed stays until it is started again, so that its absence is seen; one that ended in order is gone.
    """
    latest: dict[str, Announcement] = {}
    for told in sorted(announcements(directory), key=lambda each: _since(directory, each)):
        if told.group in ("", f"{prefix}croupier-{told.role}"):
            latest[told.name or f"{told.role}-{told.pid}"] = told
    return [
        {
            "targets": [told.address.removeprefix("http://")],
            "labels": {"instance": name, "role": told.role},
        }
        for name, told in sorted(latest.items())
    ]


def _since(directory: Path, told: Announcement) -> float:
    try:
        return (directory / f"{told.role}-{told.pid}.json").stat().st_mtime
    except OSError:
        return 0.0
