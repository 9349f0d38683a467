"""The support matrix in docs/support.md says what really works."""

from __future__ import annotations

import pytest
import support


@pytest.mark.slow
@pytest.mark.parametrize("row", support.ROWS)
def test_every_cell_of_the_matrix_is_true(row: str) -> None:
    page = support.PAGE.read_text()
    assert support.line(row, support.try_row(row)) in page


def test_the_page_has_no_other_rows() -> None:
    page = support.PAGE.read_text()
    assert page.startswith(support.HEAD)
    assert page.count("\n| ") == len(support.ROWS) + 1
