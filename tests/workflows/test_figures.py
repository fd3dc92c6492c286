"""What a story costs the engine changes only when somebody says so."""

import json

from tests.workflows.figures import ACCEPTED, figures_of_stories


def test_every_story_costs_what_was_accepted() -> None:
    accepted = json.loads(ACCEPTED.read_text())
    changed = {
        story: (accepted.get(story), figures)
        for story, figures in figures_of_stories().items()
        if figures != accepted.get(story)
    }
    assert not changed, "if these may cost that, accept it: python -m tests.workflows.figures"
    assert set(accepted) == set(figures_of_stories())
