"""A coarse guess at a text's language: English, another one in Latin script, another script.

Three classes say what a policy needs (models differ between them) and little about a person.  Scripts are counted by
ranges of code points, which do not change with Python's version; languages in Latin script are told apart by their
commonest words.
"""

import re
from typing import Final, Literal

Language = Literal["english", "other_latin", "other_script", "unknown"]

_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+(?:'[a-z]+)?")
#: Letters of Greek, Cyrillic, Hebrew, Arabic, the scripts of India and East Asia ...; no symbols, no pictures.
_OTHER_LETTER = re.compile(r"[\u0370-\u1dff\u2c00-\u2dff\u3040-\ud7ff\uf900-\ufaff\U00010000-\U0001efff]")
_EMOJI_AND_SYMBOLS = re.compile(r"[\U0001d000-\U0001d7ff\U0001f000-\U0001faff]")
_NO_PROSE = re.compile(r"```.*?(?:```|$)|`[^`\n]*`|https?://\S+|<[@#:][^>]*>", re.DOTALL)

_ENGLISH: Final = frozenset(
    """
    the and of to is it that you for with are this have not be what how can do does my if would should i'm don't it's
    which there from they we your when where why please could who but on at by an as or about has had will
    """.split()  # noqa: SIM905 - a column of quoted words is no easier to read
)
#: German, French, Spanish, Italian, Portuguese, Dutch; words that English has too are left out.
_OTHERS: Final = frozenset(
    """
    der die das und ist nicht ich ein eine einen mit wie kann man wenn auf zu den dem es wir ihr sie für auch oder aber
    warum welche gibt mir bitte
    le la les des est une dans pour que qui pas je tu nous vous avec sur ce cette comment pourquoi quel quelle du et
    el los las una es por con para como qué cómo pero y en del se lo mi puedo
    il che non di sono per perché come della ho gli
    o os um uma não para com mas você isso
    het een ik niet van dat wat hoe zijn maar
    """.split()  # noqa: SIM905
)
_ENOUGH_OTHER = 2
_MOST_CHARACTERS = 2000


def language_of(text: str, client: str | None = None) -> Language:
    """The class of a text; where it says too little, that of the user's client.

    client: its locale as Discord gives it, e.g. "de" or "en-US".

    >>> language_of("How do I reverse a list in Python?")
    'english'
    >>> language_of("Wie kann ich eine Liste umdrehen?"), language_of("Как перевернуть список?")
    ('other_latin', 'other_script')
    >>> language_of("ok"), language_of("ok", "de")
    ('unknown', 'other_latin')
    """
    prose = _NO_PROSE.sub(" ", text[:_MOST_CHARACTERS])
    words = _WORD.findall(prose.lower())
    others = len(_OTHER_LETTER.findall(_EMOJI_AND_SYMBOLS.sub("", prose)))
    if others >= _ENOUGH_OTHER and others > sum(map(len, words)):
        return "other_script"
    english = sum(word in _ENGLISH for word in words)
    other = sum(word in _OTHERS or not word.isascii() for word in words)
    if english != other:
        return "english" if english > other else "other_latin"
    return _of_client(client)


def _of_client(client: str | None) -> Language:
    if not client:
        return "unknown"
    tag = client.partition("-")[0].lower()
    if tag == "en":
        return "english"
    return (
        "other_script" if tag in {"bg", "el", "hi", "ja", "ko", "ru", "th", "uk", "zh", "ar", "he"} else "other_latin"
    )
