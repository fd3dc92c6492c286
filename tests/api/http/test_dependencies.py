"""Dependencies that run before every route."""

import inspect
import pkgutil
from collections.abc import Iterator
from importlib import import_module

from fastapi import APIRouter
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security.base import SecurityBase

import api
from api.auth.access import authenticate
from api.http.request_body import JsonBody
from api.state import state_of


def test_no_request_waits_for_a_thread() -> None:
    """FastAPI runs synchronous dependencies in a thread, which costs a tenth of a quick request."""
    calls = {call for route in _routes() for call in _calls(route.dependant)}
    assert state_of in calls
    functions = [call.__call__ if isinstance(call, JsonBody) else call for call in calls]
    assert not [function for function in functions if not inspect.iscoroutinefunction(function)]


def test_no_body_is_read_before_its_caller_is_authenticated() -> None:
    read_after: set[str] = set()
    for route in _routes():
        is_authenticated = False
        for dependant in route.dependant.dependencies:
            is_authenticated |= authenticate in _calls(dependant)
            if isinstance(dependant.call, JsonBody) and is_authenticated:
                read_after.add(route.path)
            elif isinstance(dependant.call, JsonBody):
                assert route.path in {"/user/login", "/v1/sessions", "/v1/sessions/refresh"}
    assert "/v1/interactions" in read_after


def _routes() -> list[APIRoute]:
    modules = [import_module(module.name) for module in pkgutil.walk_packages(api.__path__, "api.")]
    routers = [router for module in modules for router in vars(module).values() if isinstance(router, APIRouter)]
    return [route for router in routers for route in router.routes if isinstance(route, APIRoute)]


def _calls(dependant: Dependant) -> Iterator[object]:
    if dependant.call is not None and not isinstance(dependant.call, SecurityBase):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)
