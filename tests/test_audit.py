"""Audit of the locked packages: it fails on a known vulnerability, and reports when the database is unreachable."""

import json
from typing import Any

from scripts.audit import verdict

FINE: dict[str, Any] = {"name": "httpx2", "version": "2.16.2", "vulns": []}
FLAWED: dict[str, Any] = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.2"]}],
}
SKIPPED: dict[str, Any] = {"name": "uvicorn", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def of(*packages: dict[str, Any]) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_packages_without_known_vulnerabilities_pass() -> None:
    assert verdict(of(FINE, FINE), "") == (0, "2 packages without known vulnerabilities")


def test_a_known_vulnerability_fails_and_is_named() -> None:
    status, sentence = verdict(of(FINE, SKIPPED, FLAWED), "Found 1 known vulnerability")
    assert status == 1
    assert "jinja2 2.4.1: PYSEC-2014-8" in sentence


def test_a_service_that_knows_no_package_was_not_asked() -> None:
    status, sentence = verdict(of(SKIPPED, SKIPPED), "No known vulnerabilities found")
    assert status == 0
    assert "NOT AUDITED" in sentence


def test_a_package_that_the_service_does_not_know_is_named() -> None:
    status, sentence = verdict(of(FINE, SKIPPED), "")
    assert status == 0
    assert "NOT AUDITED: ['uvicorn']" in sentence


def test_a_service_that_does_not_answer_was_not_asked() -> None:
    status, sentence = verdict("", "Traceback…\nrequests.exceptions.ProxyError: HTTPSConnectionPool(host='pypi.org')")
    assert status == 0
    assert "NOT AUDITED" in sentence


def test_any_other_failure_is_one() -> None:
    status, sentence = verdict("", "ERROR:pip_audit._cli:invalid requirements input: requirements/development.txt")
    assert status == 1
    assert "invalid requirements input" in sentence
