"""What the API answers when it refuses (Discord docs, "Opcodes and Status Codes", JSON Error Codes)."""

from typing import Any

import msgspec

JSON_ERRORS: dict[int, tuple[int, str]] = {
    0: (404, "404: Not Found"),
    10003: (404, "Unknown Channel"),
    10004: (404, "Unknown Guild"),
    10007: (404, "Unknown Member"),
    10008: (404, "Unknown Message"),
    10013: (404, "Unknown User"),
    10014: (400, "Unknown Emoji"),
    10015: (404, "Unknown Webhook"),
    10062: (404, "Unknown interaction"),
    10063: (404, "Unknown application command"),
    40005: (413, "Request entity too large"),
    40060: (400, "Interaction has already been acknowledged."),
    50001: (403, "Missing Access"),
    50005: (403, "Cannot edit a message authored by another user"),
    50006: (400, "Cannot send an empty message"),
    50007: (403, "Cannot send messages to this user"),
    50013: (403, "Missing Permissions"),
    50027: (401, "Invalid Webhook Token"),
    50035: (400, "Invalid Form Body"),
    50083: (400, "Thread is archived"),
    50109: (400, "The request body contains invalid JSON."),
    160004: (400, "A thread has already been created for this message"),
    520006: (400, "Poll expired"),
}
"""JSON error code: (HTTP status, message)."""


class ApiError(Exception):
    """A refusal by the API.  Its body is `{"message", "code"}` and, for an invalid form, `errors` by field."""

    def __init__(self, code: int, *, status: int | None = None, message: str | None = None, errors: Any = None) -> None:
        known_status, known_message = JSON_ERRORS[code]
        super().__init__(message or known_message)
        self.code = code
        self.status = status or known_status
        self.errors = errors

    def body(self) -> bytes:
        """The JSON body of the answer."""
        content: dict[str, Any] = {"message": str(self), "code": self.code}
        if self.errors is not None:
            content["errors"] = self.errors
        return msgspec.json.encode(content)


def unauthorized() -> ApiError:
    """The token is missing or wrong (HTTP 401 with code 0)."""
    return ApiError(0, status=401, message="401: Unauthorized")


def invalid(field: str, code: str, message: str) -> ApiError:
    """An invalid form: `field` as a dotted path, `code` such as BASE_TYPE_MAX_LENGTH ("Reference", Error Messages)."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for name in reversed(field.split(".")):
        errors = {name: errors}
    return ApiError(50035, errors=errors)
