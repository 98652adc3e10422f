"""What a model's answer about a post says."""

from typing import Final

from msgspec import Struct

from producers.discord.model_text import data_of, lines_of, shown, texts

_SUMMARY: Final = 1_500
_POINT: Final = 300
_POINTS: Final = 7
_QUESTIONS: Final = 4


class Analysis(Struct, frozen=True):
    """Of a post.  key_points, questions: of a quick one there are none."""

    summary: str
    key_points: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.summary or self.key_points)


def analysis_of(text: str) -> Analysis:
    """As it was asked for, or as much of that as there is; empty when the model said nothing."""
    data = data_of(text)
    if isinstance(data, dict):
        lower = {str(name).lower().replace(" ", "_"): value for name, value in data.items()}
        found = Analysis(
            shown(lower.get("summary"), _SUMMARY),
            texts(lower.get("key_points"), _POINT, _POINTS),
            texts(lower.get("questions"), _POINT, _QUESTIONS),
        )
        if found:
            return found
    if data is not None and text.lstrip().startswith(("{", "[", "```")):
        return Analysis("")  # data, and none that was asked for: nobody wants to read that
    return _plain(text)


def _plain(text: str) -> Analysis:
    """Text in place of data: prose is the summary, a list after it the points, and lines that ask, questions."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", "```"))]
    items = [each for line in lines if (each := lines_of(line)[0]) != line]
    prose = [line for line in lines if lines_of(line)[0] == line and not line.rstrip("*").endswith(":")]
    return Analysis(
        shown(" ".join(prose), _SUMMARY),
        texts([each for each in items if not each.endswith("?")], _POINT, _POINTS),
        texts([each for each in items if each.endswith("?")], _POINT, _QUESTIONS),
    )
