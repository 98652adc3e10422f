"""What is kept of a decision while its outcome is open and after it ended, and how that is put into bytes.

This is the form; `storing` writes and reads decisions in it in batches, without making objects.
"""

from msgspec import Raw, Struct
from msgspec.msgpack import Decoder, Encoder


class Open(Struct, array_like=True, tag=0, gc=False):
    """A decision whose outcome has not ended."""

    name: str  # tenant and id, as `name_of` joins them
    decided_at: int
    horizon_ms: int
    awaited: tuple[str, ...]
    observations: dict[str, float]
    offset: int
    decision: Raw  # the record's value as it came: it is never encoded again

    @property
    def deadline(self) -> int:
        """The last moment at which feedback counts."""
        return self.decided_at + self.horizon_ms


class Done(Struct, array_like=True, tag=1, gc=False):
    """What must be known of a decision whose outcome ended, to say what a further reward or decision record is."""

    name: str
    decided_at: int
    horizon_ms: int
    observed: tuple[str, ...]


Entry = Open | Done


class HeldReward(Struct, array_like=True, frozen=True, gc=False):
    """A reward before its decision, as the record that came (it may have to be dead-lettered), and its time."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    rewarded_at: int
    name: str


encode = Encoder().encode
decode_entry = Decoder(Entry).decode
decode_held = Decoder(HeldReward).decode


def name_of(tenant: str, decision: str) -> str:
    """One string for a tenant and a decision id, different for different pairs whatever characters they hold.

    The tenant's length, at most 64, goes before it as one character.
    """
    return chr(len(tenant)) + tenant + decision


def tenant_of(name: str) -> str:
    """The tenant in what `name_of` made."""
    return name[1 : 1 + ord(name[0])]
