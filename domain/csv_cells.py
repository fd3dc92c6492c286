"""Cells of a CSV file that spreadsheets open: none of them is read as a formula (OWASP, «CSV injection»)."""

import re
from typing import Final

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
"""Beginning of a cell that a spreadsheet calculates, or of one that is guarded."""


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet shows as it is."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unguarded(cell: str) -> str:
    """Return a cell as it was before `guarded`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
