"""What operators need beside the product's own work: checks, comparisons, replays, versions."""
