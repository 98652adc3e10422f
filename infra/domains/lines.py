"""Where each key of a TOML document stands, which `tomllib` does not tell.

The document is already known to be valid TOML (`tomllib` has read it), so this reader only has to find its way:
it follows headers, keys, arrays and inline tables, and skips over the values.
"""

import re
import tomllib
from collections.abc import Mapping

#: From the document's root: keys of tables and indexes of arrays, e.g. ("domain", 0, "arms", 1, "price").
Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'""")
_DOT = re.compile(r"[ \t]*\.[ \t]*")
_STRING = re.compile(
    r""""{3}(?:[^"\\]|\\.|"(?!""))*"{3,5}"""
    r"""|'{3}(?:[^']|'(?!''))*'{3,5}"""
    r'''|"(?:[^"\\\n]|\\.)*"'''
    r"""|'[^'\n]*'""",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}\n#]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """The line, from 1, on which each key, table and array element of a valid document is first written."""
    reader = _Reader(text.replace("\r\n", "\n"))
    reader.document()
    return reader.lines


class _Reader:
    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._line = 1
        self._counts: dict[Path, int] = {}  # elements so far of each array of tables

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        array = self._text.startswith("[[", self._at)
        self._at += 2 if array else 1
        line = self._line
        self._skip(_SPACE)
        names = self._key()
        self._skip(_SPACE)
        self._at += 2 if array else 1
        path: Path = ()
        for name in names[:-1]:
            path = self._within((*path, name), line)
        path = (*path, names[-1])
        self.lines.setdefault(path, line)
        if not array:
            return path
        index = self._counts.get(path, 0)
        self._counts[path] = index + 1
        self.lines[(*path, index)] = line
        return (*path, index)

    def _within(self, path: Path, line: int) -> Path:
        """The table a header's part leads into: the last element so far if it is an array of tables."""
        self.lines.setdefault(path, line)
        return (*path, self._counts[path] - 1) if path in self._counts else path

    def _pair(self, table: Path) -> None:
        line = self._line
        path = table
        for name in self._key():
            path = (*path, name)
            self.lines.setdefault(path, line)
        self._skip(_SPACE)
        self._at += 1  # =
        self._skip(_SPACE)
        self._value(path)

    def _key(self) -> list[str]:
        names = []
        while True:
            raw = self._take(_KEY)
            names.append(tomllib.loads(f"key = {raw}")["key"] if raw[0] in "\"'" else raw)
            if not _DOT.match(self._text, self._at):
                return names
            self._take(_DOT)

    def _value(self, path: Path) -> None:
        start = self._text[self._at]
        if start in "\"'":
            self._take(_STRING)
        elif start == "[":
            self._elements(path)
        elif start == "{":
            self._pairs(path)
        else:
            self._take(_SCALAR)

    def _elements(self, path: Path) -> None:
        self._at += 1
        index = 0
        self._skip(_BLANK)
        while self._text[self._at] != "]":
            self.lines[(*path, index)] = self._line
            self._value((*path, index))
            index += 1
            self._skip_comma()
        self._at += 1

    def _pairs(self, path: Path) -> None:
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != "}":
            self._pair(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        self._skip(_BLANK)
        if self._text[self._at] == ",":
            self._at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise ValueError(f"line {self._line}: not as TOML 1.0 is written; tomllib should have refused it")
        self._at = match.end()
        self._line += match.group().count("\n")
        return match.group()
