"""What the local models say: of recorded questions how well they were answered, of others what their text gives."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from .recorded import Recorded

_OPTION: Final = re.compile(r"^\s*\(?([A-J])[.)]\s+\S", re.MULTILINE)
_SENTENCE: Final = re.compile(r"[^.!?\n]{12,}(?:[.!?]+|(?=\n)|$)")
_WORD: Final = re.compile(r"[^\W\d_]{5,}")
_NUMBERS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_MANY: Final = r"(\d+|one|two|three|four|five|six|seven)(?:\s+\w+){0,3}?\s+"
_STATED: Final = re.compile(r"In the recording this answer was judged (right|wrong|[01](?:\.\d+)? of 1)\.")


def recorded_answer(question: str, arm: str, recorded: Recorded) -> str:
    """An answer in words, ending with what it was worth when it was recorded.

    Which answer is the right one was not recorded, only who had it: the letter that the right ones agree on is made up.
    """
    verdict = f"{recorded.quality:g} of 1" if recorded.graded else "right" if recorded.quality else "wrong"
    letters = sorted(set(_OPTION.findall(question)))
    good = recorded.quality >= 0.5
    if len(letters) > 1:
        agreed = _pick(letters, question)
        letter = agreed if good else _pick([each for each in letters if each != agreed], question, arm)
        opening = f"The answer is {letter}." if good else f"I would say {letter}, but I am not sure."
    else:
        opening = "Here is how I see it." if good else "I am not sure about this one, but here is an attempt."
    subject = _subject(question)
    middle = (
        f"The question turns on {subject}; I went through what is given step by step and compared the possibilities."
    )
    return f"{opening} {middle}\n\nIn the recording this answer was judged {verdict}."


def stated_quality(answer: str) -> float | None:
    """What `recorded_answer` says at its end, 0 to 1; None: it says nothing."""
    match = _STATED.search(answer)
    if match is None:
        return None
    return {"right": 1.0, "wrong": 0.0}[match[1]] if match[1].isalpha() else float(match[1].partition(" ")[0])


def other_answer(instructions: str, text: str) -> str:
    """What the instructions ask for, made of the text: a summary, key points, questions, a poll; else a plain answer.

    instructions: of the system; they may also stand in the text itself.  The same input has the same answer.
    """
    asked = f"{instructions}\n{text[:400]}".lower()
    sentences = [each.strip() for each in _SENTENCE.findall(text)] or [text.strip() or "There is nothing to go by."]
    parts: list[str] = []
    wanted = _wanted(asked)
    if "summary" in wanted:
        parts.append(" ".join(_spread(sentences, 2)))
    if "points" in wanted:
        parts.append("\n".join(f"- {each}" for each in _spread(sentences, _many(asked, "points?", 3))))
    if "questions" in wanted:
        subjects = _subjects(text, _many(asked, "(?:follow-up |fact )?questions?", 3))
        parts.append("\n".join(f"{n}. What is to be said about {each}?" for n, each in enumerate(subjects, 1)))
    if "options" in wanted:
        parts.append("\n".join(f"- {each.capitalize()}" for each in _subjects(text, _many(asked, "options?", 3))))
    if not parts:
        subject = _subject(text)
        parts.append(
            f"In short: it depends on {subject}. Here is what I can say about it without looking anything up. "
            f"Start with what is certain, then change one thing at a time; that usually shows what {subject} does."
        )
    if "json" in asked:
        return json.dumps(_as_json(asked, parts, sentences, text), ensure_ascii=False)
    return "\n\n".join(parts)


def _wanted(asked: str) -> list[str]:
    """In the order in which they are given out."""
    return [
        name
        for name, pattern in (
            ("summary", r"summar|zusammenfass"),
            ("points", r"key points|main points|bullet|stichpunkt|kernpunkt|kernaussage"),
            ("questions", r"questions\b|fragen\b"),
            ("options", r"\bpoll\b|umfrage"),
        )
        if re.search(pattern, asked)
    ]


def _as_json(asked: str, parts: Sequence[str], sentences: Sequence[str], text: str) -> dict[str, object]:
    """The keys that the instructions name in quotes, filled with what their names say."""
    keys = dict.fromkeys(re.findall(r'"([a-z_]{2,30})"', asked)) or {"answer": None}
    filled: dict[str, object] = {}
    for key in keys:
        if "question" in key and not key.endswith("s"):
            filled[key] = f"What do you think about {_subject(text)}?"
        elif "question" in key:
            filled[key] = [f"What is to be said about {each}?" for each in _subjects(text, 3)]
        elif any(name in key for name in ("options", "answers", "choices")):
            filled[key] = [each.capitalize() for each in _subjects(text, 3)]
        elif "point" in key:
            filled[key] = _spread(sentences, 3)
        elif "title" in key or "topic" in key:
            filled[key] = _subject(text).capitalize()
        else:
            filled[key] = " ".join(_spread(sentences, 2)) if "summar" in key else parts[0]
    return filled


def _many(asked: str, noun: str, default: int) -> int:
    match = re.search(_MANY + noun, asked)
    if match is None:
        return default
    number = _NUMBERS.get(match[1]) or int(match[1])
    return min(max(number, 1), 10)


def _spread(sentences: Sequence[str], count: int) -> list[str]:
    """So many of them, from the beginning to the end."""
    count = min(count, len(sentences))
    return [sentences[index * len(sentences) // count] for index in range(count)]


def _subject(text: str) -> str:
    return _subjects(text, 1)[0]


def _subjects(text: str, count: int) -> list[str]:
    """The longest words, first come first: what a text seems to be about."""
    words = list(dict.fromkeys(each.lower() for each in _WORD.findall(text[-2000:])))
    longest = sorted(words, key=lambda word: -len(word))[:count]
    chosen = [word for word in words if word in longest] or ["this"]
    return [*chosen, *(f"{chosen[0]} in general" for _ in range(count - len(chosen)))][:count]


def _pick(letters: Sequence[str], *of: str) -> str:
    digest = hashlib.blake2b("\0".join(of).encode(), digest_size=4).digest()
    return letters[int.from_bytes(digest, "big") % len(letters)]
