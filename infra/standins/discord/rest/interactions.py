"""Responses to interactions (Discord docs, "Receiving and Responding": Interaction Response, Followup Messages)."""

from ..errors import ApiError, invalid
from ..state import posting
from ..state.accounts import Json
from ..state.asking import acknowledge, by_token, original
from ..state.interactions import Answered, Asked, Interaction
from ..state.messages import Flag, Message, Type
from .call import NOTHING, Answer, Call, Route, answer
from .checks import many
from .components import modal
from .forms import message_fields
from .messages import shown

ALLOWED: dict[Asked, tuple[Answered, ...]] = {
    Asked.COMMAND: (Answered.MESSAGE, Answered.DEFERRED_MESSAGE, Answered.MODAL),
    Asked.COMPONENT: (
        Answered.MESSAGE,
        Answered.DEFERRED_MESSAGE,
        Answered.DEFERRED_UPDATE,
        Answered.UPDATE,
        Answered.MODAL,
    ),
    Asked.AUTOCOMPLETE: (Answered.CHOICES,),
    Asked.MODAL: (Answered.MESSAGE, Answered.DEFERRED_MESSAGE, Answered.DEFERRED_UPDATE, Answered.UPDATE),
}
"""Which callback types answer which interactions."""


def _callback(call: Call, interaction: Interaction | None) -> Answered:
    kind = call.body.get("type")
    allowed = tuple(Answered) if interaction is None else ALLOWED[interaction.type]
    if interaction is not None and interaction.message is None:  # there is no message to update
        allowed = tuple(one for one in allowed if one not in (Answered.UPDATE, Answered.DEFERRED_UPDATE))
    if kind not in allowed:
        choices = ", ".join(str(int(one)) for one in allowed)
        raise invalid("type", "BASE_TYPE_CHOICES", f"Value of field 'type' must be one of ({choices}).")
    return Answered(kind)


def respond(call: Call) -> Answer:
    """Create Interaction Response.  A body that is not taken leaves the interaction unanswered."""
    known = call.world.interactions.get(call.number("interaction"))
    callback = _callback(call, known)
    data: Json = call.body.get("data") or {}
    call.body = data
    fields: Json = {}
    if known is not None and callback in (Answered.MESSAGE, Answered.UPDATE):
        fields = message_fields(call, known.channel, old=known.message if callback is Answered.UPDATE else None)
    elif callback is Answered.MODAL:
        data = modal(data)
    elif callback is Answered.CHOICES:
        many(data.get("choices"), "data.choices", 25, 0)
    interaction = acknowledge(call.world, call.number("interaction"), call.path["token"], callback)
    match callback:
        case Answered.MESSAGE:
            interaction.response = _post(call, interaction, fields)
        case Answered.DEFERRED_MESSAGE:
            flags = (data.get("flags") or 0) & Flag.EPHEMERAL | Flag.LOADING
            interaction.response = _post(call, interaction, {"flags": int(flags)})
        case Answered.UPDATE if interaction.message is not None:
            posting.edit(call.world, interaction.message, fields)
        case Answered.MODAL:
            interaction.modal = data
        case Answered.CHOICES:
            interaction.choices = data.get("choices") or []
        case _:
            pass
    interaction.changes.tell()
    if not call.flag("with_response"):
        return NOTHING
    return answer(_callback_response(call, interaction, callback))


def _callback_response(call: Call, interaction: Interaction, callback: Answered) -> Json:
    content: Json = {"interaction": {"id": str(interaction.id), "type": int(interaction.type)}}
    message = interaction.response
    if callback in (Answered.UPDATE, Answered.DEFERRED_UPDATE):
        message = interaction.message
    if message is not None:
        content["interaction"] |= {
            "response_message_id": str(message.id),
            "response_message_loading": message.loading,
            "response_message_ephemeral": message.ephemeral,
        }
        content["resource"] = {"type": int(callback), "message": shown(call, message)}
    return content


def _post(call: Call, interaction: Interaction, fields: Json) -> Message:
    kind = Type.DEFAULT
    reply_to = None
    if not interaction.messages:
        kind, reply_to = Type.COMMAND, None
    if interaction.type is Asked.COMPONENT:
        kind, reply_to = Type.REPLY, interaction.message
    elif interaction.messages:
        kind, reply_to = Type.REPLY, interaction.messages[0]
    message = Message(
        call.world.ids.next(),
        interaction.channel,
        call.world.bot,
        type=kind,
        reply_to=reply_to,
        interaction=interaction,
        audience=interaction.person if fields.get("flags", 0) & Flag.EPHEMERAL else None,
        **fields,
    )
    posting.post(call.world, message, allowed=call.body.get("allowed_mentions"))
    return message


def followup(call: Call) -> Answer:
    """Create Followup Message; right after a deferred response it edits the "is thinking..." instead."""
    interaction = by_token(call.world, call.number("application"), call.path["token"])
    response = interaction.response
    if response is not None and response.loading and not response.deleted:
        return _edit(call, interaction, response)
    message = _post(call, interaction, message_fields(call, interaction.channel))
    interaction.followups.append(message)
    interaction.changes.tell()
    return answer(shown(call, message))


def _found(call: Call) -> tuple[Interaction, Message]:
    interaction = by_token(call.world, call.number("application"), call.path["token"])
    if call.path.get("message") in (None, "@original"):
        return interaction, original(interaction)
    number = call.number("message")
    for message in interaction.messages:
        if message.id == number and not message.deleted:
            return interaction, message
    if interaction.message is not None and interaction.message.id == number:
        return interaction, interaction.message
    raise ApiError(10008)


def _edit(call: Call, interaction: Interaction, message: Message) -> Answer:
    fields = message_fields(call, message.channel, old=message)
    fields["flags"] = fields.get("flags", message.flags) & ~int(Flag.LOADING)
    posting.edit(call.world, message, fields)
    interaction.changes.tell()
    return answer(shown(call, message))


def get(call: Call) -> Answer:
    """Get Original Interaction Response, Get Followup Message."""
    return answer(shown(call, _found(call)[1]))


def edit(call: Call) -> Answer:
    """Edit Original Interaction Response, Edit Followup Message."""
    return _edit(call, *_found(call))


def delete(call: Call) -> Answer:
    """Delete Original Interaction Response, Delete Followup Message."""
    interaction, message = _found(call)
    posting.delete(call.world, message)
    interaction.changes.tell()
    return NOTHING


_WEBHOOK = "/webhooks/{application}/{token}"
_MESSAGE = _WEBHOOK + "/messages/{message}"

ROUTES = [
    Route("POST", "/interactions/{interaction}/{token}/callback", respond, "callbacks", "interaction", open=True),
    Route("POST", _WEBHOOK, followup, "webhooks", "token", open=True),
    Route("GET", _MESSAGE, get, "webhooks", "token", open=True),
    Route("PATCH", _MESSAGE, edit, "webhooks", "token", open=True),
    Route("DELETE", _MESSAGE, delete, "webhooks", "token", open=True),
]
