"""Every error a person or an operator can meet on the wire, with a reason that counts and dead letters carry."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record could not be handled.  The values are metric labels and never change."""

    NOT_MESSAGEPACK = "not-messagepack"
    UNKNOWN_TYPE = "unknown-type"
    UNKNOWN_VERSION = "unknown-version"
    INVALID = "invalid"
    TOO_LARGE = "too-large"
    WRONG_KEY = "wrong-key"
    UNKNOWN_DOMAIN = "unknown-domain"
    UNKNOWN_ARM = "unknown-arm"
    NO_ELIGIBLE_ARM = "no-eligible-arm"
    FEATURES_LENGTH = "features-length"
    FEATURES_NOT_FINITE = "features-not-finite"
    ORPHAN = "orphan"
    BUDGET_SPENT = "budget-spent"
    FAILED = "failed"  # the stage itself failed on it: a defect of ours, with the exception in the detail


class CroupierError(Exception):
    """Base of the errors this project raises on purpose; its text says what was wrong, where, and what to do."""


class BadRecordError(CroupierError):
    """A record that cannot be handled: it goes to dead-letters with this reason, and the stream goes on."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class SpecificationError(CroupierError):
    """A domain file that cannot be used; it changes nothing."""


class TopicsMismatchError(CroupierError):
    """The broker's topics are not as `schemas.topics` says."""


class BrokerUnavailableError(CroupierError):
    """No Kafka can be reached or started."""
