"""Reports discrepancies found by the reconciliation in the log and in the metrics."""

import logging
from collections.abc import Sequence

from domain.discrepancies import Discrepancy, DiscrepancyCounts
from support.metrics import count_discrepancy

_LOG = logging.getLogger("iris.reconciliation")


def log_discrepancies(discrepancies: Sequence[Discrepancy]) -> DiscrepancyCounts:
    """Log each discrepancy as a warning, count it in the metrics, and return the counts."""
    for discrepancy in discrepancies:
        repaired = "repaired" if discrepancy.repair else "not repaired"
        fields = {
            "interaction_id": discrepancy.interaction_id,
            "kind": str(discrepancy.kind),
            "state": discrepancy.state,
        }
        _LOG.warning("reconciliation found %s, %s", discrepancy.kind, repaired, extra={"fields": fields})
        count_discrepancy(discrepancy.kind, is_repaired=discrepancy.repair is not None)
    return DiscrepancyCounts.of(discrepancies)
