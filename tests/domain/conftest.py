"""How the property tests run: a busy machine is no failure."""

from hypothesis import settings

settings.register_profile("iris", deadline=None, max_examples=60)
settings.load_profile("iris")
