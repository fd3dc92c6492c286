"""Commands of `iris`, one module per subject."""
