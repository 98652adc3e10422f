"""What there is to read in a post: its own words if they are many, links, files of text."""

import re
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec import Struct

#: Characters from which on a post is worth summarising for its own words.
LONG_POST: Final = 800
MOST_LINKS: Final = 3
MOST_FILES: Final = 3
#: Bytes of one file; larger ones are not read at all.
MOST_FILE_BYTES: Final = 256 * 1024
#: Characters that a model is given of a whole post.
MOST_CHARACTERS: Final = 24_000

_LINK: Final = re.compile(r"<?(https?://[^\s<>]+)>?")
_CODE: Final = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_TRAILING: Final = ".,;:!?'\"*_~|"
_ENDINGS: Final = (
    ".txt", ".md", ".rst", ".log", ".csv", ".tsv", ".json", ".jsonl", ".yaml", ".yml", ".toml", ".ini", ".xml", ".html",
    ".tex", ".py", ".js", ".ts", ".java", ".c", ".h", ".cpp", ".hpp", ".cs", ".go", ".rs", ".rb", ".php", ".sh", ".sql",
    ".kt", ".swift", ".lua", ".r", ".ipynb", ".diff", ".patch", ".srt", ".vtt",
)  # fmt: skip
_TEXT_TYPES: Final = ("application/json", "application/xml", "application/yaml", "application/toml")


class File(Protocol):
    """An attachment, as far as it is known without reading it (`discord.Attachment`)."""

    @property
    def filename(self) -> str:
        """With its ending."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def content_type(self) -> str | None:
        """As Discord guesses it."""
        ...


class Material(Struct, frozen=True):
    """What can be read.  links: in order, each once; files: positions among the post's attachments."""

    long: bool
    links: tuple[str, ...]
    files: tuple[int, ...]

    def __bool__(self) -> bool:
        return self.long or bool(self.links) or bool(self.files)


class Source(Struct, frozen=True):
    """A part of a post, as text.  name: of the file, or of the page; empty: the post's own words."""

    name: str
    text: str


def material_of(text: str, files: Sequence[File]) -> Material:
    """What there is to read in a post."""
    readable = [place for place, each in enumerate(files) if _is_text(each) and 0 < each.size <= MOST_FILE_BYTES]
    return Material(len(text) >= LONG_POST, links_of(text), tuple(readable[:MOST_FILES]))


def links_of(text: str) -> tuple[str, ...]:
    """The first links of a text, each once; those within code are no links.

    >>> links_of("see https://example.org/a_(b)), or <https://example.org/c>.")
    ('https://example.org/a_(b)', 'https://example.org/c')
    """
    found: dict[str, None] = {}
    for link in _LINK.findall(_CODE.sub(" ", text)):
        bare = link.rstrip(_TRAILING)
        while bare.endswith(")") and bare.count(")") > bare.count("("):
            bare = bare[:-1].rstrip(_TRAILING)
        found.setdefault(bare)
    return tuple(found)[:MOST_LINKS]


def without_links(text: str) -> str:
    """What a text says beside its links."""
    return _LINK.sub("", text).strip()


def cut(sources: Sequence[Source], most: int = MOST_CHARACTERS) -> tuple[Source, ...]:
    """Within `most` characters in all.  Short sources stay whole; the beginnings of long ones share what is left."""
    left, kept = most, {}
    for count, each in enumerate(sorted(sources, key=lambda each: len(each.text))):
        share = left // (len(sources) - count)
        kept[id(each)] = Source(each.name, each.text[:share])
        left -= len(kept[id(each)].text)
    return tuple(kept[id(each)] for each in sources)


def _is_text(file: File) -> bool:
    kind = (file.content_type or "").partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES or file.filename.lower().endswith(_ENDINGS)
