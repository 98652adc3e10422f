"""Where keys stand in a TOML text."""

import tomllib
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from infra.domains.lines import Path, key_lines

_NOISE = (
    "# [not.a.header] = '''",
    "",
    "  \t",
    'string{n} = "a \\" # [[x]] = "',
    "literal{n} = 'C:\\dir\\'",
    'basic{n} = """\n[domain] \\"""\nx = 1 # ""a"""""',
    "raw{n} = '''\n[[domain]]\n''y = {{ '''",
    "date{n} = 1979-05-27 07:32:00Z # comment",
    "float{n} = 1e-3",
    "array{n} = [\n  'a]', # ]\n  [ ],\n  {{ }},\n]",
)
_HEADERS = ("[[domain]]", "[ [x] ]", "[[domain.arms]]", '[domain.reward."a.b"]', "[other.'c d']", "[domain.champion]")


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A text in which every integer is the number of the line it stands on."""
    lines: list[str] = []
    written: set[str] = set()

    def line() -> int:
        return sum(each.count("\n") + 1 for each in lines) + 1

    for number in range(draw(st.integers(1, 12))):
        sort = draw(st.sampled_from(["noise", "header", "key", "dotted", "array", "inline"]))
        if sort == "noise":
            lines.append(draw(st.sampled_from(_NOISE)).format(n=number))
        elif sort == "key":
            lines.append(f"key{number}\t=  {line()} # {number}")
        elif sort == "dotted":
            lines.append(f'a{number} . "b\\u0020b".c = {line()}')
        elif sort == "array":
            first = line()
            lines.append(f"items{number} = [ # [\n  {first + 1}, {first + 1},\n\n  [{first + 3}],\n]")
        elif sort == "inline":
            first = line()
            lines.append(f"tables{number} = [{{ x = {first}, y = {{ z.w = {first} }} }},\n  {{x={first + 1}}}]")
        else:
            header = draw(st.sampled_from([each for each in _HEADERS if not each.startswith("[ ")]))
            if header.startswith("[[") and (header != "[[domain.arms]]" or "[[domain]]" in written):
                lines.append(header)
                written.add(header)
                written.difference_update(
                    {'[domain.reward."a.b"]', "[domain.champion]"} if header == "[[domain]]" else ()
                )
            elif header not in written and ("domain" not in header or "[[domain]]" in written):
                lines.append(header)
                written.add(header)
    return draw(st.sampled_from(["\n", "\r\n"])).join("\n".join(lines).split("\n"))


def _leaves(node: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    if path:
        yield path, node
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _leaves(value, (*path, key))
    if isinstance(node, list):
        for index, value in enumerate(node):
            yield from _leaves(value, (*path, index))


@given(documents())
def test_every_key_has_its_line(text):
    """Every path tomllib finds is located, no other is, and each integer stands on the line it says."""
    document = tomllib.loads(text)
    lines = key_lines(text)
    found = dict(_leaves(document))
    assert lines.keys() == found.keys()
    for path, value in found.items():
        if type(value) is int:
            assert lines[path] == value, (path, text)
