"""The gateway's side of the protocol (Discord docs, "Gateway", "Gateway Events")."""

import asyncio
import time
from collections.abc import Iterator

from aiohttp import web

from ..intents import EVERY, PRIVILEGED, Intent, needed
from ..rules import Rules
from ..state.accounts import Json
from ..state.places import Guild
from ..state.world import LARGE, Event, World, encode
from .compression import compression
from .connection import ClosedError, Connection
from .session import Session

ACKNOWLEDGED = b'{"t":null,"s":null,"op":11,"d":null}'
HEARTBEAT = b'{"t":null,"s":null,"op":1,"d":null}'
RECONNECT = b'{"t":null,"s":null,"op":7,"d":null}'


class Gateway:
    """Connections and sessions.

    refusals: how many of the next identifies get Invalid Session.
    counts: identify, resume, invalid (sessions refused), replayed (events), reconnect, dropped.
    """

    def __init__(self, world: World, rules: Rules, token: str) -> None:
        self.world, self.rules, self.token = world, rules, token
        self.url = ""
        self.refusals = 0
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()
        self.counts: dict[str, int] = {}
        self.starts_left = rules.session_starts
        self._starts_from = time.monotonic()
        self._identifies: dict[int, float] = {}

    def _count(self, what: str, n: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + n

    # Events out

    def dispatch(self, event: Event) -> None:
        """Give an event to the sessions of its shard that have the intent for it."""
        need = needed(event.name, direct=event.guild is None)
        lesser: bytes | None = None
        for session in self.sessions.values():
            if not session.has(event.guild) or need & ~session.intents:
                continue
            data = event.data
            if event.lesser is not None and not session.intents & event.whole:
                lesser = data = lesser or event.lesser()
            session.dispatch(event.name, data)

    # Connections

    async def connect(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve one connection until it ends."""
        socket = web.WebSocketResponse(compress=False, timeout=1.0)
        await socket.prepare(request)
        connection = Connection(request, socket, compression(request.query.get("compress")))
        self.connections.add(connection)
        try:
            if request.query.get("v") != "10" or request.query.get("encoding") != "json":
                raise ClosedError(4012, "Invalid API version")
            hello = {"heartbeat_interval": int(self.rules.heartbeat * 1000)}
            connection.send(encode({"t": None, "s": None, "op": 10, "d": hello}))
            while (payload := await connection.receive(self.rules.heartbeat, self.rules.sends_per_minute)) is not None:
                self._take(connection, payload)
                self.world.changes.tell()
        except ClosedError as closed:
            connection.close(closed.code, closed.reason)
        finally:
            self.connections.discard(connection)
            await connection.finish()
            self._lost(connection)
        return socket

    def _lost(self, connection: Connection) -> None:
        """A connection has ended; its session waits to be resumed, unless the client said goodbye (1000, 1001)."""
        self.world.changes.tell()
        if self._detach(connection) and connection.close_code in (1000, 1001) and connection.session is not None:
            self.sessions.pop(connection.session.id, None)

    def _detach(self, connection: Connection) -> bool:
        """The connection's session goes on without it; whether it was still its session's."""
        session = connection.session
        if session is None or session.connection is not connection:
            return False
        session.connection, session.lost = None, time.monotonic()
        return True

    def _take(self, connection: Connection, payload: Json) -> None:
        data = payload.get("d")
        match payload.get("op"):
            case 1:
                connection.last_heartbeat = time.monotonic()
                connection.heartbeats += 1
                if connection.session is not None:
                    connection.session.received(data if isinstance(data, int) else None)
                connection.send(ACKNOWLEDGED)
            case 2 | 6 if connection.session is not None:
                raise ClosedError(4005, "Already authenticated.")
            case 2 if isinstance(data, dict):
                self._identify(connection, data)
            case 6 if isinstance(data, dict):
                self._resume(connection, data)
            case 3 | 4 | 8 if connection.session is None:
                raise ClosedError(4003, "Not authenticated.")
            case 3 | 4:
                pass
            case 8 if isinstance(data, dict) and connection.session is not None:
                self._members(connection.session, data)
            case _:
                raise ClosedError(4001, "Unknown opcode.")

    def _identify(self, connection: Connection, data: Json) -> None:
        self._count("identify")
        if data.get("token") != self.token:
            raise ClosedError(4004, "Authentication failed.")
        shard, shards = data.get("shard") or (0, 1)
        if not 0 <= shard < shards:
            raise ClosedError(4010, "Invalid shard.")
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~EVERY:
            raise ClosedError(4013, "Invalid intent(s).")
        if intents & PRIVILEGED & ~self.world.granted:
            raise ClosedError(4014, "Disallowed intent(s).")
        session = Session(shard, shards, intents, self.rules.replay)
        guilds = [guild for guild in self._guilds() if session.has(guild.id)]
        if len(guilds) > self.rules.guilds_per_shard:
            raise ClosedError(4011, "Sharding required.")
        if not self._may_start(shard):
            self._invalid(connection, resumable=False)
            return
        self._expire()
        self.sessions[session.id] = session
        session.connection, connection.session = connection, session
        application = self.world.application()
        ready = {
            "v": 10,
            "user": self.world.bot.wire() | {"verified": True, "mfa_enabled": True, "email": None, "flags": 0},
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "session_type": "normal",
            "shard": [shard, shards],
            "application": {"id": application["id"], "flags": application["flags"]},
            "private_channels": [],
            "relationships": [],
            "presences": [],
            "user_settings": {},
        }
        session.dispatch("READY", encode(ready))
        if intents & Intent.GUILDS:
            for guild in guilds:
                if guild.available:
                    everyone = bool(intents & Intent.GUILD_PRESENCES) and len(guild.members) <= LARGE
                    created = self.world.guild_event(guild, unavailable=False, everyone=everyone)
                    session.dispatch("GUILD_CREATE", created)

    def _guilds(self) -> Iterator[Guild]:
        return (guild for guild in self.world.guilds.values() if self.world.bot.id in guild.members)

    def session_start_limit(self) -> Json:
        """The session start limit object of GET /gateway/bot."""
        left = self._starts_from + 86_400 - time.monotonic()
        if left <= 0:
            self.starts_left, self._starts_from, left = self.rules.session_starts, time.monotonic(), 86_400.0
        return {
            "total": self.rules.session_starts,
            "remaining": self.starts_left,
            "reset_after": int(left * 1000),
            "max_concurrency": self.rules.max_concurrency,
        }

    def _may_start(self, shard: int) -> bool:
        """Whether a shard may identify now ("Gateway", Rate Limiting: Max Concurrency)."""
        now = time.monotonic()
        if self.refusals > 0:
            self.refusals -= 1
            return False
        if self.session_start_limit()["remaining"] <= 0:
            raise ClosedError(4004, "Session start limit reached; the token has been reset.")
        key = shard % self.rules.max_concurrency
        if now - self._identifies.get(key, -1e9) < self.rules.identify_window:
            return False
        self._identifies[key] = now
        self.starts_left -= 1
        return True

    def _expire(self) -> None:
        oldest = time.monotonic() - self.rules.resume_within
        for session in list(self.sessions.values()):
            if session.connection is None and session.lost < oldest:
                del self.sessions[session.id]

    def _resume(self, connection: Connection, data: Json) -> None:
        self._count("resume")
        if data.get("token") != self.token:
            raise ClosedError(4004, "Authentication failed.")
        self._expire()
        session = self.sessions.get(str(data.get("session_id")))
        sequence = data.get("seq")
        if session is None or not isinstance(sequence, int):
            self._invalid(connection, resumable=False)
            return
        if sequence > session.sequence:
            raise ClosedError(4007, "Invalid seq.")
        missed = session.missed(sequence)
        if missed is None:
            del self.sessions[session.id]
            self._invalid(connection, resumable=False)
            return
        if session.connection is not None:
            session.connection.session = None
            session.connection.close(4000, "Resumed elsewhere.")
        session.connection, connection.session = connection, session
        for frame in missed:
            connection.send(frame)
        self._count("replayed", len(missed))
        session.dispatch("RESUMED", b'{"_trace":[]}')

    def _invalid(self, connection: Connection, *, resumable: bool) -> None:
        self._count("invalid")
        connection.send(encode({"t": None, "s": None, "op": 9, "d": resumable}))

    def _members(self, session: Session, data: Json) -> None:
        """Answer Request Guild Members with one chunk ("Gateway Events", Request Guild Members)."""
        guild = self.world.guilds.get(int(data["guild_id"]))
        if guild is None:
            return
        wanted, query, limit = data.get("user_ids"), data.get("query"), data.get("limit") or 0
        members = list(guild.members.values())
        if wanted is not None:
            ids = {int(one) for one in (wanted if isinstance(wanted, list) else [wanted])}
            members = [member for member in members if member.user.id in ids]
        elif query:
            members = [m for m in members if (m.nick or m.user.name).lower().startswith(query.lower())]
        elif not session.intents & Intent.GUILD_MEMBERS:
            members = []
        chunk: Json = {
            "guild_id": str(guild.id),
            "members": [member.wire() for member in (members[:limit] if limit else members)],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [],
        }
        if data.get("nonce") is not None:
            chunk["nonce"] = data["nonce"]
        session.dispatch("GUILD_MEMBERS_CHUNK", encode(chunk))

    # Faults

    def _connected(self, shard: int | None) -> list[Connection]:
        sessions = (session for session in self.sessions.values() if shard in (None, session.shard))
        return [session.connection for session in sessions if session.connection is not None]

    def drop(self, shard: int | None = None) -> int:
        """Break connections without a close frame; the session can be resumed.  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            self._detach(connection)
            connection.drop()
        self._count("dropped", len(found))
        return len(found)

    def reconnect(self, shard: int | None = None) -> int:
        """Ask clients to reconnect and resume (opcode 7).  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            connection.send(RECONNECT)
        self._count("reconnect", len(found))
        return len(found)

    def invalidate(self, *, resumable: bool = False, shard: int | None = None) -> int:
        """Tell clients that their session is invalid (opcode 9).  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            if not resumable and connection.session is not None:
                self.sessions.pop(connection.session.id, None)
            self._invalid(connection, resumable=resumable)
        return len(found)

    def close(self, code: int = 4000, shard: int | None = None) -> int:
        """Close connections with a code.  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            self._detach(connection)
            connection.close(code)
        return len(found)

    def ask_heartbeats(self, shard: int | None = None) -> int:
        """Ask clients for a heartbeat now (opcode 1).  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            connection.send(HEARTBEAT)
        return len(found)

    def mute(self, shard: int | None = None) -> int:
        """Send nothing any more, not even acknowledgements of heartbeats (a "zombie").  Gives how many."""
        found = self._connected(shard)
        for connection in found:
            connection.muted = True
        return len(found)

    def refuse(self, times: int = 1) -> None:
        """Answer the next identifies with Invalid Session."""
        self.refusals += times

    def forget(self) -> None:
        """Forget all sessions, as after an outage: every resume becomes an invalid session."""
        for session in self.sessions.values():
            if session.connection is not None:
                session.connection.session = None
        self.sessions.clear()

    async def stop(self) -> None:
        """Close every connection."""
        for connection in list(self.connections):
            connection.drop()
        await asyncio.sleep(0)
