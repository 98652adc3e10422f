"""Writes the golden message of every type that has none yet: `python tests/schemas/write_golden.py`.

A golden message is what a version of a type looks like on the wire, for ever.  One that exists is never overwritten: a
type whose bytes would change is a new version, with a new tag and a golden message of its own.  A type that got fields
at its end has a further message, `TAG-FIELD`, which shows them.
"""

import json
import struct
import sys
from pathlib import Path
from typing import Any

import msgspec

from schemas import wire
from schemas.domains import Arm, Budget, Component, DomainSpec, LearnerSpec
from schemas.events import (
    Audit,
    Clock,
    Context,
    DeadLetter,
    Decision,
    FleetStatistics,
    HourlyKpi,
    Kpi,
    Outcome,
    Reward,
    SpecChange,
)

GOLDEN = Path(__file__).parent / "golden"


def _floats(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


_DECISION = Decision(
    id="m-1297",
    tenant="guild-42",
    domain="model_routing",
    arms=("small", "large"),
    choice=1,
    propensities=_floats(0.25, 0.75),
    scores=_floats(0.5, 0.625),
    features=_floats(1.0, -0.5, 0.0),
    policy="linear",
    spec=7,
    learned=1_000_000,
    horizon_ms=60_000,
    awaited=("success", "cost"),
    context_offset=4_294_967_296,
)

_SPEC = DomainSpec(
    tenant="guild-42",
    domain="model_routing",
    features=3,
    arms=(Arm("small", 0.0001), Arm("large", 0.02, enabled=False)),
    reward={"success": Component(weight=2.0, required=True), "latency_ms": Component(worst=9000.0, best=200.0)},
    champion=LearnerSpec("linear", "doubly_robust", {"ridge": 1.0, "mode": "greedy"}),
    challengers=(LearnerSpec("fixed-small", "fixed", {"arm": "small"}),),
    horizon_ms=90_000,
    ends="required",
    default_reward=0.25,
    exploration_minimum=0.05,
    forgetting=0.999,
    budget=Budget(0.003),
    content_features=True,
)

EXAMPLES = (
    Context("m-1297", "guild-42", "model_routing", _floats(1.0, -0.5, 0.0), ("small", "large")),
    _DECISION,
    Clock(),
    Reward("r-1", "guild-42", "m-1297", {"success": 1.0, "latency_ms": 812.5}),
    Outcome(3, "complete", 1_760_000_000_000, 1_760_000_004_000, {"success": 1.0, "cost": 0.0015}, 12, _DECISION),
    SpecChange(7, "guild-42", "model_routing", _SPEC),
    HourlyKpi(
        "guild-42", "model_routing", "large", 1_759_996_800, 4, 3, 2.5, 0.006, 4, 3.0, 4, 0.0, 4, 812.0, 2400.0,
        bytes.fromhex("0a0909fd4a815abf52f03f120d1208000000000000004018ce031a0021000000000000f03f"), 1234,
    ),
    Kpi(
        "guild-42", "model_routing", "large", "linear", 7, "hour", 1_759_996_800, 1234,
        4, 4, 3, 0, 2.5, 0.0625, 4, 3.0, 4, 0.5, 4, 0.0, 3.5, 3.0, 4, 3.0, 1.0, 2, 0.25, 0.012, 0.0625,
        6, 3.5, 4.25, -0.75, 1.5, 5.25, 7.5, 0.125, 0.02, True, ((-1000, 1), (310, 3)), ((420, 3),),
    ),
    FleetStatistics(
        "model_routing", 1, ("small", "large"), 20, (20, 18), bytes(24), bytes(16), bytes(16), (1.5, 2.0, 4.0), 0.25,
        1.0, 1e-6,
    ),
    DeadLetter("learner", "invalid", "Expected `str`", "outcomes", 5, 99, 1_760_000_000_000, b"guild-42", b"\xc1\x00"),
    Audit(
        "a-1", 1_760_000_000_000, "ada", "operator", "specification-applied", "guild-42", "guild-42/model_routing",
        "exploration minimum 0.02 -> 0.05", '[[domain]]\ntenant = "guild-42"\n',
    ),
)  # fmt: skip

_CHAINED = msgspec.structs.replace(_DECISION, unit="u-5a1f", after="m-1296", chain=0.125)
_RESTRICTED = msgspec.structs.replace(_CHAINED, restrictions={"vision": "unhealthy", "dear": "budget"})

#: By the first of the fields they have beyond the first message of their type.
LATER = {
    "context.1-unit": msgspec.structs.replace(EXAMPLES[0], eligible=None, unit="u-5a1f", after="m-1296"),
    "context.1-restrictions": msgspec.structs.replace(
        EXAMPLES[0], unit="u-5a1f", after="m-1296", restrictions=_RESTRICTED.restrictions
    ),
    "decision.1-unit": _CHAINED,
    "decision.1-restrictions": _RESTRICTED,
    "outcome.1-unit": msgspec.structs.replace(EXAMPLES[4], decision=_CHAINED),
    "outcome.1-restrictions": msgspec.structs.replace(EXAMPLES[4], decision=_RESTRICTED),
    "kpi.1-unfollowed": msgspec.structs.replace(EXAMPLES[6], unfollowed=2),
    "spec.1-priors": msgspec.structs.replace(EXAMPLES[5], priors={"linear": b"\x00\x01"}),
}


def plain(value: Any) -> Any:
    """The value as JSON can hold it: bytes as {"hex": ...}."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


def described(event: Any) -> dict[str, Any]:
    """What stands beside a golden message: its fields' names in order, and their values."""
    names = event.__struct_fields__
    values = msgspec.to_builtins(event, builtin_types=(bytes,))[1:]
    return {"tag": event.__struct_config__.tag, "fields": dict(zip(names, plain(values), strict=True))}


def write(event: Any, folder: Path = GOLDEN, name: str | None = None) -> bool:
    """Write one golden message, named after its tag or by `name`, and say whether there was none."""
    stem = name or event.__struct_config__.tag
    message, fields = folder / f"{stem}.msgpack", folder / f"{stem}.json"
    if message.exists() or fields.exists():
        return False
    fields.write_text(json.dumps(described(event), indent=1, ensure_ascii=False) + "\n")
    message.write_bytes(wire.encode(event))
    return True


if __name__ == "__main__":
    for stem, example in [*((each.__struct_config__.tag, each) for each in EXAMPLES), *LATER.items()]:
        written = write(example, name=stem)
        sys.stdout.write(f"{stem}: {'written' if written else 'exists, left as it is'}\n")
