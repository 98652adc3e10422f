"""Message bodies, checked (Discord docs, "Message": Create Message; "Component Reference"; "Poll")."""

import time
from typing import Any

from ..errors import ApiError, invalid
from ..permissions import Permission
from ..state.accounts import Json
from ..state.messages import Attachment, Flag, Message, Poll, Type
from ..state.places import Channel
from ..state.posting import settable
from ..state.world import World
from .call import Call, snowflake

CONTENT, EMBEDS, EMBED_TOTAL, ROWS, BUTTONS, OPTIONS, COMPONENTS_V2 = 2000, 10, 6000, 5, 5, 25, 40
EMBED_LENGTHS = {"title": 256, "description": 4096}
COMPONENT_LENGTHS = {"label": 80, "custom_id": 100, "placeholder": 150}
ACTION_ROW, BUTTON, SELECTS, LINK_STYLE, PREMIUM_STYLE = 1, 2, (3, 5, 6, 7, 8), 5, 6


def message_fields(call: Call, channel: Channel, *, old: Message | None = None) -> Json:
    """The fields of `Message` that a body sets: all for a new message, those that it names for an edit of `old`.

    ApiError 50035 for what the API would not take, 50006 for nothing at all, 40005 for a file too large.
    """
    body = call.body
    fields: Json = {}
    if "content" in body:
        fields["content"] = _text(body["content"] or "", "content", CONTENT)
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


def _text(value: Any, field: str, longest: int) -> str:
    if not isinstance(value, str):
        raise invalid(field, "STRING_TYPE_CONVERT", "Could not interpret as string.")
    if len(value) > longest:
        raise invalid(field, "BASE_TYPE_MAX_LENGTH", f"Must be {longest} or fewer in length.")
    return value.strip() if field == "content" else value


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
        total += sum(len(_text(text, f"embeds.{i}.{name}", longest)) for name, text, longest in texts)
    if total > EMBED_TOTAL:
        raise invalid("embeds", "MAX_EMBED_SIZE_EXCEEDED", f"Embed size exceeds maximum size of {EMBED_TOTAL}")
    return [{"type": "rich"} | embed for embed in embeds]


def components(found: list[Json], flags: int) -> list[Json]:
    """Components, checked, with the ids that the API gives those without one."""
    if not flags & Flag.COMPONENTS_V2:
        if len(found) > ROWS:
            raise invalid("components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {ROWS} in length.")
        for i, row in enumerate(found):
            if row.get("type") != ACTION_ROW:
                raise invalid(
                    f"components.{i}.type",
                    "BASE_TYPE_CHOICES",
                    f"Value of field 'type' must be one of ({ACTION_ROW},).",
                )
    numbered: list[Json] = []
    ids: set[str] = set()
    count = [0]
    for i, component in enumerate(found):
        numbered.append(_component(component, f"components.{i}", ids, count))
    if count[0] > COMPONENTS_V2:
        raise invalid("components", "BASE_TYPE_MAX_LENGTH", f"Must be {COMPONENTS_V2} or fewer in length.")
    return numbered


def _component(component: Json, where: str, ids: set[str], count: list[int]) -> Json:
    count[0] += 1
    component = {"id": count[0], **component}
    kind = component.get("type")
    for name, longest in COMPONENT_LENGTHS.items():
        if component.get(name):
            _text(component[name], f"{where}.{name}", longest)
    custom_id = component.get("custom_id")
    if custom_id is not None:
        if custom_id in ids:
            raise invalid(
                f"{where}.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED", "Component custom id cannot be duplicated"
            )
        ids.add(custom_id)
    if kind == BUTTON:
        needs = "url" if component.get("style") == LINK_STYLE else "custom_id"
        if component.get("style") != PREMIUM_STYLE and not component.get(needs):
            raise invalid(f"{where}.{needs}", "BASE_TYPE_REQUIRED", "This field is required")
    if kind == SELECTS[0] and not 1 <= len(component.get("options") or []) <= OPTIONS:
        raise invalid(f"{where}.options", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {OPTIONS} in length.")
    inner = component.get("components")
    if inner is not None:
        if kind == ACTION_ROW and not 1 <= len(inner) <= BUTTONS:
            raise invalid(f"{where}.components", "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {BUTTONS} in length.")
        component["components"] = [
            _component(part, f"{where}.components.{k}", ids, count) for k, part in enumerate(inner)
        ]
    for name in ("accessory", "component"):
        if component.get(name):
            component[name] = _component(component[name], f"{where}.{name}", ids, count)
    return component


def _attachments(call: Call, channel: Channel, old: Message | None) -> list[Attachment]:
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
    _text(question.get("text") or "", "poll.question.text", 300)
    answers = poll.get("answers") or []
    if not question.get("text"):
        raise invalid("poll.question.text", "BASE_TYPE_REQUIRED", "This field is required")
    if not 1 <= len(answers) <= 10:
        raise invalid("poll.answers", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
    for i, part in enumerate(answers):
        _text((part.get("poll_media") or {}).get("text") or "", f"poll.answers.{i}.poll_media.text", 55)
    hours = poll.get("duration", 24)
    if not 0 < hours <= 768:
        raise invalid("poll.duration", "NUMBER_TYPE_MAX", "int value should be less than or equal to 768.")
    media = {i: part["poll_media"] for i, part in enumerate(answers, 1)}
    return Poll(question, media, bool(poll.get("allow_multiselect")), time.time() + hours * 3600)
