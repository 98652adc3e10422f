"""Message bodies, checked (Discord docs, "Message": Create Message; "Poll")."""

import time

from ..errors import ApiError, invalid
from ..permissions import Permission
from ..state.accounts import Json
from ..state.messages import Attachment, Flag, Message, Poll, Type
from ..state.places import Channel
from ..state.posting import settable
from ..state.world import World
from .call import Call, snowflake
from .checks import text
from .components import components

CONTENT, EMBEDS, EMBED_TOTAL, FILES = 2000, 10, 6000, 10
EMBED_LENGTHS = {"title": 256, "description": 4096}


def message_fields(call: Call, channel: Channel, *, old: Message | None = None) -> Json:
    """The fields of `Message` that a body sets: all for a new message, those that it names for an edit of `old`.

    ApiError 50035 for what the API would not take, 50006 for nothing at all, 40005 for a file too large.
    """
    body = call.body
    fields: Json = {}
    if "content" in body:
        fields["content"] = text(body["content"] or "", "content", CONTENT).strip()
    if "embeds" in body:
        fields["embeds"] = _embeds(body["embeds"] or [])
    if "flags" in body:
        flags = settable(body["flags"] or 0)
        keep = 0 if old is None else old.flags & ~int(Flag.SUPPRESS_EMBEDS)
        fields["flags"] = keep | flags
    if "components" in body:
        fields["components"] = components(body["components"] or [], fields.get("flags", old.flags if old else 0))
    if "attachments" in body or call.files:
        fields["attachments"] = _attachments(call, channel, old)
        _show_attached(fields)
    if fields.get("flags", old.flags if old else 0) & Flag.COMPONENTS_V2 and (
        fields.get("content") or fields.get("embeds") or body.get("poll")
    ):
        code = "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2"
        raise invalid("content", code, "The field cannot be used when using MessageFlags.IS_COMPONENTS_V2")
    if old is None:
        if body.get("poll"):
            fields["poll"] = _poll(body["poll"])
        fields["nonce"] = body.get("nonce")
        fields["tts"] = bool(body.get("tts"))
    left = (
        {name: getattr(old, name) for name in ("content", "embeds", "components", "attachments", "poll")} if old else {}
    )
    if not any((left | fields).get(name) for name in ("content", "embeds", "components", "attachments", "poll")):
        raise ApiError(50006)
    return fields


def needed_permissions(channel: Channel, fields: Json) -> list[Permission]:
    """What the bot must be allowed to write such a message here."""
    talk = Permission.SEND_MESSAGES if channel.thread is None else Permission.SEND_MESSAGES_IN_THREADS
    needed = [talk]
    if fields.get("attachments"):
        needed.append(Permission.ATTACH_FILES)
    if fields.get("poll"):
        needed.append(Permission.SEND_POLLS)
    return needed


def reply(world: World, channel: Channel, reference: Json | None) -> Json:
    """The fields that a message reference sets; none when the message is gone and that is allowed."""
    if not reference or reference.get("message_id") is None:
        return {}
    target = channel.messages.get(snowflake(reference["message_id"], "message_reference.message_id"))
    if target is None:
        if reference.get("fail_if_not_exists", True):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return {}
    world.allow(channel, Permission.READ_MESSAGE_HISTORY)
    return {"reply_to": target, "type": Type.REPLY}


def _embeds(embeds: list[Json]) -> list[Json]:
    if len(embeds) > EMBEDS:
        raise invalid("embeds", "BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")
    total = 0
    for i, embed in enumerate(embeds):
        texts = [(name, embed.get(name) or "", longest) for name, longest in EMBED_LENGTHS.items()]
        texts.append(("footer.text", (embed.get("footer") or {}).get("text") or "", 2048))
        texts.append(("author.name", (embed.get("author") or {}).get("name") or "", 256))
        inner = embed.get("fields") or []
        if len(inner) > 25:
            raise invalid(f"embeds.{i}.fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        for k, part in enumerate(inner):
            for name, longest in (("name", 256), ("value", 1024)):
                if not part.get(name):
                    raise invalid(f"embeds.{i}.fields.{k}.{name}", "BASE_TYPE_REQUIRED", "This field is required")
                texts.append((f"fields.{k}.{name}", part[name], longest))
        total += sum(len(text(value, f"embeds.{i}.{name}", longest)) for name, value, longest in texts)
    if total > EMBED_TOTAL:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TOTAL}")
    return [{"type": "rich"} | embed for embed in embeds]


def _attachments(call: Call, channel: Channel, old: Message | None) -> list[Attachment]:
    if len(call.files) > FILES:
        raise invalid("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {FILES} or fewer in length.")
    described = {str(part.get("id")): part for part in call.body.get("attachments") or []}
    kept = [a for a in (old.attachments if old else []) if "attachments" not in call.body or str(a.id) in described]
    for number, upload in call.files.items():
        if len(upload.data) > call.world.rules.attachment_bytes:
            raise ApiError(40005)
        attachment = call.world.file(channel, upload.filename, upload.data, upload.content_type)
        attachment.description = described.get(str(number), {}).get("description")
        kept.append(attachment)
    return kept


def _show_attached(fields: Json) -> None:
    """`attachment://name` in an embed stands for a file of the same message ("Message", Uploading Files)."""
    urls = {f"attachment://{attachment.filename}": attachment.url for attachment in fields["attachments"]}
    for embed in fields.get("embeds", ()):
        for name in ("image", "thumbnail"):
            if embed.get(name, {}).get("url") in urls:
                embed[name] = embed[name] | {"url": urls[embed[name]["url"]]}


def _poll(poll: Json) -> Poll:
    question = poll.get("question") or {}
    text(question.get("text") or "", "poll.question.text", 300)
    answers = poll.get("answers") or []
    if not question.get("text"):
        raise invalid("poll.question.text", "BASE_TYPE_REQUIRED", "This field is required")
    if not 1 <= len(answers) <= 10:
        raise invalid("poll.answers", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
    for i, part in enumerate(answers):
        text((part.get("poll_media") or {}).get("text") or "", f"poll.answers.{i}.poll_media.text", 55)
    hours = poll.get("duration", 24)
    if not 0 < hours <= 768:
        raise invalid("poll.duration", "NUMBER_TYPE_MAX", "int value should be less than or equal to 768.")
    media = {i: part["poll_media"] for i, part in enumerate(answers, 1)}
    return Poll(question, media, bool(poll.get("allow_multiselect")), time.time() + hours * 3600)
