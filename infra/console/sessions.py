"""Sessions: a signed name in a cookie, and a row here that can be taken away at any moment."""

import hashlib
import hmac
import json
import secrets
import sqlite3
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from .accounts import Accounts
from .roles import Person, role_of

#: Without a request for so long, a session has ended.
IDLE_S: Final = 12 * 3600.0
#: And after so long it has ended in any case.
LONGEST_S: Final = 7 * 24 * 3600.0
#: Of those whom an issuer vouches for: what it said of them holds no longer.
VOUCHED_S: Final = 12 * 3600.0
#: A link to sign in is good for so long.
LINK_S: Final = 600.0

_NOTED_S: Final = 60.0  # `seen` is written no more often


class Session(NamedTuple):
    """An open one."""

    number: str  # beginning of its id's hash: names it to people, and opens nothing
    person: Person
    created: float
    seen: float


class Sessions:
    """The table of sessions."""

    def __init__(
        self, database: sqlite3.Connection, key: bytes, accounts: Accounts, clock: Callable[[], float] = time.time
    ) -> None:
        """key: that signs cookies.  clock: seconds since 1970."""
        self._database = database
        self._key = key
        self._accounts = accounts
        self._clock = clock

    def begin(self, person: Person) -> str:
        """Sign somebody in; the value of the cookie."""
        name, now = secrets.token_urlsafe(32), self._clock()
        # Of a local account nothing is kept: what it may do is looked up at every request.
        role = None if person.local else person.role
        tenants = None if person.local or person.tenants is None else json.dumps(person.tenants)
        row = (_hashed(name), person.name, role, tenants, now, now)
        self._database.execute("insert into sessions values (?, ?, ?, ?, ?, ?)", row)
        self._database.execute("delete from sessions where created < ?", (now - LONGEST_S,))
        return f"{name}.{self._signature(name)}"

    def find(self, cookie: str) -> Session | None:
        """The open session of a cookie's value, whose use is noted; None: forged, ended, or its account is gone."""
        name = self._name(cookie)
        if name is None:
            return None
        row = self._database.execute("select * from sessions where id = ?", (_hashed(name),)).fetchone()
        found = None if row is None else self._session(*row)
        if found is not None and self._clock() - found.seen > _NOTED_S:
            self._database.execute("update sessions set seen = ? where id = ?", (self._clock(), _hashed(name)))
        return found

    def end(self, cookie: str) -> None:
        """Sign out."""
        if (name := self._name(cookie)) is not None:
            self._database.execute("delete from sessions where id = ?", (_hashed(name),))

    def end_others(self, person: Person, cookie: str) -> None:
        """Sign out everywhere else."""
        kept = _hashed(self._name(cookie) or "")
        statement = "delete from sessions where name = ? and (role is null) = ? and id != ?"
        self._database.execute(statement, (person.name, person.local, kept))

    def revoke(self, number: str) -> Session | None:
        """End a session by its number; the one that was ended."""
        for found in self.all():
            if found.number == number:
                self._database.execute("delete from sessions where hex(id) like ?", (f"{number}%",))
                return found
        return None

    def all(self) -> list[Session]:
        """Those that are open, used last first."""
        rows = self._database.execute("select * from sessions order by seen desc").fetchall()
        return [found for row in rows if (found := self._session(*row)) is not None]

    def make_link(self, name: str) -> str:
        """A token that signs a local account in once, within ten minutes."""
        token = secrets.token_urlsafe(32)
        self._database.execute("insert into links values (?, ?, ?)", (_hashed(token), name, self._clock() + LINK_S))
        return token

    def use_link(self, token: str) -> Person | None:
        """Whom a token signs in; it is good no more.  None: it was used, is too old, or never was."""
        now = self._clock()
        self._database.execute("delete from links where ends < ?", (now,))
        row = self._database.execute(
            "delete from links where id = ? returning name", (_hashed(token),)
        ).fetchone()  # at once: of two with one token one is signed in
        return None if row is None else self._accounts.find(row[0])

    def token(self, cookie: str) -> str:
        """What forms of this session carry, so that no other site's can (CSRF)."""
        return hmac.new(self._key, b"form:" + cookie.encode(), hashlib.sha256).hexdigest()

    def is_token(self, cookie: str, token: str) -> bool:
        """Whether a form is one of this session."""
        return hmac.compare_digest(self.token(cookie).encode(), token.encode())

    def _session(
        self, name_hash: bytes, name: str, role: str | None, tenants: str | None, created: float, seen: float
    ) -> Session | None:
        now = self._clock()
        if now - seen > IDLE_S or now - created > (LONGEST_S if role is None else VOUCHED_S):
            return None
        if role is None:
            person = self._accounts.find(name)
        else:
            seen_tenants = None if tenants is None else tuple(json.loads(tenants))
            person = Person(name, role_of(role), seen_tenants, local=False)
        return None if person is None else Session(name_hash.hex().upper()[:12], person, created, seen)

    def _signature(self, name: str) -> str:
        return hmac.new(self._key, b"session:" + name.encode(), hashlib.sha256).hexdigest()

    def _name(self, cookie: str) -> str | None:
        name, _, signature = cookie.rpartition(".")
        right = hmac.compare_digest(self._signature(name).encode(), signature.encode())
        return name if name and right else None


def _hashed(name: str) -> bytes:
    """Who reads the database cannot sign in with what is in it."""
    return hashlib.sha256(name.encode()).digest()
