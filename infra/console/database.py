"""What the console must remember itself: accounts, sessions, links to sign in, and what waits to be written down."""

import contextlib
import os
import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_SCHEMA: Final = """
create table if not exists accounts (
    name text primary key, password text not null, role text not null, tenants text, created real not null
) strict;
create table if not exists sessions (
    id blob primary key, name text not null, role text, tenants text, created real not null, seen real not null
) strict;
create table if not exists links (id blob primary key, name text not null, ends real not null) strict;
create table if not exists waiting (number integer primary key, record blob not null) strict;
"""
_BUSY_S: Final = 10.0


def directory(home: Path) -> Path:
    """Where the console keeps it; nobody else may read it."""
    found = home / "console"
    found.mkdir(parents=True, exist_ok=True, mode=0o700)
    return found


@contextmanager
def open_database(home: Path) -> Iterator[sqlite3.Connection]:
    """The database, made when there is none.  Commands and the console may have it open at once."""
    path = directory(home) / "console.sqlite3"
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    database = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    try:
        database.execute("pragma journal_mode = wal")
        database.execute("pragma synchronous = normal")
        database.executescript(_SCHEMA)
        yield database
    finally:
        database.close()


def signing_key(home: Path) -> bytes:
    """32 random bytes that sign cookies; made at first.  Who removes the file signs everybody out."""
    path = directory(home) / "signing.key"
    with contextlib.suppress(FileExistsError):
        new = path.with_name(f"signing.{secrets.token_hex(8)}")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        try:
            os.link(new, path)  # whole, or not at all: another process may do the same now
        finally:
            new.unlink()
    return path.read_bytes()
