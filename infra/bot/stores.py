"""The files in the bot's state directory that hold something of people, opened together."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from producers.discord.journal import JOURNAL, Journal
from producers.discord.people import LocalPeople
from producers.discord.people.askers import Askers
from producers.discord.people.names import Names
from producers.discord.remembered import REMEMBERED, Remembered
from schemas.errors import CroupierError

PEOPLE: Final = "people.sqlite"
NAMES: Final = "names.sqlite"
SETTINGS: Final = "settings.sqlite"
ENROLLED: Final = "enrolled.sqlite"


@contextmanager
def open_people(state: Path) -> Iterator[tuple[LocalPeople, Names]]:
    """People, and the names of the decisions about them, which are deleted and exported with them."""
    names = Names(state / NAMES)
    try:
        people = LocalPeople(state / PEOPLE)
        people.keeps(names)
        try:
            yield people, names
        finally:
            people.close()
    finally:
        names.close()


@contextmanager
def people_there(state: Path) -> Iterator[LocalPeople]:
    """Those of a bot that has run, whether it runs now or not, with all that it keeps of them.

    CroupierError: none has run with this directory.
    """
    if not (state / PEOPLE).is_file():
        raise CroupierError(
            f"no bot has kept anything of people in {state}: there is no {PEOPLE}. Give the state directory of the bot "
            "(`croupier bot --state`)."
        )
    with open_people(state) as (people, _):
        journal = Journal(state / JOURNAL)
        try:
            people.keeps(Askers(journal))
            with closing(Remembered(state / REMEMBERED)) as remembered:
                people.keeps(remembered)
                yield people
        finally:
            journal.close()
