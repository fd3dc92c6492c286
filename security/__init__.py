"""Protection of secrets: encryption at rest and in workflow histories, signed URLs, and the SSRF guard."""
