"""Fillers are weighted by how right they were in gaps of like length."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.gapfilling.held_out import LENGTH_CLASSES
from uflux_kedro.gapfilling.stack import INTERPOLATED, fit_stack

FILLERS = ("mds", "boosted", INTERPOLATED)


def rows_of(errors, days, n=4000, seed=0):
    """Hidden records with fillers that err by so much."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 5, n)
    columns = {name: truth + rng.normal(0, 1, n) * sd for name, sd in errors.items()}
    return pd.DataFrame({"days": np.broadcast_to(days, n), "truth": truth} | columns)


def test_weights_are_shares_and_prefer_the_filler_that_is_right():
    """Interpolation serves in the shortest gaps alone, however well it does elsewhere."""
    short = rows_of({"mds": 3.0, "boosted": 3.0, INTERPOLATED: 0.1}, 0.1)
    long = rows_of({"mds": 3.0, "boosted": 0.5, INTERPOLATED: 0.1}, 20.0, seed=1)
    rows = pd.concat([short, long], ignore_index=True)
    day = np.arange(len(rows)) % 2 == 0
    stack = fit_stack(rows, day, FILLERS)
    assert stack.weights.shape == (len(LENGTH_CLASSES) + 1, 2, len(FILLERS))
    assert (stack.weights >= 0).all()
    np.testing.assert_allclose(stack.weights.sum(axis=2), 1)
    assert (stack.weights[0, :, 2] > 0.25).all()
    assert (stack.weights[1:, :, 2] == 0).all()
    assert (stack.weights[3, :, 1] > 0.7).all()
    error = (stack.combine(rows, day) - rows["truth"]).to_numpy()
    assert np.sqrt(np.mean(error[4000:] ** 2)) < 1.0


def test_two_equal_fillers_share_the_weight():
    """The mean of two errs less than either."""
    rows = rows_of({"mds": 1.0, "boosted": 1.0, INTERPOLATED: 9.0}, 5.0)
    stack = fit_stack(rows, np.ones(len(rows), dtype=bool), FILLERS)
    np.testing.assert_allclose(stack.weights[2, 1, :2], 0.5, atol=0.05)


def test_classes_without_records_take_the_weights_of_all():
    """Night was never hidden, nor long gaps."""
    rows = rows_of({"mds": 3.0, "boosted": 0.3, INTERPOLATED: 9.0}, 5.0)
    stack = fit_stack(rows, np.ones(len(rows), dtype=bool), FILLERS)
    for weights in stack.weights[:, 0]:
        np.testing.assert_allclose(weights, stack.weights[4, 1])
    assert stack.weights[4, 0, 1] > 0.7


def test_few_records_hardly_move_the_weights():
    """Ten records of a class say less than four thousand of the others."""
    many = rows_of({"mds": 3.0, "boosted": 0.3, INTERPOLATED: 9.0}, 5.0)
    few = rows_of({"mds": 0.0, "boosted": 3.0, INTERPOLATED: 9.0}, 20.0, n=10, seed=1)
    rows = pd.concat([many, few], ignore_index=True)
    stack = fit_stack(rows, np.ones(len(rows), dtype=bool), FILLERS)
    assert stack.weights[3, 1, 1] > 0.7


def test_a_filler_without_values_leaves_its_weight_to_the_others():
    """Where none has one, none is made up."""
    rows = rows_of({"mds": 1.0, "boosted": 1.0, INTERPOLATED: 9.0}, 5.0)
    day = np.ones(len(rows), dtype=bool)
    stack = fit_stack(rows, day, FILLERS)
    gone = rows.assign(mds=np.nan)
    np.testing.assert_allclose(stack.combine(gone, day), gone["boosted"])
    neither = gone.assign(boosted=np.nan)
    assert np.isnan(stack.combine(neither, day)).all()


@pytest.mark.filterwarnings("error")
def test_without_a_record_that_all_filled_weights_are_equal():
    """One filler never had a value."""
    rows = rows_of({"mds": np.nan, "boosted": 1.0, INTERPOLATED: 1.0}, 5.0)
    stack = fit_stack(rows, np.ones(len(rows), dtype=bool), FILLERS)
    np.testing.assert_allclose(stack.weights, np.broadcast_to([0.5, 0.5, 0], stack.weights.shape))
    combined = stack.combine(rows, np.ones(len(rows), dtype=bool))
    np.testing.assert_allclose(combined, rows["boosted"])
