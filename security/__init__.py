"""What keeps secrets secret: at rest, in workflow histories, in links, and on the way out."""
