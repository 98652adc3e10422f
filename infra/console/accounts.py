"""Local accounts: names, roles, tenants, and passwords as argon2 hashes."""

import json
import sqlite3
import time
from collections.abc import Callable
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .roles import AccountError, Person, Role, check_person, role_of

#: A password is one that nobody guesses in the tries that the console lets them; no rules about its characters.
SHORTEST: Final = 12
LONGEST: Final = 1024

#: Of nobody: who has no account waits as long as who has one.
_NOBODY: Final = "$argon2id$v=19$m=65536,t=3,p=4$7J9N0SbcA7fDXXq+hsJsKw$YiR/HaC8TskOE3HD07NDtlgcOGYm/0cfI4r1moltrQo"


class Accounts:
    """The table of accounts."""

    def __init__(
        self, database: sqlite3.Connection, hasher: PasswordHasher | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._hasher = hasher or PasswordHasher()
        self._clock = clock

    def add(self, name: str, password: str, role: Role, tenants: tuple[str, ...] | None) -> None:
        """AccountError: it is there already, or cannot be so."""
        check_person(name, role, tenants)
        _check_password(name, password)
        row = (name, self._hasher.hash(password), role, _packed(tenants), self._clock())
        try:
            self._database.execute("insert into accounts values (?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError:
            raise AccountError(f"there is an account {name!r} already") from None

    def change(self, name: str, role: Role, tenants: tuple[str, ...] | None) -> None:
        """Another role, other tenants: holds from the next request on, in sessions that are open, too."""
        check_person(name, role, tenants)
        self._changed(name, "update accounts set role = ?, tenants = ? where name = ?", role, _packed(tenants), name)

    def set_password(self, name: str, password: str) -> None:
        """Another password: ends the account's sessions and links."""
        _check_password(name, password)
        new = self._hasher.hash(password)
        self._changed(name, "update accounts set password = ? where name = ?", new, name)
        self._signed_out(name)

    def remove(self, name: str) -> None:
        """And its sessions."""
        self._changed(name, "delete from accounts where name = ?", name)
        self._signed_out(name)

    def find(self, name: str) -> Person | None:
        """The account of this name."""
        row = self._database.execute("select role, tenants from accounts where name = ?", (name,)).fetchone()
        return None if row is None else Person(name, role_of(row[0]), _unpacked(row[1]))

    def known(self, name: str) -> Person:
        """The account of this name; AccountError: there is none."""
        found = self.find(name)
        if found is None:
            known = ", ".join(each.name for each in self.all()) or "none"
            raise AccountError(f"there is no account {name!r}; accounts: {known}")
        return found

    def all(self) -> list[Person]:
        """In order of their names."""
        rows = self._database.execute("select name, role, tenants from accounts order by name")
        return [Person(name, role_of(role), _unpacked(tenants)) for name, role, tenants in rows]

    def verify(self, name: str, password: str) -> bool:
        """Whether this is the account's password.  Takes some 50 ms and 64 MiB, also for names that there are not."""
        row = self._database.execute("select password from accounts where name = ?", (name,)).fetchone()
        try:
            self._hasher.verify(_NOBODY if row is None else row[0], password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False
        if row is None:
            return False
        if self._hasher.check_needs_rehash(row[0]):
            new = self._hasher.hash(password)
            self._database.execute("update accounts set password = ? where name = ?", (new, name))
        return True

    def _changed(self, name: str, statement: str, *values: object) -> None:
        self.known(name)
        self._database.execute(statement, values)

    def _signed_out(self, name: str) -> None:
        self._database.execute("delete from sessions where name = ? and role is null", (name,))
        self._database.execute("delete from links where name = ?", (name,))


def _check_password(name: str, password: str) -> None:
    if not SHORTEST <= len(password) <= LONGEST:
        raise AccountError(f"a password has {SHORTEST} to {LONGEST} characters; this one has {len(password)}")
    if password.lower() == name.lower():
        raise AccountError("a password is not the account's name")


def _packed(tenants: tuple[str, ...] | None) -> str | None:
    return None if tenants is None else json.dumps(tenants)


def _unpacked(tenants: str | None) -> tuple[str, ...] | None:
    return None if tenants is None else tuple(json.loads(tenants))
