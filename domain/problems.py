"""Problems of a request: one code per kind, one text per language."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict

from domain.json_objects import names_at
from domain.texts import Forms, Language, say
from domain.texts import both as _both

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


MAX_FIELD_LENGTH: Final = 200
"""Characters shown of a field's name: a caller may invent a name of any length."""


class Problem(BaseModel):
    """Reason why a request was refused.

    Attributes:
        field: the field in the caller's own terms, such as `Destinations[0]` or `payLoad.Text`.
        code: the kind of problem, a key of `SENTENCES`.
        details: the parameters of the text.
    """

    model_config = ConfigDict(frozen=True)

    field: Annotated[str, AfterValidator(lambda text: text[:MAX_FIELD_LENGTH])]
    code: str
    details: dict[str, str | int] = {}

    def message(self, language: Language = Language.SPANISH) -> str:
        """Render the problem."""
        is_bare = self.code in BARE_SENTENCES and not any(self.details.values())
        return say((BARE_SENTENCES if is_bare else SENTENCES)[self.code], language, self.details)


MAX_PROBLEMS: Final = 50
"""Maximum problems reported for one request: enough to fix it, few enough to store."""


SENTENCES: Final[Mapping[str, Forms]] = {
    "missing": _both("El campo es obligatorio", "The field is required"),
    "unknown_field": _both(
        "El campo no existe; los admitidos son: {allowed}", "There is no such field; the fields are: {allowed}"
    ),
    "duplicate_field": _both(
        "El campo aparece más de una vez (las mayúsculas no cuentan)",
        "The field is given more than once (letter case does not count)",
    ),
    "wrong_type": _both("Se esperaba {expected}", "Expected {expected}"),
    "empty": _both("No puede estar vacío", "It must not be empty"),
    "too_short": _both(
        "Debe tener al menos {limit:carácter|caracteres}", "It must have at least {limit:character|characters}"
    ),
    "too_long": _both(
        "Admite como máximo {limit:carácter|caracteres}", "It may have at most {limit:character|characters}"
    ),
    "too_many": _both("Admite como máximo {limit:elemento|elementos}", "It may have at most {limit:item|items}"),
    "not_allowed": _both("Debe ser uno de: {allowed}", "It must be one of: {allowed}"),
    "invalid": _both("Valor no válido: {es}", "Invalid value: {en}"),
    "too_small": _both("Debe ser como mínimo {limit}", "It must be at least {limit}"),
    "too_large": _both("Debe ser como máximo {limit}", "It must be at most {limit}"),
    "bad_pattern": _both("No tiene la forma {pattern}", "It is not of the form {pattern}"),
    "no_time_zone": _both("Falta la zona horaria, como Z o +02:00", "It lacks its time zone, such as Z or +02:00"),
    "bad_date": _both(
        "No es una fecha, como 2026-01-31 o 2026-01-31T09:48:21Z",
        "It is not a date, such as 2026-01-31 or 2026-01-31T09:48:21Z",
    ),
    "not_a_url": _both("No es una URL http o https", "It is not an http or https URL"),
    "bad_file_name": _both("Parece una palabra codificada (RFC 2047)", "It looks like an encoded word (RFC 2047)"),
    "bad_base64": _both("No es base64 (RFC 4648)", "It is not base64 (RFC 4648)"),
    "one_action": _both(
        "Un botón tiene solo uno de Id, Url y PhoneNumber", "A button has only one of Id, Url and PhoneNumber"
    ),
    "too_many_rows": _both(
        "Una lista tiene en total como máximo {limit:fila|filas}", "A list has at most {limit:row|rows} in all"
    ),
    "empty_card": _both(
        "Una tarjeta necesita Description o ImageUrl además de Title",
        "A card needs a Description or an ImageUrl besides its Title",
    ),
    "bad_phone_number": _both(
        "No es un número de teléfono válido con prefijo de país, como +34638766068; sin + ni 00 ha de ser de un rango "
        "en uso",
        "It is not a valid phone number with its country code, such as +34638766068; without + or 00 it must be in a "
        "range that is in use",
    ),
    "bad_email": _both(
        "No es una dirección de correo, como usuario@dominio.com: {es}",
        "It is not an e-mail address, such as usuario@dominio.com: {en}",
    ),
    "bad_page_scoped_id": _both(
        "No es un identificador de Messenger: de 1 a 50 dígitos",
        "It is not a Messenger page-scoped id: 1 to 50 digits",
    ),
    "bad_business_scoped_id": _both(
        "No es un identificador de WhatsApp, como ES.1349…", "It is not a WhatsApp business-scoped id, such as ES.1349…"
    ),
    "bad_destination": _both(
        "No es un teléfono, un correo ni un identificador de ningún canal",
        "It is no phone number, no e-mail address and no identifier of any channel",
    ),
    "no_words": _both(
        "Indique al menos una palabra que no sea de las más corrientes", "Give at least one word that is not too common"
    ),
    "duplicate_destination": _both("El destino está repetido", "The destination is given twice"),
    "too_many_destinations": _both(
        "Esta integración admite como máximo {limit:destino|destinos} por interacción",
        "This integration takes at most {limit:destination|destinations} per interaction",
    ),
    "repeated_choice": _both(
        "Dos opciones del mismo mensaje no pueden tener el mismo Title ni el mismo Id",
        "No two choices of a message may have the same Title or the same Id",
    ),
    "caption_not_shown": _both(
        "El canal no muestra un texto con este tipo de fichero", "The channel shows no caption with this kind of media"
    ),
    "bad_template_parameter": _both(
        "WhatsApp no admite parámetros vacíos, ni con saltos de línea, tabuladores o más de cuatro espacios seguidos",
        "WhatsApp takes no parameter that is empty, or has line breaks, tabs or more than four spaces in a row",
    ),
    "payload_not_supported": _both(
        "El proveedor {provider} no admite este tipo de mensaje; admite: {allowed}",
        "The provider {provider} does not take this kind of message; it takes: {allowed}",
    ),
    "user_not_found": _both(
        "Ningún usuario tiene este destino y AutoCreateUser es false",
        "No user has this destination and AutoCreateUser is false",
    ),
    "reserved_name": _both("Iris usa este nombre: no puede indicarse", "Iris uses this name: it cannot be given"),
    "destination_taken": _both(
        "El destino ya es del usuario {user}", "The destination belongs to the user {user} already"
    ),
    "user_merged": _both("El usuario se fusionó con el usuario {user}", "The user was merged into the user {user}"),
    "no_such_user": _both("El usuario no existe", "There is no such user"),
    "merged_with_itself": _both("Un usuario no se fusiona consigo mismo", "A user is not merged with itself"),
    "erased": _both("Los datos de esta interacción fueron suprimidos", "The data of this interaction were erased"),
    "user_erased": _both("El usuario fue suprimido", "The user was erased"),
    "attachment_not_found": _both("El adjunto no existe", "There is no such attachment"),
    "attachment_repeated": _both("El adjunto está repetido", "The attachment is given twice"),
    "too_many_attachments": _both(
        "Este mensaje admite como máximo {limit:adjunto|adjuntos}",
        "This message takes at most {limit:attachment|attachments}",
    ),
    "attachments_too_large": _both(
        "Los adjuntos de este mensaje pueden sumar como máximo {limit:byte|bytes}",
        "The attachments of this message may have at most {limit:byte|bytes} together",
    ),
    "wrong_media_type": _both(
        "El adjunto es {media_type}, pero MediaType es {expected}",
        "The attachment is {media_type}, but MediaType is {expected}",
    ),
    "media_type_not_allowed": _both(
        "Tipo de fichero no admitido; los admitidos son: {allowed}",
        "Files of this type are not taken; the types are: {allowed}",
    ),
    "media_type_mismatch": _both("El contenido no es {media_type}", "The content is not {media_type}"),
    "template_not_found": _both("La plantilla o la versión no existe", "There is no such template or version"),
    "wrong_channel": _both(
        "La plantilla es de {channel}, y la integración de {expected}",
        "The template is for {channel}, and the integration for {expected}",
    ),
    "one_of_both": _both("Indique payLoad o template, no los dos", "Give payLoad or template, not both"),
    "bad_placeholder": _both(
        "Las variables se escriben {{{{nombre}}}}, y no en Type; dos llaves que no lo son, {{{{{{{{",
        "Variables are written {{{{name}}}}, and not in Type; two braces that are none, {{{{{{{{",
    ),
    "undeclared_variable": _both("La variable {name} no está declarada", "The variable {name} is not declared"),
    "link_expired": _both("El enlace ha caducado", "The link has expired"),
    "process_required": _both(
        "Indique un processId o AutoCreateProcess: true", "Give a processId or AutoCreateProcess: true"
    ),
    "process_not_found": _both("El proceso no existe", "There is no such process"),
    "process_full": _both(
        "El proceso ya tiene {limit} usuarios, el máximo", "The process has {limit} users already, the maximum"
    ),
    "process_closed": _both("El proceso está cerrado", "The process is closed"),
    "name_taken": _both("El nombre ya está en uso", "The name is in use already"),
    "integration_not_found": _both("La integración no existe", "There is no such integration"),
    "integration_disabled": _both("La integración está deshabilitada", "The integration is disabled"),
    "integration_misconfigured": _both(
        "La configuración de la integración no es válida: {reason}", "The integration is misconfigured: {reason}"
    ),
    "lost_before_sending": _both(
        "El proceso de esta interacción se perdió antes de enviarla: no se ha enviado y puede enviarla de nuevo",
        "The workflow of this interaction was lost before it was sent: it was not sent, and you may send it again",
    ),
    "invalid_json": _both("El cuerpo no es JSON válido: {es}", "The body is not valid JSON: {en}"),
    "body_too_large": _both("El cuerpo supera los {limit:byte|bytes}", "The body is larger than {limit:byte|bytes}"),
    "body_too_slow": _both("El cuerpo no ha llegado a tiempo", "The body did not come in time"),
    "header_too_large": _both(
        "Las cabeceras superan los {limit:byte|bytes} o son demasiadas",
        "The header is larger than {limit:byte|bytes} or has too many fields",
    ),
    "url_too_long": _both("La URL supera los {limit:byte|bytes}", "The URL is longer than {limit:byte|bytes}"),
    "bad_http": _both("La petición no es HTTP válido", "The request is not valid HTTP"),
    "not_an_object": _both("El cuerpo debe ser un objeto JSON", "The body must be a JSON object"),
    "idempotency_key_reused": _both(
        "La clave ya se usó con otra petición", "The key was already used with another request"
    ),
    "bad_idempotency_key": _both(
        "Debe tener entre 1 y 255 caracteres ASCII visibles", "It must have 1 to 255 visible ASCII characters"
    ),
    "being_sent": _both(
        "Un intento de envío está en manos del proveedor: no se hará ninguno más después de él",
        "An attempt is in the provider's hands: none is made after it",
    ),
    "already_sent": _both("El proveedor ya la tiene", "The provider has it already"),
    "may_have_been_sent": _both(
        "Nadie respondió al envío: puede haberse enviado", "Nobody answered the send: it may have been sent"
    ),
    "not_outbound": _both("No se reenvía lo que se recibió", "What was received is not sent again"),
    "no_content": _both("No tiene contenido, o ya no lo tiene", "It has no contents, or none any more"),
    "may_still_arrive": _both(
        "Todavía puede llegar: reenviarla podría entregarla dos veces; si lo acepta, indique force: true",
        "It may still arrive: sent again, it could arrive twice; if you accept that, give force: true",
    ),
    "already_ended": _both("Ya había terminado", "It had ended already"),
    "not_found": _both("No existe", "It does not exist"),
    "method_not_allowed": _both("Método no admitido", "Method not allowed"),
    "unauthenticated": _both(
        "Falta una clave de API o un token válidos en Authorization: Bearer",
        "A valid API key or token is needed in Authorization: Bearer",
    ),
    "forbidden": _both("Esta cuenta o clave no puede hacer {operation}", "This account or key may not do {operation}"),
    "bad_cursor": _both(
        "Debe ser el nextCursor de una respuesta anterior", "It must be the nextCursor of an earlier answer"
    ),
    "wrong_credentials": _both("El email y/o contraseña no son válidos", "The e-mail or the password is wrong"),
    "password_has_address": _both(
        "La contraseña no debe contener la dirección de correo de la cuenta",
        "The password must not contain the account's e-mail address",
    ),
    "password_too_common": _both(
        "La contraseña es fácil de adivinar: use varias palabras poco corrientes, sin repeticiones ni secuencias",
        "The password is easily guessed: use several uncommon words, without repetitions or sequences",
    ),
    "unverified": _both("La firma del aviso no es válida", "The signature of the notification is not valid"),
    "too_many_requests": _both(
        "Demasiadas peticiones con esta clave; repita la petición más tarde",
        "Too many requests with this key; repeat the request later",
    ),
    "too_many_logins": _both(
        "Demasiados intentos de acceso; vuelva a intentarlo más tarde", "Too many attempts to log in; try again later"
    ),
    "wrong_password": _both("La contraseña no es correcta", "The password is wrong"),
    "session_over": _both("La sesión ha terminado; inicie sesión de nuevo", "The session is over; log in again"),
    "session_required": _both(
        "Solo puede hacerse con una sesión iniciada, no con una clave de API",
        "It can only be done by who logged in, not with an API key",
    ),
    "more_than_own": _both(
        "No puede conceder lo que usted no puede hacer: {operations}",
        "You cannot grant what you may not do yourself: {operations}",
    ),
    "last_administrator": _both(
        "Es el último administrador habilitado", "It is the last administrator who is not disabled"
    ),
    "email_taken": _both("Otra cuenta tiene esta dirección", "Another account has this address"),
    "key_revoked": _both("La clave está revocada", "The key is revoked"),
    "key_shown": _both(
        "La clave {id} ya se creó y se mostró con esta petición; para otro secreto, rótela",
        "The key {id} was already created and shown by this request; for another secret, rotate it",
    ),
    "in_the_past": _both("Debe ser un instante futuro", "It must be in the future"),
    "overloaded": _both(
        "Demasiadas peticiones a la vez; repita la petición en unos segundos",
        "Too many requests at once; repeat the request in a few seconds",
    ),
    "unavailable": _both(
        "{part} no responde; repita la petición en unos segundos",
        "{part} does not answer; repeat the request in a few seconds",
    ),
    "subscribes_to_nothing": _both(
        "No queda ningún evento: indique nombres de eventos o *", "No event is left: give names of events, or *"
    ),
    "bad_url": _both(
        "Debe ser una URL https:// sin usuario ni fragmento", "It must be an https:// URL without user or fragment"
    ),
    "storage_full": _both(
        "Iris no tiene espacio para guardar nada más: avise a quien lo administra, y repita la petición después",
        "Iris has no space left to store anything: inform its operator, and repeat the request later",
    ),
    "forbidden_address": _both(
        "La URL lleva a una dirección a la que Iris no se conecta",
        "The URL leads to an address that Iris does not connect to",
    ),
    "bad_event_id": _both(
        "Debe ser el id de un evento recibido antes", "It must be the id of an event that was received before"
    ),
    "events_forgotten": _both(
        "Lo ocurrido desde ese evento ya no se conoce: lea lo que falte y conéctese sin Last-Event-ID",
        "What happened since that event is not known any more: read what you missed, and connect without Last-Event-ID",
    ),
    "notification_pending": _both("La notificación todavía se está enviando", "The delivery is still under way"),
    "notification_ended": _both(
        "La notificación ya terminó como {state}", "The notification has ended as {state} already"
    ),
    "internal": _both("Error interno; nuestro equipo puede localizarlo", "Internal error; our staff can find it"),
}

