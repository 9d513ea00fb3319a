"""Comparison of our code with libraries: differences, lines of the table, missing libraries."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.libraries.contest import Contest, largest_difference
from benchmarks.libraries.zones import _areas_of


def prepare(value):
    return lambda: np.array([1.0, value])


def fail(value):
    raise ValueError("no such shape")


def contest(theirs, packages=()):
    return Contest(
        "work", "library", packages, prepare, theirs, (2.0,), (prepare, fail), (prepare,)
    )


def test_differences_are_relative_to_ours_and_infinite_where_one_alone_is_missing():
    ours = np.array([0.0, 4.0, np.nan])
    assert largest_difference(ours, np.array([0.0, 5.0, np.nan])) == 0.25
    assert largest_difference(ours, np.array([0.0, 4.0, 1.0])) == np.inf
    assert largest_difference(ours, np.array([1.0, 4.0, np.nan])) == np.inf


@pytest.mark.parametrize(("theirs", "words"), [(prepare, "| 0 |"), (fail, "fails: ValueError no such shape")])  # fmt: skip
def test_a_line_says_what_came_of_it(theirs, words):
    row = contest(theirs).run(1)
    assert words in row
    assert "| 4 and 2 |" in row


def test_a_package_that_is_not_there_is_named():
    assert contest(prepare, ("numpy", "no-such-package")).missing == ["no-such-package"]


def test_areas_are_those_of_the_sphere():
    import shapely

    (area,) = _areas_of((shapely.box(0, 0, 90, 90),), 18, None)()
    assert area == pytest.approx(np.pi / 2 * 6_371_007.181**2)
