"""The processes of this machine, by the files in which they announce themselves.  Nothing is removed here."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import aiohttp
import msgspec
from msgspec import Struct

_TIMEOUT_S = 3.0


class Announcement(Struct, frozen=True):
    """What a process writes when it starts to serve, and removes when it ends in order."""

    role: str
    pid: int
    address: str
    group: str = ""  # its consumer group, which has the deployment's prefix
    name: str = ""  # that of its state directory: the same when it starts again


class Process(Struct, frozen=True):
    """A process that announced itself.

    state: "gone": it ended without taking its announcement away (killed, or the machine restarted); "silent": it lives
    and does not answer (stopped, swapped out, or overwhelmed).
    """

    role: str
    pid: int
    address: str
    state: Literal["running", "silent", "gone"]
    healthy: bool
    reason: str | None
    status: dict[str, Any]  # what its /status answered


async def processes(directory: Path, prefix: str = "") -> list[Process]:
    """Every process of a deployment that is announced in a directory, asked now; in order of role and pid."""
    found = [each for each in announcements(directory) if each.group in ("", f"{prefix}croupier-{each.role}")]
    timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        return await asyncio.gather(*(_ask(session, each) for each in found))


def announcements(directory: Path) -> Sequence[Announcement]:
    """What is announced; files that say nothing readable (one is being written) are passed over."""
    found = []
    for path in directory.glob("*.json"):
        try:
            found.append(msgspec.json.decode(path.read_bytes(), type=Announcement))
        except (OSError, msgspec.DecodeError):
            continue
    return sorted(found, key=lambda each: (each.role, each.pid))


async def _ask(session: aiohttp.ClientSession, told: Announcement) -> Process:
    try:
        if not _alive(told.pid):
            return _process(told, "gone", "it ended without leaving (killed?)")
        status = await _get(session, f"{told.address}/status")
        if status.get("pid") != told.pid:
            return _process(told, "gone", "another process has its address")
        health = await _get(session, f"{told.address}/health")
    except TimeoutError:
        return _process(told, "silent", f"it lives, and has not answered for {_TIMEOUT_S:g} s")
    except (aiohttp.ClientError, msgspec.DecodeError, ValueError) as error:
        # It served before it announced itself: where nobody serves now, the number belongs to another process.
        return _process(told, "gone", f"nothing of ours answers there ({type(error).__name__})")
    reason = health.get("reason")
    return _process(told, "running", None if reason is None else str(reason), bool(health.get("healthy")), status)


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with session.get(url) as response:
        return msgspec.json.decode(await response.read(), type=dict[str, Any])


def _process(
    told: Announcement,
    state: Literal["running", "silent", "gone"],
    reason: str | None,
    healthy: bool = False,
    status: dict[str, Any] | None = None,
) -> Process:
    return Process(told.role, told.pid, told.address, state, healthy, reason, status or {})


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
