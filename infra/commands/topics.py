"""`croupier topics`: create the topics of a deployment, check that they are as they must be."""

from typing import Annotated

import typer

from infra.connection import bootstrap_servers
from schemas.topics import ALL, DEFAULT_PARTITIONS, VIRTUAL_BUCKETS

from .exits import explained, run
from .options import AsJson, Bootstrap, Prefix
from .printing import print_json, say

app = typer.Typer(help="Create and check the topics of a deployment.", no_args_is_help=True)


def _power_of_two(count: int | None) -> int | None:
    if count is not None and (count < 1 or count > VIRTUAL_BUCKETS or count & (count - 1)):
        raise typer.BadParameter(
            f"{count} is not a power of two from 1 to {VIRTUAL_BUCKETS} (doubling splits each partition in two)."
        )
    return count


Partitions = Annotated[
    int | None,
    typer.Option(
        "--partitions",
        callback=_power_of_two,
        help=f"Of each keyed topic: the most workers that can share the work. [default: as there are, else "
        f"{DEFAULT_PARTITIONS}]",
        show_default=False,
    ),
]


@app.command()
def create(
    partitions: Partitions = None, bootstrap: Bootstrap = None, prefix: Prefix = "", as_json: AsJson = False
) -> None:
    """Create the topics that are missing; those that exist are left as they are, and checked."""
    from infra.kafka.topics import check_topics, create_topics

    with explained(as_json=as_json):
        servers = bootstrap_servers(bootstrap)
        created = run(create_topics(servers, prefix=prefix, partitions=partitions))
        count = run(check_topics(servers, prefix=prefix))
    if as_json:
        print_json({"created": created, "partitions": count})
    elif created:
        say(f"Created {len(created)} topics; keyed ones have {count} partitions: {', '.join(created)}.")
    else:
        say(f"All {len(ALL)} topics were there already; keyed ones have {count} partitions.")


@app.command()
def check(bootstrap: Bootstrap = None, prefix: Prefix = "", as_json: AsJson = False) -> None:
    """Check that every topic is there with the partitions and settings that Croupier relies on, or exit with 4."""
    from infra.kafka.topics import check_topics

    with explained(as_json=as_json):
        count = run(check_topics(bootstrap_servers(bootstrap), prefix=prefix))
    if as_json:
        print_json({"partitions": count})
    else:
        say(f"All {len(ALL)} topics are as they must be; keyed ones have {count} partitions.")
