"""Models behind one interface: streams, fallbacks, health, and what each answer cost."""

from .answer import Answer, Answering, Attempt, Message, Request, Stream, Unanswered, Usage

__all__ = ["Answer", "Answering", "Attempt", "Message", "Request", "Stream", "Unanswered", "Usage"]
