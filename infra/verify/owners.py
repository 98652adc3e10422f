"""Whose state a key holds: the tenants that its name and its content say."""

import msgspec

from schemas.wire import decode
from stream_workers.analytics.bucket import BucketId
from stream_workers.learning.domain import DomainState


def owner(stage: str, key: bytes, value: bytes) -> frozenset[str]:
    """The tenants that a key of a stage's state is about; more than one is a fault, none: of the whole partition."""
    return _OWNERS[stage](key, value)


def _learner(key: bytes, value: bytes) -> frozenset[str]:
    for prefix in (b"domain/", b"removed/", b"recent/", b"inputs/"):
        if key.startswith(prefix):
            tenant = key[len(prefix) :].decode().partition("\0")[0]
            held = DomainState.from_bytes(value).spec.tenant if prefix == b"domain/" else tenant
            return frozenset((tenant, held))
    return frozenset()


def _analytics(key: bytes, value: bytes) -> frozenset[str]:
    if key.startswith(b"bucket/"):
        return frozenset((BucketId.of_key(key).tenant,))
    if key.startswith(b"spec/"):
        return frozenset((msgspec.msgpack.decode(key[len(b"spec/") :])[0], decode("specs", value).tenant))
    return frozenset()


_OWNERS = {"learner": _learner, "analytics": _analytics}
