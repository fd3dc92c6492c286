"""A provider that Iris does not know, added as `docs/adding-a-provider.md` says."""
