"""A small database of the bot on its own disk (sqlite in WAL mode), used from the event loop.

Statements run where they are called: one takes some tens of microseconds, because a commit in WAL mode appends to a
file and does not wait for the disk (`synchronous = NORMAL`: a crash of the process loses nothing, one of the machine
the last moments).  What waits for the disk, and moving the log into the database, happens in a thread.
"""

import asyncio
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog

from schemas.errors import CroupierError

_BUSY_MS: Final = 10_000
_PURGED_AT_ONCE: Final = 10_000
_PURGED_TOGETHER: Final = 200
_PURGE_PAUSE_S: Final = 0.002
#: Rows are small, and a write puts every page that it touches into the log, whole.
_PAGE_BYTES: Final = 1024
#: After so many writes the log is moved into the database, so that it stays small.
_CHECKPOINT_EVERY: Final = 2_000

_log = structlog.get_logger()


class Database:
    """One file, readable by its owner alone.  Deleted rows are overwritten with zeros.

    schema: statements that make the tables if they are not there.  version: of the schema; a file of a newer one is
    refused.  CroupierError: the file can not be used.
    """

    def __init__(self, path: Path, schema: str, version: int = 1) -> None:
        self._path = path
        self._writes = 0
        self._moving: Future[None] | None = None
        self._closing = threading.Event()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # sqlite gives its log the mode of the database
            path.chmod(0o600)
            self._connection = _connect(path)
            self._prepare(schema, version)
        except (OSError, sqlite3.Error) as error:
            raise CroupierError(
                f"{path} can not be used ({error}): it is to be a database of this bot in a directory that it may write"
                " to. Is the disk full, or the directory another user's? A damaged file can be moved away: the bot "
                "makes a new one, without what was in it."
            ) from error
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=path.stem)

    def _prepare(self, schema: str, version: int) -> None:
        (found,) = self._connection.execute("PRAGMA user_version").fetchone()
        if found > version:
            raise CroupierError(
                f"{self._path} was written by a newer version of Croupier (its schema is {found}, this one knows "
                f"{version}): run that version"
            )
        self._connection.executescript(schema)
        self._connection.execute(f"PRAGMA user_version = {version}")

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._connection.execute(statement, values).fetchall()

    def row(self, statement: str, *values: Any) -> tuple[Any, ...] | None:
        """The first row, if there is one."""
        found: tuple[Any, ...] | None = self._connection.execute(statement, values).fetchone()
        return found

    def write(self, statement: str, *values: Any) -> int:
        """Change something; how many rows.  Visible to everybody when it returns, on disk a little later."""
        changed = self._connection.execute(statement, values).rowcount
        self._writes += 1
        if self._writes % _CHECKPOINT_EVERY == 0 and (self._moving is None or self._moving.done()):
            self._moving = self._thread.submit(_checkpoint, self._path, "PASSIVE", "RESTART")
        return changed

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written inside is there whole or not at all."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    async def purge(self, table: str, key: str, where: str, *values: Any) -> int:
        """Delete what may be much, a little at a time, while others go on; how many rows.  key: the primary key."""
        loop = asyncio.get_running_loop()
        rows = _Rows(table, key, where, values)
        return await loop.run_in_executor(self._thread, _purge, self._path, rows, self._closing)

    async def settle(self) -> None:
        """Wait until all that was written is on the disk, and what was deleted is on it no more."""
        await asyncio.get_running_loop().run_in_executor(self._thread, _checkpoint, self._path, "PASSIVE", "TRUNCATE")

    def close(self) -> None:
        """Put everything on the disk; what is being purged goes on the next time."""
        self._closing.set()
        self._thread.shutdown()
        self._connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    settings: Sequence[str] = (
        f"busy_timeout = {_BUSY_MS}",
        f"page_size = {_PAGE_BYTES}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "secure_delete = ON",
        "wal_autocheckpoint = 0",
    )
    for setting in settings:
        connection.execute(f"PRAGMA {setting}")
    return connection


class _Rows(NamedTuple):
    """Some of a table."""

    table: str
    key: str  # columns of the primary key
    where: str
    values: tuple[Any, ...]


def _purge(path: Path, wanted: _Rows, closing: threading.Event) -> int:
    """Rows are looked for without keeping anybody out, and deleted in transactions of a few milliseconds."""
    table, key, where, values = wanted
    columns = " AND ".join(f"{column.strip()} = ?" for column in key.split(","))
    find = f"SELECT {key} FROM {table} WHERE {where} LIMIT {_PURGED_AT_ONCE}"  # noqa: S608 - ours
    delete = f"DELETE FROM {table} WHERE {columns} AND {where}"  # noqa: S608
    count, found = 0, _PURGED_AT_ONCE
    connection = _connect(path)
    try:
        while found == _PURGED_AT_ONCE:
            rows = connection.execute(find, values).fetchall()
            found = len(rows)
            for begin in range(0, found, _PURGED_TOGETHER):
                connection.execute("BEGIN IMMEDIATE")
                deleted = connection.executemany(
                    delete, [(*row, *values) for row in rows[begin : begin + _PURGED_TOGETHER]]
                )
                count += deleted.rowcount
                connection.execute("COMMIT")
                if closing.wait(_PURGE_PAUSE_S):
                    return count
    finally:
        connection.close()
    return count


def _checkpoint(path: Path, *how: str) -> None:
    """Move the log into the database, and begin it anew.

    First without keeping writers out, which does most of the work; then with them out, because a log that is written to
    all the time is never begun anew otherwise, and grows by megabytes a second.
    """
    connection = _connect(path)
    try:
        for each in how:
            busy, _, _ = connection.execute(f"PRAGMA wal_checkpoint({each})").fetchone()
    finally:
        connection.close()
    if busy and "TRUNCATE" in how:
        _log.warning("a database could not be settled because it is in use; it will be later", file=path.name)
