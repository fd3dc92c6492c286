"""Asks whether the locked packages have known vulnerabilities; `make check` runs it.

Ends with 1 where one has; with 0, saying so loudly, where nobody could be asked: a check must pass without a network.
"""

import json
import subprocess
import sys
from typing import Any, Final

LOCK: Final = "requirements/development.txt"
"""The lock that has all packages of the others, in the same versions."""

_COMMAND: Final = (
    *(sys.executable, "-m", "pip_audit", "--requirement", LOCK, "--require-hashes", "--disable-pip"),
    *("--format", "json", "--progress-spinner", "off", "--timeout", "5"),
)
_NO_ANSWER: Final = ("requests.exceptions.", "ConnectionError", "ServiceError", "Could not connect")
"""What pip-audit says when the service does not answer, which ends it with 1 as a vulnerability does."""


def verdict(output: str, complaint: str) -> tuple[int, str]:
    """The exit status and the sentence for what pip-audit wrote to its output and to its error output."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        if any(word in complaint for word in _NO_ANSWER):
            return 0, "NOT AUDITED: the vulnerability service does not answer; run `make check` where it does"
        return 1, f"pip-audit failed: {complaint.strip()[-2_000:]}"
    asked = [package for package in packages if "skip_reason" not in package]
    if not asked:
        return 0, "NOT AUDITED: the vulnerability service knows none of the packages; run `make check` where it does"
    found = [f"{it['name']} {it['version']}: {flaw['id']}" for it in asked for flaw in it["vulns"]]
    if found:
        return 1, "Known vulnerabilities:\n" + "\n".join(found)
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    return 0, f"{len(asked)} packages without known vulnerabilities" + (f"; NOT AUDITED: {skipped}" if skipped else "")


def main() -> None:
    """Ask, and say."""
    done = subprocess.run(_COMMAND, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603 - our own words
    status, sentence = verdict(done.stdout, done.stderr)
    print(f"audit: {sentence}", file=sys.stderr)  # noqa: T201 - for people
    sys.exit(status)


if __name__ == "__main__":
    main()
