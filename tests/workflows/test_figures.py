"""The history cost of each scenario is the accepted one."""

import json

from tests.workflows.figures import ACCEPTED, figures_of_scenarios


def test_every_scenario_costs_what_was_accepted() -> None:
    accepted = json.loads(ACCEPTED.read_text())
    changed = {
        scenario: (accepted.get(scenario), figures)
        for scenario, figures in figures_of_scenarios().items()
        if figures != accepted.get(scenario)
    }
    assert not changed, "if these may cost that, accept it: python -m tests.workflows.figures"
    assert set(accepted) == set(figures_of_scenarios())