BARE_SENTENCES: Final[Mapping[str, Forms]] = {
    "unknown_field": _both("El campo no existe; no se admite ninguno", "There is no such field, and none is taken"),
    "invalid": _both("Valor no válido", "Invalid value"),
    "too_many": _both("Debe estar vacío", "It must be empty"),
    "too_many_attachments": _both("Este mensaje no admite adjuntos", "This message takes no attachments"),
    "destination_taken": _both("El destino ya es de otro usuario", "The destination belongs to another user already"),
    "user_merged": _both("El usuario se fusionó con otro", "The user was merged into another"),
}
"""Texts for empty details: a limit of zero, no name, no reason, no names that may be shown."""

_TYPE_NAMES: Final[Mapping[str, str]] = {
    "string_type": "string",
    "bool_type": "boolean",
    "int_type": "integer",
    "float_type": "number",
    "list_type": "array",
    "tuple_type": "array",
    "dict_type": "object",
    "model_type": "object",
    "model_attributes_type": "object",
    "int_parsing": "integer",
    "int_from_float": "integer",
    "float_parsing": "number",
    "bool_parsing": "boolean",
}

_CODES: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "missing": ("missing", {}),
    "string_too_long": ("too_long", {"limit": "max_length"}),
    "too_long": ("too_many", {"limit": "max_length"}),
    "greater_than_equal": ("too_small", {"limit": "ge"}),
    "less_than_equal": ("too_large", {"limit": "le"}),
    "string_pattern_mismatch": ("bad_pattern", {"pattern": "pattern"}),
    "timezone_aware": ("no_time_zone", {}),
}
"""Pydantic's error types by our codes, with the details that each takes from the error's context."""

