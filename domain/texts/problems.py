"""Texts of problems, by the code of the problem."""

from collections.abc import Mapping
from typing import Final

from domain.texts import Forms, both
from domain.texts.strategy_problems import STRATEGY_SENTENCES

SENTENCES: Final[Mapping[str, Forms]] = {
    **STRATEGY_SENTENCES,
    "missing": both("El campo es obligatorio", "The field is required"),
    "unknown_field": both(
        "El campo no existe; los admitidos son: {allowed}", "There is no such field; the fields are: {allowed}"
    ),
    "duplicate_field": both(
        "El campo aparece más de una vez (las mayúsculas no cuentan)",
        "The field is given more than once (letter case does not count)",
    ),
    "wrong_type": both("Se esperaba {expected}", "Expected {expected}"),
    "empty": both("No puede estar vacío", "It must not be empty"),
    "too_short": both(
        "Debe tener al menos {limit:carácter|caracteres}", "It must have at least {limit:character|characters}"
    ),
    "too_long": both(
        "Admite como máximo {limit:carácter|caracteres}", "It may have at most {limit:character|characters}"
    ),
    "too_many": both("Admite como máximo {limit:elemento|elementos}", "It may have at most {limit:item|items}"),
    "not_allowed": both("Debe ser uno de: {allowed}", "It must be one of: {allowed}"),
    "invalid": both("Valor no válido: {es}", "Invalid value: {en}"),
    "too_small": both("Debe ser como mínimo {limit}", "It must be at least {limit}"),
    "too_large": both("Debe ser como máximo {limit}", "It must be at most {limit}"),
    "bad_pattern": both("No tiene la forma {pattern}", "It is not of the form {pattern}"),
    "no_time_zone": both("Falta la zona horaria, como Z o +02:00", "It lacks its time zone, such as Z or +02:00"),
    "bad_date": both(
        "No es una fecha, como 2026-01-31 o 2026-01-31T09:48:21Z",
        "It is not a date, such as 2026-01-31 or 2026-01-31T09:48:21Z",
    ),
    "not_a_url": both("No es una URL http o https", "It is not an http or https URL"),
    "bad_file_name": both("Parece una palabra codificada (RFC 2047)", "It looks like an encoded word (RFC 2047)"),
    "bad_base64": both("No es base64 (RFC 4648)", "It is not base64 (RFC 4648)"),
    "one_action": both(
        "Un botón tiene solo uno de Id, Url y PhoneNumber", "A button has only one of Id, Url and PhoneNumber"
    ),
    "too_many_rows": both(
        "Una lista tiene en total como máximo {limit:fila|filas}", "A list has at most {limit:row|rows} in all"
    ),
    "empty_card": both(
        "Una tarjeta necesita Description o ImageUrl además de Title",
        "A card needs a Description or an ImageUrl besides its Title",
    ),
    "bad_phone_number": both(
        "No es un número de teléfono válido con prefijo de país, como +34638766068; sin + ni 00 ha de ser de un rango "
        "en uso",
        "It is not a valid phone number with its country code, such as +34638766068; without + or 00 it must be in a "
        "range that is in use",
    ),
    "bad_email": both(
        "No es una dirección de correo, como usuario@dominio.com: {es}",
        "It is not an e-mail address, such as usuario@dominio.com: {en}",
    ),
    "bad_page_scoped_id": both(
        "No es un identificador de Messenger: de 1 a 50 dígitos",
        "It is not a Messenger page-scoped id: 1 to 50 digits",
    ),
    "bad_business_scoped_id": both(
        "No es un identificador de WhatsApp, como ES.1349…", "It is not a WhatsApp business-scoped id, such as ES.1349…"
    ),
    "bad_destination": both(
        "No es un teléfono, un correo ni un identificador de ningún canal",
        "It is no phone number, no e-mail address and no identifier of any channel",
    ),
    "no_words": both(
        "Indique al menos una palabra que no sea de las más corrientes", "Give at least one word that is not too common"
    ),
    "duplicate_destination": both("El destino está repetido", "The destination is given twice"),
    "too_many_destinations": both(
        "Esta integración admite como máximo {limit:destino|destinos} por interacción",
        "This integration takes at most {limit:destination|destinations} per interaction",
    ),
    "repeated_choice": both(
        "Dos opciones del mismo mensaje no pueden tener el mismo Title ni el mismo Id",
        "No two choices of a message may have the same Title or the same Id",
    ),
    "caption_not_shown": both(
        "El canal no muestra un texto con este tipo de fichero", "The channel shows no caption with this kind of media"
    ),
    "bad_template_parameter": both(
        "WhatsApp no admite parámetros vacíos, ni con saltos de línea, tabuladores o más de cuatro espacios seguidos",
        "WhatsApp takes no parameter that is empty, or has line breaks, tabs or more than four spaces in a row",
    ),
    "payload_not_supported": both(
        "El proveedor {provider} no admite este tipo de mensaje; admite: {allowed}",
        "The provider {provider} does not take this kind of message; it takes: {allowed}",
    ),
    "user_not_found": both(
        "Ningún usuario tiene este destino y AutoCreateUser es false",
        "No user has this destination and AutoCreateUser is false",
    ),
    "reserved_name": both("Iris usa este nombre: no puede indicarse", "Iris uses this name: it cannot be given"),
    "destination_taken": both(
        "El destino ya es del usuario {user}", "The destination belongs to the user {user} already"
    ),
    "user_merged": both("El usuario se fusionó con el usuario {user}", "The user was merged into the user {user}"),
    "no_such_user": both("El usuario no existe", "There is no such user"),
    "merged_with_itself": both("Un usuario no se fusiona consigo mismo", "A user is not merged with itself"),
    "erased": both("Los datos de esta interacción fueron suprimidos", "The data of this interaction were erased"),
    "user_erased": both("El usuario fue suprimido", "The user was erased"),
    "attachment_not_found": both("El adjunto no existe", "There is no such attachment"),
    "attachment_repeated": both("El adjunto está repetido", "The attachment is given twice"),
    "too_many_attachments": both(
        "Este mensaje admite como máximo {limit:adjunto|adjuntos}",
        "This message takes at most {limit:attachment|attachments}",
    ),
    "attachments_too_large": both(
        "Los adjuntos de este mensaje pueden sumar como máximo {limit:byte|bytes}",
        "The attachments of this message may have at most {limit:byte|bytes} together",
    ),
    "wrong_media_type": both(
        "El adjunto es {media_type}, pero MediaType es {expected}",
        "The attachment is {media_type}, but MediaType is {expected}",
    ),
    "media_type_not_allowed": both(
        "Tipo de fichero no admitido; los admitidos son: {allowed}",
        "Files of this type are not taken; the types are: {allowed}",
    ),
    "media_type_mismatch": both("El contenido no es {media_type}", "The content is not {media_type}"),
    "template_not_found": both("La plantilla o la versión no existe", "There is no such template or version"),
    "wrong_channel": both(
        "La plantilla es de {channel}, y la integración de {expected}",
        "The template is for {channel}, and the integration for {expected}",
    ),
    "one_of_both": both("Indique payLoad o template, no los dos", "Give payLoad or template, not both"),
    "bad_placeholder": both(
        "Las variables se escriben {{{{nombre}}}}, y no en Type; dos llaves que no lo son, {{{{{{{{",
        "Variables are written {{{{name}}}}, and not in Type; two braces that are none, {{{{{{{{",
    ),
    "undeclared_variable": both("La variable {name} no está declarada", "The variable {name} is not declared"),
    "link_expired": both("El enlace ha caducado", "The link has expired"),
    "process_required": both(
        "Indique un processId o AutoCreateProcess: true", "Give a processId or AutoCreateProcess: true"
    ),
    "process_not_found": both("El proceso no existe", "There is no such process"),
    "process_full": both(
        "El proceso ya tiene {limit} usuarios, el máximo", "The process has {limit} users already, the maximum"
    ),
    "recipient_paused": both(
        "{destination} ha devuelto varios correos en 14 días; no se le envía nada hasta {until}",
        "{destination} returned several e-mails within 14 days; nothing is sent to it until {until}",
    ),
    "recipient_opted_out": both(
        "{destination} se dio de baja el {at}; con el permiso consents:override puede enviarse con force: true",
        "{destination} opted out at {at}; with the scope consents:override it can be sent with force: true",
    ),
    "may_not_ignore_windows": both(
        "Su cuenta o clave no puede enviar fuera de las ventanas de envío (windows:ignore)",
        "Your account or key may not send outside the sending windows (windows:ignore)",
    ),
    "only_in_order": both("Solo con inOrder: true", "Only with inOrder: true"),
    "order_timeout_too_long": both("Como máximo un día", "At most a day"),
    "predecessor_failed": both(
        "El mensaje anterior de su proceso, {interaction}, no se ha entregado",
        "The message before it in its process, {interaction}, failed",
    ),
    "may_not_override": both(
        "Su cuenta o clave no puede enviar a quien se dio de baja (consents:override)",
        "Your account or key may not send to people who opted out (consents:override)",
    ),
    "process_closed": both("El proceso está cerrado", "The process is closed"),
    "name_taken": both("El nombre ya está en uso", "The name is in use already"),
    "integration_not_found": both("La integración no existe", "There is no such integration"),
    "integration_disabled": both("La integración está deshabilitada", "The integration is disabled"),
    "integration_misconfigured": both(
        "La configuración de la integración no es válida: {reason}", "The integration is misconfigured: {reason}"
    ),
    "lost_before_sending": both(
        "El proceso de esta interacción se perdió antes de enviarla: no se ha enviado y puede enviarla de nuevo",
        "The workflow of this interaction was lost before it was sent: it was not sent, and you may send it again",
    ),
    "invalid_json": both("El cuerpo no es JSON válido: {es}", "The body is not valid JSON: {en}"),
    "body_too_large": both("El cuerpo supera los {limit:byte|bytes}", "The body is larger than {limit:byte|bytes}"),
    "body_too_slow": both("El cuerpo no ha llegado a tiempo", "The body did not come in time"),
    "header_too_large": both(
        "Las cabeceras superan los {limit:byte|bytes} o son demasiadas",
        "The header is larger than {limit:byte|bytes} or has too many fields",
    ),
    "url_too_long": both("La URL supera los {limit:byte|bytes}", "The URL is longer than {limit:byte|bytes}"),
    "bad_http": both("La petición no es HTTP válido", "The request is not valid HTTP"),
    "not_an_object": both("El cuerpo debe ser un objeto JSON", "The body must be a JSON object"),
    "idempotency_key_reused": both(
        "La clave ya se usó con otra petición", "The key was already used with another request"
    ),
    "bad_idempotency_key": both(
        "Debe tener entre 1 y 255 caracteres ASCII visibles", "It must have 1 to 255 visible ASCII characters"
    ),
    "being_sent": both(
        "Un intento de envío está en manos del proveedor: no se hará ninguno más después de él",
        "An attempt is in the provider's hands: none is made after it",
    ),
    "already_sent": both("El proveedor ya la tiene", "The provider has it already"),
    "may_have_been_sent": both(
        "Nadie respondió al envío: puede haberse enviado", "Nobody answered the send: it may have been sent"
    ),
    "not_outbound": both("No se reenvía lo que se recibió", "What was received is not sent again"),
    "no_content": both("No tiene contenido, o ya no lo tiene", "It has no contents, or none any more"),
    "may_still_arrive": both(
        "Todavía puede llegar: reenviarla podría entregarla dos veces; si lo acepta, indique force: true",
        "It may still arrive: sent again, it could arrive twice; if you accept that, give force: true",
    ),
    "already_ended": both("Ya había terminado", "It had ended already"),
    "not_found": both("No existe", "It does not exist"),
    "method_not_allowed": both("Método no admitido", "Method not allowed"),
    "unauthenticated": both(
        "Falta una clave de API o un token válidos en Authorization: Bearer",
        "A valid API key or token is needed in Authorization: Bearer",
    ),
    "forbidden": both("Esta cuenta o clave no puede hacer {operation}", "This account or key may not do {operation}"),
    "bad_cursor": both(
        "Debe ser el nextCursor de una respuesta anterior", "It must be the nextCursor of an earlier answer"
    ),
    "wrong_credentials": both("El email y/o contraseña no son válidos", "The e-mail or the password is wrong"),
    "password_has_address": both(
        "La contraseña no debe contener la dirección de correo de la cuenta",
        "The password must not contain the account's e-mail address",
    ),
    "password_too_common": both(
        "La contraseña es fácil de adivinar: use varias palabras poco corrientes, sin repeticiones ni secuencias",
        "The password is easily guessed: use several uncommon words, without repetitions or sequences",
    ),
    "unverified": both("La firma del aviso no es válida", "The signature of the notification is not valid"),
    "too_many_requests": both(
        "Demasiadas peticiones con esta clave; repita la petición más tarde",
        "Too many requests with this key; repeat the request later",
    ),
    "too_many_logins": both(
        "Demasiados intentos de acceso; vuelva a intentarlo más tarde", "Too many attempts to log in; try again later"
    ),
    "wrong_password": both("La contraseña no es correcta", "The password is wrong"),
    "session_over": both("La sesión ha terminado; inicie sesión de nuevo", "The session is over; log in again"),
    "session_required": both(
        "Solo puede hacerse con una sesión iniciada, no con una clave de API",
        "It can only be done by who logged in, not with an API key",
    ),
    "more_than_own": both(
        "No puede conceder lo que usted no puede hacer: {operations}",
        "You cannot grant what you may not do yourself: {operations}",
    ),
    "last_administrator": both(
        "Es el último administrador habilitado", "It is the last administrator who is not disabled"
    ),
    "email_taken": both("Otra cuenta tiene esta dirección", "Another account has this address"),
    "key_revoked": both("La clave está revocada", "The key is revoked"),
    "key_shown": both(
        "La clave {id} ya se creó y se mostró con esta petición; para otro secreto, rótela",
        "The key {id} was already created and shown by this request; for another secret, rotate it",
    ),
    "in_the_past": both("Debe ser un instante futuro", "It must be in the future"),
    "overloaded": both(
        "Demasiadas peticiones a la vez; repita la petición en unos segundos",
        "Too many requests at once; repeat the request in a few seconds",
    ),
    "unavailable": both(
        "{part} no responde; repita la petición en unos segundos",
        "{part} does not answer; repeat the request in a few seconds",
    ),
    "subscribes_to_nothing": both(
        "No queda ningún evento: indique nombres de eventos o *", "No event is left: give names of events, or *"
    ),
    "bad_url": both(
        "Debe ser una URL https:// sin usuario ni fragmento", "It must be an https:// URL without user or fragment"
    ),
    "storage_full": both(
        "Iris no tiene espacio para guardar nada más: avise a quien lo administra, y repita la petición después",
        "Iris has no space left to store anything: inform its operator, and repeat the request later",
    ),
    "forbidden_address": both(
        "La URL lleva a una dirección a la que Iris no se conecta",
        "The URL leads to an address that Iris does not connect to",
    ),
    "bad_event_id": both(
        "Debe ser el id de un evento recibido antes", "It must be the id of an event that was received before"
    ),
    "events_expired": both(
        "Lo ocurrido desde ese evento ya no se conoce: lea lo que falte y conéctese sin Last-Event-ID",
        "What happened since that event is not known any more: read what you missed, and connect without Last-Event-ID",
    ),
    "notification_pending": both("La notificación todavía se está enviando", "The delivery is still under way"),
    "notification_ended": both(
        "La notificación ya terminó como {state}", "The notification has ended as {state} already"
    ),
    "bad_time_of_day": both(
        "Debe ser una hora como 09:00; solo el final puede ser 24:00",
        "It must be a time of day such as 09:00; only the end may be 24:00",
    ),
    "empty_window": both(
        "El final no puede ser igual al comienzo; el día entero es de 00:00 a 24:00",
        "The end must differ from the beginning; the whole day is from 00:00 to 24:00",
    ),
    "unknown_time_zone": both(
        "No es una zona horaria conocida, como Europe/Madrid", "It is not a known time zone, such as Europe/Madrid"
    ),
    "unknown_holidays": both(
        "No es un calendario de festivos conocido: un país como ES, o una subdivisión suya como ES-MD",
        "It is not a known calendar of holidays: a country such as ES, or a subdivision of it such as ES-MD",
    ),
    "local_without_zone": both(
        "Una hora local necesita timeZone: una zona como Europe/Madrid, o recipient",
        "A local time needs timeZone: a zone such as Europe/Madrid, or recipient",
    ),
    "bad_planned_time": both(
        "No es un instante, como 2027-03-28T09:00:00+02:00, ni una hora local, como 2027-03-28T09:00",
        "It is neither an instant, such as 2027-03-28T09:00:00+02:00, nor a local time, such as 2027-03-28T09:00",
    ),
    "bad_duration": both(
        "Debe ser una duración ISO 8601 mayor que cero, como PT10M o P2D, sin años ni meses",
        "It must be an ISO 8601 duration above zero, such as PT10M or P2D, without years and months",
    ),
    "bad_spread": both(
        "Debe ser una duración ISO 8601 de una hora como máximo, como PT5M",
        "It must be an ISO 8601 duration of at most one hour, such as PT5M",
    ),
    "bad_interval": both(
        "Debe ser una duración ISO 8601 mayor que cero, de un día como máximo, como PT6S",
        "It must be an ISO 8601 duration above zero, of at most one day, such as PT6S",
    ),
    "no_default_throttle": both(
        "Este proveedor no tiene límites propios en el canal: indique rate o perRecipient",
        "This provider has no limits of its own on the channel: give rate or perRecipient",
    ),
    "too_far_ahead": both(
        "Admite como máximo {limit:día|días} de antelación o de validez",
        "It may be at most {limit:day|days} ahead, or valid for as long",
    ),
    "expiry_given_twice": both("Indique expireAt o validFor, no los dos", "Give expireAt or validFor, not both"),
    "expires_before_sending": both(
        "Caduca antes de la hora de envío, o a la vez", "It expires before its time of sending, or at the same time"
    ),
    "expired": both("Caducó el {expiry}", "It expired at {expiry}"),
    "expires_before_window": both(
        "Caduca el {expiry}, y no puede enviarse antes del {opening}, cuando abre la ventana de envío",
        "It expires at {expiry}, and cannot be sent before {opening}, when the sending window opens",
    ),
    "window_never_opens": both(
        "Las ventanas de envío de este mensaje no coinciden nunca en {limit:día|días}",
        "The sending windows of this message are never open together within {limit:day|days}",
    ),
    "authentication_not_held": both(
        "Un mensaje de autenticación no espera a ninguna ventana", "A message of authentication waits for no window"
    ),
    "unknown_country": both("No es un país (ISO 3166-1), como ES", "It is not a country (ISO 3166-1), such as ES"),
    "duplicate_rule": both("Otra regla trata de los mismos mensajes", "Another rule is about the same messages"),
    "country_blocked": both(
        "Su organización no envía mensajes así a este país ({country})",
        "The organisation sends no such messages to this country ({country})",
    ),
    "country_unknown_blocked": both(
        "Su organización no envía mensajes así a números que no son de ningún país",
        "The organisation sends no such messages to numbers that belong to no country",
    ),
    "destination_limit_reached": both(
        "Este número ha recibido ya los mensajes de autenticación que su organización permite ({limit}) hasta {until}",
        "This number has got the messages of authentication that the organisation allows ({limit}) until {until}",
    ),
    "prefix_limit_reached": both(
        "Los números como este han recibido ya los mensajes de autenticación que su organización permite ({limit}) "
        "hasta {until}",
        "Numbers like this one have got the messages of authentication that the organisation allows ({limit}) until "
        "{until}",
    ),
    "country_limit_reached": both(
        "A este país van ya los mensajes de autenticación que su organización permite ({limit}) hasta {until}",
        "This country has got the messages of authentication that the organisation allows ({limit}) until {until}",
    ),
    "bad_period": both(
        "No es una duración ISO 8601 de un minuto a un día, como PT1H",
        "It is not an ISO 8601 duration of one minute to one day, such as PT1H",
    ),
    "number_not_for_authentication": both(
        "Un mensaje de autenticación no se envía a un número de tarificación adicional o de coste compartido",
        "A message of authentication is not sent to a number of premium rate or shared cost",
    ),
    "internal": both("Error interno; nuestro equipo puede localizarlo", "Internal error; our staff can find it"),
}

BARE_SENTENCES: Final[Mapping[str, Forms]] = {
    "unknown_field": both("El campo no existe; no se admite ninguno", "There is no such field, and none is taken"),
    "invalid": both("Valor no válido", "Invalid value"),
    "too_many": both("Debe estar vacío", "It must be empty"),
    "too_many_attachments": both("Este mensaje no admite adjuntos", "This message takes no attachments"),
    "destination_taken": both("El destino ya es de otro usuario", "The destination belongs to another user already"),
    "user_merged": both("El usuario se fusionó con otro", "The user was merged into another"),
}
"""Texts for empty details: a limit of zero, no name, no reason, no names that may be shown."""
