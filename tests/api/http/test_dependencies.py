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
from api.state import state_of


def test_no_request_waits_for_a_thread() -> None:
    """FastAPI runs synchronous dependencies in a thread, which costs a tenth of a quick request."""
    modules = [import_module(module.name) for module in pkgutil.walk_packages(api.__path__, "api.")]
    routers = [router for module in modules for router in vars(module).values() if isinstance(router, APIRouter)]
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    calls = {call for route in routes for call in _calls(route.dependant)}
    assert state_of in calls
    assert not [call for call in calls if not inspect.iscoroutinefunction(call)]


def _calls(dependant: Dependant) -> Iterator[object]:
    if dependant.call is not None and not isinstance(dependant.call, SecurityBase):
        yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)
