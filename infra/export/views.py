"""DuckDB on an export: views that show each thing once, as it counts."""

from pathlib import Path
from typing import Any, Final

import duckdb

from .files import ExportError
from .rows import SCHEMAS, TOPICS

_READING: Final = "hive_partitioning = true, union_by_name = true, hive_types = {'day': DATE, 'partition': INT}"
_LAST_OF_BUCKET: Final = (
    'row_number() OVER (PARTITION BY tenant, domain, arm, policy, spec, granularity, start ORDER BY "offset" DESC) = 1'
)

#: What is shown under each name: what it is, and how it is made of the records that were exported.
VIEWS: Final = {
    "decisions": (
        "decisions that count: the first record with an id",
        """SELECT * FROM decisions_records
        QUALIFY row_number() OVER (PARTITION BY tenant, decision ORDER BY "offset") = 1""",
    ),
    "outcomes": (
        "outcomes that count: the first record with an ordinal",
        """SELECT * EXCLUDE (type, version, record) FROM outcomes_records WHERE type = 'outcome'
        QUALIFY row_number() OVER (PARTITION BY partition, ordinal ORDER BY "offset") = 1""",
    ),
    "specifications": (
        "changes of specifications, in order",
        """SELECT partition, "offset", time, tenant, domain, version FROM outcomes_records
        WHERE type = 'specification' ORDER BY partition, "offset\"""",
    ),
    "kpis": (
        "the last value of every bucket that is kept",
        f"""SELECT * EXCLUDE (dropped) FROM (SELECT * FROM kpis_records QUALIFY {_LAST_OF_BUCKET})
        WHERE NOT dropped""",  # noqa: S608 - a constant
    ),
}


def connect(directory: Path) -> Any:
    """A DuckDB connection with the views.  ExportError: there is no export."""
    if not any((directory / topic).is_dir() for topic in TOPICS):
        raise ExportError(f"there is no export in {directory}: make one with `croupier export {directory}`")
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    for topic in TOPICS:
        _records(connection, directory, topic)
    for name, (_, query) in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def _records(connection: Any, directory: Path, topic: str) -> None:
    """TOPIC_records: every record that was exported."""
    if any((directory / topic).glob("day=*/partition=*/*.parquet")):
        pattern = str(directory / topic / "day=*" / "partition=*" / "*.parquet").replace("'", "''")
        source = f"SELECT * FROM read_parquet('{pattern}', {_READING})"  # noqa: S608 - a path of the caller's
    else:
        connection.register(f"{topic}_nothing", SCHEMAS[topic].empty_table())
        source = f"SELECT *, NULL::DATE AS day, NULL::INT AS partition FROM {topic}_nothing"  # noqa: S608 - our name
    connection.execute(f"CREATE VIEW {topic}_records AS {source}")
