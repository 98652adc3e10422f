"""Every page of the console: what it is filled with, for whom, and what can be done there."""

from ..site import Page
from . import account, dead_letters, decisions, health, people, specifications

PAGES: tuple[Page, ...] = (
    *health.PAGES,
    *dead_letters.PAGES,
    *decisions.PAGES,
    *specifications.PAGES,
    *people.PAGES,
    *account.PAGES,
)
