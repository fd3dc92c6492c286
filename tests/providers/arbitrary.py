"""Arbitrary input: recorded bodies and answers, with damage that their authors did not foresee."""

import copy
import functools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode, urlsplit

from hypothesis import strategies as st
from pydantic import JsonValue

from providers.base import Webhook
from tests.providers.fake_provider import NOW, REFERENCE, Delivery, FakeProvider

ROOT: Final = Path(__file__).parent

texts = st.text(st.characters(exclude_categories=()), max_size=20)
"""Any text, with lone surrogates and control characters."""

AWKWARD: Final[Sequence[JsonValue]] = (
    "",
    "\x00",
    "\ud83d",
    "\ud83d".encode("utf-8", "surrogatepass").decode("latin-1"),
    "9" * 400,
    "x" * 20_000,
    "İ" * 60,
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "٣",
    "1e999",
    2**63,
    -(2**70),
    10**400,
    1e308,
    float("nan"),
    json.loads("[" * 60 + "]" * 60),
    json.loads('{"a":' * 300 + "1" + "}" * 300),
)
"""Values that break naive parsers: texts that cannot be stored, extreme times, huge numbers, nesting."""

_AWKWARD_TEXTS: Final = [value for value in AWKWARD if isinstance(value, str)]

values = st.one_of(
    st.sampled_from(AWKWARD),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=5,
    ),
)
encodings = st.sampled_from([("utf-8", "surrogatepass")] * 4 + [("utf-16", "surrogatepass"), ("latin-1", "replace")])


@functools.cache
def recorded(provider: str) -> Sequence[bytes]:
    """All recordings of a provider, and every JSON object within."""
    files = sorted(path for path in (ROOT / "recorded" / provider).rglob("*.*") if path.suffix != ".md")
    files += sorted((ROOT / "contracts").glob(f"{provider}_*.json"))
    return [body for path in files for body in _bodies(path)]


def _bodies(path: Path) -> Iterator[bytes]:
    if path.suffix != ".json":
        yield path.read_bytes()
        return
    frontier: list[Any] = [json.loads(path.read_text())]
    while frontier:
        one = frontier.pop()
        if isinstance(one, dict):
            yield json.dumps(one).encode()
        frontier += [inner for _, inner in members(one)]


@functools.cache
def receipts(fake_provider: type[FakeProvider]) -> Sequence[Webhook]:
    """A signed webhook for every status of a fake provider; an unsigned one if it has none."""
    idle = fake_provider()
    callback_url = idle.outbound().callback_url
    delivery = Delivery(idle.destinations, "", REFERENCE, "id", callback_url)
    signed = [idle.receipt(delivery, word) for word in (*idle.status_map, *idle.unknown_statuses)]
    return signed or [Webhook(callback_url, {}, b"", NOW)]


@st.composite
def webhooks(draw: st.DrawFn, fake_provider: type[FakeProvider]) -> Webhook:
    """Webhook with any body: a damaged receipt, or another damaged recording of the provider."""
    whole = draw(st.sampled_from(receipts(fake_provider)))
    others = recorded(fake_provider.provider.name)
    body = draw(st.sampled_from(others)) if others and draw(st.booleans()) else whole.body
    query = draw(st.text(alphabet="reference=&%12", max_size=30) | st.just(urlsplit(whole.url).query))
    return replace(whole, url=urlsplit(whole.url)._replace(query=query).geturl(), body=draw(damaged(body)))


def damaged(body: bytes) -> st.SearchStrategy[bytes]:
    """Body with some of its parts omitted, exchanged, nested or replaced, according to its format."""
    if content := _as_json(body):
        return st.one_of(_damaged_json(content), _damaged_bytes(body))
    if pairs := _as_form(body):
        return st.one_of(_damaged_form(pairs), _damaged_bytes(body))
    return _damaged_bytes(body) | st.binary()


def spoiled(body: bytes) -> Iterator[bytes]:
    """Body with each of its values in turn replaced by each awkward one; none for a body without named values."""
    content, pairs = _as_json(body), _as_form(body)
    for place in range(len(list(places(content)))):
        for value in AWKWARD:
            spoilt = copy.deepcopy(content)
            container, key = list(places(spoilt))[place]
            container[key] = value
            yield json.dumps(spoilt).encode()
    for place, (name, _) in enumerate(pairs):
        for value in _AWKWARD_TEXTS:
            form = [*pairs[:place], (name, value), *pairs[place + 1 :]]
            yield urlencode(form, errors="surrogatepass").encode()


def _as_json(body: bytes) -> Any:  # noqa: ANN401 - JSON of any form
    try:
        return json.loads(body)
    except ValueError:
        return None


def _as_form(body: bytes) -> Sequence[tuple[str, str]]:
    pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True)
    return pairs if len(pairs) > 1 and b"\n" not in body.strip() and _as_json(body) is None else []


@st.composite
def _damaged_bytes(draw: st.DrawFn, body: bytes) -> bytes:
    start = draw(st.integers(0, len(body)))
    end = min(len(body), start + draw(st.integers(0, 200)))
    insertion = draw(st.binary(max_size=20) | texts.map(lambda text: text.encode("utf-8", "surrogatepass")))
    return body[:start] + insertion * draw(st.sampled_from([1, 1, 1, 500])) + body[end:]


@st.composite
def _damaged_form(draw: st.DrawFn, pairs: Sequence[tuple[str, str]]) -> bytes:
    form = list(pairs)
    for _ in range(draw(st.integers(0, 2))):
        place = draw(st.integers(0, len(form) - 1))
        name, value = form[place]
        anything = texts | st.sampled_from(_AWKWARD_TEXTS)
        form[place : place + 1] = draw(
            st.sampled_from([[], [(name, value), (name, value)], [(name, value[::-1])]])
            | anything.map(lambda text, name=name: [(name, text)])
        )
        if not form:
            break
    return urlencode(form, errors="surrogatepass").encode()


_NESTINGS: Final[Sequence[Callable[[Any], Any]]] = (str, lambda one: [one], lambda one: {"a": one})


@st.composite
def _damaged_json(draw: st.DrawFn, content: Any) -> bytes:  # noqa: ANN401 - JSON of any form
    content = copy.deepcopy(content)
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(content))
        if not found:
            break
        container, key = draw(st.sampled_from(found))
        if draw(st.booleans()):
            container[key] = copy.deepcopy(draw(values))  # drawn values are shared, and may be damaged themselves
        elif draw(st.booleans()):
            del container[key]
        else:
            container[key] = draw(st.sampled_from(_NESTINGS))(container[key])
    text = json.dumps(content, ensure_ascii=draw(st.booleans()))
    encoding, errors = draw(encodings)
    return text.encode(encoding, errors)


def places(content: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - JSON of any form
    """Every location of a value in a document: its container, and its key there."""
    frontier = [content]
    while frontier:
        one = frontier.pop()
        for key, inner in members(one):
            yield one, key
            frontier.append(inner)


def members(value: Any) -> Sequence[tuple[Any, Any]]:  # noqa: ANN401 - JSON of any form
    """Names or positions in an object or array, with their values."""
    match value:
        case dict():
            return list(cast("dict[str, Any]", value).items())
        case list():
            return list(enumerate(cast("list[Any]", value)))
        case _:
            return []
