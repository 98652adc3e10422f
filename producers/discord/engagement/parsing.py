"""What a model suggests, as Discord takes it."""

from typing import Final

from msgspec import Struct

from producers.discord.model_text import data_of, lines_of, shown, texts

LABEL: Final = 80  # characters of a button's label
_QUESTIONS: Final = 3
_POLL_QUESTION: Final = 300
_POLL_ANSWER: Final = 55
_POLL_ANSWERS: Final = 4
_SHORTEST: Final = 3


class PollIdea(Struct, frozen=True):
    """A poll; answers: two to four."""

    question: str
    answers: tuple[str, ...]


def questions_of(text: str) -> tuple[str, ...]:
    """Up to three questions that fit on buttons; a question that does not fit whole is not asked."""
    data = data_of(text)
    found = data.get("questions") if isinstance(data, dict) else data
    if found is None:
        found = [each for each in lines_of(text) if each.rstrip('"*').endswith("?")]
    fitting = [each.strip('"* ') for each in texts(found, LABEL + 1, 10)]
    return tuple(each for each in fitting if _SHORTEST <= len(each) <= LABEL and not each.endswith("\u2026"))[
        :_QUESTIONS
    ]


def poll_of(text: str) -> PollIdea | None:
    """The poll; None: that is none."""
    data = data_of(text)
    if not isinstance(data, dict):
        return None
    question = shown(data.get("question"), _POLL_QUESTION)
    answers = texts(data.get("answers", data.get("options")), _POLL_ANSWER, _POLL_ANSWERS)
    return PollIdea(question, answers) if len(question) >= _SHORTEST and len(answers) >= 2 else None
