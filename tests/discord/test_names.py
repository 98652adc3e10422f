"""What goes to Kafka about a decision has no id of Discord's in it; asking twice is still asking once."""

import numpy as np
import pytest

from producers.deciding import Choice
from producers.discord.people.names import FORGOTTEN, NamedDeciding, NamedFigures, Names

HERE = "guild-41771983423143937"
QUESTION = "r-1354838417318707321-0"


class Log:
    """Notes what would be in Kafka."""

    def __init__(self):
        self.asked = []
        self.observed = []

    async def decide(self, tenant, domain, features, **options):
        self.asked.append(options)
        return Choice(options["id"], tenant, domain, "a", ("a",), "decided", None, 1.0)

    async def observe(self, tenant, decision, observations, *, id):  # noqa: A002
        self.observed.append((decision, id, observations))

    async def explanation(self, tenant, decision):
        return {"id": decision}


@pytest.fixture
def names(tmp_path):
    names = Names(tmp_path / "names.sqlite3")
    yield names
    names.close()


async def test_ids_of_messages_stay_here(names):
    log = Log()
    deciding = NamedDeciding(log, names)

    async def ask(decision, **options):
        return await deciding.decide(HERE, "model_routing", np.zeros(2), fallback=["a"], id=decision, **options)

    choice = await ask(QUESTION, unit="ab")
    again = await ask(QUESTION, unit="ab")  # after a restart
    assert choice.id == again.id == QUESTION
    follow_up = await ask("e-1354838417318707322-0", unit="ab", after=QUESTION)
    await deciding.observe(HERE, QUESTION, {"thumbs": 1.0}, id=f"{QUESTION}:thumbs:cd")

    first, second, third = (each["id"] for each in log.asked)
    assert first == second != third
    assert log.asked[2]["after"] == first
    assert log.observed == [(first, f"{first}:thumbs:cd", {"thumbs": 1.0})]
    assert "13548384173187073" not in str((log.asked, log.observed))
    assert [each.split("-")[0] for each in (first, third)] == ["r", "e"]
    assert (await NamedFigures(log, names).explanation(HERE, QUESTION)) == {"id": first}
    assert follow_up.id == "e-1354838417318707322-0"


async def test_after_a_person_was_forgotten_nothing_more_is_said_about_their_decisions(names):
    log = Log()
    deciding = NamedDeciding(log, names)
    await deciding.decide(HERE, "model_routing", np.zeros(2), fallback=["a"], id=QUESTION, unit="ab")
    before = FORGOTTEN._value.get()
    assert await names.forget(HERE, "ab") == 1
    await deciding.observe(HERE, QUESTION, {"thumbs": 1.0}, id=f"{QUESTION}:thumbs")
    assert log.observed == []
    assert FORGOTTEN._value.get() == before + 1
    assert await NamedFigures(log, names).explanation(HERE, QUESTION) is None


async def test_a_reward_is_named_after_its_decision(names):
    with pytest.raises(ValueError, match="begins with"):
        await NamedDeciding(Log(), names).observe(HERE, QUESTION, {}, id="thumbs")


def test_a_name_tells_the_second_and_otherwise_nothing(names):
    """In the place where Discord's ids have their time: who searches the log for a decision needs it."""
    name = names.name(HERE, QUESTION, "ab")
    _, number, chance = name.split("-")
    milliseconds = (int(number) >> 22) + 1_420_070_400_000
    assert milliseconds == pytest.approx(names._now() * 1000, abs=5000)
    assert (milliseconds % 1000, int(number) % 2**22, len(chance)) == (0, 0, 24)
    others = {names.name(HERE, f"r-{number}-0", "ab") for number in range(100)}
    assert len(others | {name}) == 101
