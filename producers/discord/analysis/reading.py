"""Text out of what was posted: web pages, and files of text."""

import codecs
import re
from typing import Any, Final

from lxml import etree, html
from msgspec import Struct

#: Not what a page says.
_NOT_TEXT: Final = (
    "script", "style", "noscript", "template", "svg", "canvas", "iframe", "object", "form", "button", "select",
    "nav", "header", "footer", "aside", "head",
)  # fmt: skip
_BLOCKS: Final = (
    "p", "div", "section", "article", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "br", "tr", "table", "pre",
    "blockquote", "dt", "dd", "figcaption", "main",
)  # fmt: skip
#: Where the page says what it is about, the first that has enough; in order.
_WHERE: Final = ("//article[not(ancestor::article)]", "//main[not(ancestor::main)]", "//body")
_ENOUGH: Final = 200
_LONGEST_TITLE: Final = 200
_MOST_REPLACED: Final = 0.02


class Page(Struct, frozen=True):
    """What a page says.  text: may be empty."""

    title: str
    text: str


def page_of(body: bytes, charset: str | None) -> Page:
    """The text of an HTML page, without menus and scripts.

    charset: as the server said; None: as the page says.  Linear in the size of the page: lxml refuses to nest deeply.
    """
    if not body.strip():
        return Page("", "")
    try:
        tree = html.document_fromstring(body, parser=html.HTMLParser(encoding=_known(charset), huge_tree=False))
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return Page("", "")
    title = tidy(" ".join(tree.xpath("string(//title)").split()))[:_LONGEST_TITLE]
    etree.strip_elements(tree, etree.Comment, etree.ProcessingInstruction, *_NOT_TEXT, with_tail=False)
    for element in tree.iter(*_BLOCKS):
        element.text = "\n" + (element.text or "")
        element.tail = "\n" + (element.tail or "")
    text = ""
    for place in _WHERE:
        text = tidy("\n".join(map(_said, tree.xpath(place))))
        if len(text) >= _ENOUGH:
            break
    return Page(title, text)


def plain_of(body: bytes, charset: str | None = None) -> Page:
    """A page or file that is text already; empty when it is none."""
    return Page("", text_of(body, charset) or "")


def text_of(body: bytes, charset: str | None = None) -> str | None:
    """Bytes as text: by their byte order mark, as `charset` says, else UTF-8.  None: that is no text."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if body.startswith(mark):
            charset = name
    text = body.decode(_known(charset) or "utf-8", errors="replace")
    if "\0" in text or text.count("\ufffd") > _MOST_REPLACED * len(text) + 1:
        return None
    return tidy(text)


def tidy(text: str) -> str:
    """Without control characters, spaces at the ends of lines, and more than one empty line in a row."""
    printable = "".join(each for each in text if each == "\n" or each == "\t" or each.isprintable() or each.isspace())
    lines = (re.sub(r"[^\S\n\t]+", " ", line).rstrip() for line in printable.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _said(element: Any) -> str:
    return "".join(element.itertext())


def _known(charset: str | None) -> str | None:
    try:
        return codecs.lookup(charset).name if charset else None
    except LookupError:
        return None
