"""What the local models say: of recorded questions how well they were answered, of others what their text gives."""

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from .recorded import Recorded

_OPTION: Final = re.compile(r"^\s*\(?([A-J])[.)]\s+\S", re.MULTILINE)
_SENTENCE: Final = re.compile(r"[^.!?\n]{12,}(?:[.!?]+|(?=\n)|$)")
_MARK: Final = re.compile(r"</?[a-z]+(?: [^<>]*)?>")
_SPEAKER: Final = re.compile(r"^(?:Person|Assistant|User): ", re.MULTILINE)
_DECODER: Final = json.JSONDecoder()
_WORD: Final = re.compile(r"[^\W\d_]{5,}")
_NUMBERS: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}
_MANY: Final = r"(\d+|one|two|three|four|five|six|seven)(?:\s+[\w-]+){0,3}?\s+"
_STATED: Final = re.compile(r"In the recording this answer of (\S+) was judged (right|wrong|[01](?:\.\d+)? of 1)\.")


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
    return f"{opening} {middle}\n\nIn the recording this answer of {arm} was judged {verdict}."


def stated_quality(answer: str) -> float | None:
    """What `recorded_answer` says at its end, 0 to 1; None: it says nothing."""
    match = _STATED.search(answer)
    if match is None:
        return None
    return {"right": 1.0, "wrong": 0.0}[match[2]] if match[2].isalpha() else float(match[2].partition(" ")[0])


def stated_model(answer: str) -> str | None:
    """Who gave it, by what `recorded_answer` says at its end; None: it says nothing."""
    match = _STATED.search(answer)
    return None if match is None else match[1]


def other_answer(instructions: str, text: str) -> str:
    """What the instructions ask for, made of the text; the same input has the same answer.

    instructions: of the system.  An example of JSON in them is filled by the names of its keys; else a summary, key
    points or questions are given if those words are there; else a plain answer.  text: of marks (`<source>` ...) and of
    who said it ("Person: ") only what is between is used.
    """
    material = _SPEAKER.sub("", _MARK.sub("", text)).strip()
    sentences = [each.strip() for each in _SENTENCE.findall(material)] or [material or "There is nothing to go by."]
    example = _example(instructions)
    if example:
        filled = {key: _filled(key, shape, sentences, material) for key, shape in example.items()}
        return json.dumps(filled, ensure_ascii=False)
    asked = f"{instructions}\n{text[:400]}".lower()
    parts: list[str] = []
    if re.search(r"summar|zusammenfass", asked):
        parts.append(" ".join(_spread(sentences, 2)))
    if re.search(r"key points|main points|stichpunkt|kernpunkt|kernaussage", asked):
        parts.append("\n".join(f"- {each}" for each in _spread(sentences, _many(asked, "points?", 3))))
    if re.search(r"suggest\b.*questions|follow-up questions|fragen vor", asked):
        subjects = _subjects(material, _many(asked, "questions?", 3))
        parts.append("\n".join(f"{n}. {_question(each)}" for n, each in enumerate(subjects, 1)))
    if parts:
        return "\n\n".join(parts)
    subject = _subject(material)
    return (
        f"In short: it depends on {subject}. Here is what I can say about it without looking anything up. "
        f"Start with what is certain, then change one thing at a time; that usually shows what {subject} does."
    )


def _example(instructions: str) -> dict[str, object] | None:
    """The first object of JSON in a text."""
    for opening in re.finditer(r'\{\s*"', instructions):
        try:
            found, _ = _DECODER.raw_decode(instructions, opening.start())
        except ValueError:
            continue
        return found if isinstance(found, dict) else None
    return None


def _filled(key: str, shape: object, sentences: Sequence[str], material: str) -> object:
    """A value of the example's shape that fits the key's name."""
    name = key.lower()
    if isinstance(shape, list):
        count = max(len(shape), 3)
        if "question" in name:
            return [_question(each) for each in _subjects(material, count)]
        if any(part in name for part in ("answer", "option", "choice")):
            return [each.capitalize()[:50] for each in _subjects(material, count)]
        return _spread(sentences, count)
    if "question" in name:
        return f"What do you think about {_subject(material)}?"
    if "title" in name or "topic" in name:
        return _subject(material).capitalize()
    return " ".join(_spread(sentences, 2))


def _question(subject: str) -> str:
    return f"What else is there to say about {subject[:35]}?"


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
