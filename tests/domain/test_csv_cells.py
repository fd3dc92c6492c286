"""Cells of CSV files."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.csv_cells import guarded, unguarded


@pytest.mark.parametrize("cell", ["=1+1", "+34 638 766 068", "-1", "@SUM(A1)", "\t=1", "'=1", "''+1"])
def test_no_cell_is_a_formula(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "34638766068", "ana@example.com", "a=b", "'twas", "l'hospital"])
def test_other_cells_stay_as_they_are(cell: str) -> None:
    assert guarded(cell) == unguarded(cell) == cell


@given(st.text(alphabet="'=+-@\t\rab", max_size=6))
def test_a_guarded_cell_is_read_as_it_was(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell
