"""Reports discrepancies found by the reconciliation in the log and in the metrics."""

import logging
from collections.abc import Sequence

from domain.findings import Discrepancy, DiscrepancyCounts
from support.metrics import count_finding

_LOG = logging.getLogger("iris.reconciliation")


def reported(findings: Sequence[Discrepancy]) -> DiscrepancyCounts:
    """Log each discrepancy as a warning, count it in the metrics, and return the counts."""
    for finding in findings:
        repaired = "repaired" if finding.repair else "not repaired"
        fields = {"interaction_id": finding.interaction_id, "kind": str(finding.kind), "state": finding.state}
        _LOG.warning("reconciliation found %s, %s", finding.kind, repaired, extra={"fields": fields})
        count_finding(finding.kind, is_repaired=finding.repair is not None)
    return DiscrepancyCounts.of(findings)
