"""Every page of the console: what it is filled with, for whom, and what can be done there."""

from ..site import Page
from . import account, dead_letters, decisions, domain, health, overview, people, roi, specifications, tenants

PAGES: tuple[Page, ...] = (
    *overview.PAGES,
    *tenants.PAGES,
    *domain.PAGES,
    *roi.PAGES,
    *health.PAGES,
    *dead_letters.PAGES,
    *decisions.PAGES,
    *specifications.PAGES,
    *people.PAGES,
    *account.PAGES,
)
