"""A post's text, from wherever it is: its own words, files, pages."""

import asyncio
from collections.abc import Sequence
from typing import Final

import discord
import structlog

from .addresses import LinkRefusedError
from .fetching import Links
from .material import MOST_CHARACTERS, MOST_FILE_BYTES, Material, Source, cut, without_links
from .reading import text_of, tidy

_FILE_SECONDS: Final = 10.0
#: Characters of a post's own words that say anything beside its links and files.
_FEW_WORDS: Final = 40

_log = structlog.stdlib.get_logger(__name__)


async def sources_of(
    content: str, files: Sequence[discord.Attachment], material: Material, links: Links | None
) -> tuple[tuple[Source, ...], bool]:
    """What there is to read, and whether that is all of it.  links: None: they are not followed."""
    wanted = [_file(files[place]) for place in material.files]
    if links is not None:
        wanted += [_page(links, link) for link in material.links]
    read = await asyncio.gather(*wanted)
    found = [each for each in read if each is not None and each.text]
    words = tidy(content)
    if material.long or len(without_links(words)) >= _FEW_WORDS:
        found.insert(0, Source("", words))
    whole = sum(len(each.text) for each in found) <= MOST_CHARACTERS and None not in read
    return cut(found), whole


async def _file(file: discord.Attachment) -> Source | None:
    try:
        async with asyncio.timeout(_FILE_SECONDS):
            body = await file.read()
    except (discord.HTTPException, TimeoutError, OSError) as error:
        _log.info("an attachment can not be read", reason=type(error).__name__)
        return None
    text = text_of(body[:MOST_FILE_BYTES])
    return None if text is None else Source(file.filename, text)


async def _page(links: Links, link: str) -> Source | None:
    try:
        page = await links.fetch(link)
    except LinkRefusedError as error:
        _log.info("a link is not read", reason=str(error))  # says nothing about where it leads
        return None
    return Source(page.title, page.text) if page.text else None
