"""Outcomes of an export as events again, for `infra.evaluate`."""

from collections.abc import Iterator
from pathlib import Path

from schemas import wire
from schemas.events import Outcome, SpecChange

from .views import connect


def events(directory: Path, tenant: str | None = None) -> Iterator[SpecChange | Outcome]:
    """Outcomes and changes of specifications, a partition's in log order.  tenant: only of this one."""
    connection = connect(directory)
    try:
        found = connection.execute(
            'SELECT record FROM outcomes_records WHERE $1 IS NULL OR tenant = $1 ORDER BY partition, "offset"', [tenant]
        )
        while rows := found.fetchmany(1_000):
            for (record,) in rows:
                yield wire.decode("outcomes", bytes(record))
    finally:
        connection.close()
