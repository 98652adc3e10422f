"""What `croupier verify` says about a deployment at rest, and that nothing moved while it looked."""

from infra.verify.verdict import Verdict
from infra.verify.verify import verify

from . import liveness
from .under_test import UnderTest


async def judge(under: UnderTest) -> tuple[Verdict, list[str]]:
    """The verdict, and every problem in a sentence."""
    before = await liveness.ends(under)
    found = await verify(
        under.broker.bootstrap_servers, prefix=under.prefix, early_ms=under.early_ms, settled=True, wait_s=5.0
    )
    problems = list(found.problems)
    if (after := await liveness.ends(under)) != before:
        moved = [f"{tp.topic}-{tp.partition}" for tp in before if after[tp] != before[tp]]
        problems.append(f"records came after the deployment was at rest: {', '.join(moved)}")
    return found, problems