_FAMILIES: Final[Mapping[str, str]] = {"datetime": "bad_date", "date": "bad_date", "url": "not_a_url"}
"""Pydantic's error types by prefix."""

_QUOTED: Final = re.compile(r"'([^']*)'")


def problems_of_validation(
    errors: "Sequence[ErrorDetails]", prefix: str, model: type[BaseModel] | None = None
) -> list[Problem]:
    """Convert Pydantic's errors to problems.

    Args:
        errors: the result of `ValidationError.errors()`.
        prefix: the name of the validated object; empty for the request itself.
        model: the validated model, for the text about an unknown field; None if no field can be unknown.
    """
    return [_problem(error, prefix, model) for error in errors[:MAX_PROBLEMS]]


def _problem(error: "ErrorDetails", prefix: str, model: type[BaseModel] | None) -> Problem:
    context: Mapping[str, Any] = error.get("ctx", {})
    details: dict[str, str | int] = {}
    match error["type"]:
        case kind if kind in _CODES:
            code, sources = _CODES[kind]
            details = {name: context[source] for name, source in sources.items()}
        case "extra_forbidden":
            *place, name = error["loc"]
            allowed = names_at(model, place) if model is not None else []
            code = "duplicate_field" if str(name).lower() in map(str.lower, allowed) else "unknown_field"
            details["allowed"] = ", ".join(allowed)
        case kind if kind in _TYPE_NAMES:
            code, details["expected"] = "wrong_type", _TYPE_NAMES[kind]
        case "string_too_short" if context["min_length"] > 1:
            code, details = "too_short", {"limit": context["min_length"]}
        case "string_too_short" | "too_short":
            code = "empty"
        case "literal_error" | "enum":
            code, details["allowed"] = "not_allowed", ", ".join(_QUOTED.findall(context["expected"]))
        case kind if kind in SENTENCES:  # raised by a model of ours, with the problem's own code
            code, details = kind, dict(context)
        case kind:
            # The library's own texts exist in one language only, so they are not shown.
            code = _FAMILIES.get(kind.partition("_")[0], "invalid")
    return Problem(field=_path(prefix, error["loc"]), code=code, details=details)


def _path(prefix: str, location: Sequence[int | str]) -> str:
    path = prefix
    for step in location:
        if isinstance(step, int):
            path += f"[{step}]"
        else:
            path += f".{step}" if path else step
    return path
