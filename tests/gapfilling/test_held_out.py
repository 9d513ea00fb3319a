"""What is hidden stays hidden: no filler sees it, and nothing that comes of it does."""

from __future__ import annotations

import numpy as np
from pandas.testing import assert_frame_equal

from tests.testing.records import PLACE
from uflux_kedro.gapfilling import GapFiller
from uflux_kedro.gapfilling.held_out import around, gaps_of, hide_and_fill, length_class


def test_gaps_and_their_edges():
    """At both ends of a record too; a measured step is a gap of its own."""
    measured = np.array([0, 1, 1, 0, 0, 0, 1, 0], dtype=bool)
    start, end = gaps_of(measured)
    np.testing.assert_array_equal(start, [0, 1, 2, 3, 3, 3, 6, 7])
    np.testing.assert_array_equal(end, [1, 2, 3, 6, 6, 6, 7, 8])
    found = around(measured, np.array([0, 3, 4, 5]), 48)
    np.testing.assert_allclose(found["days"] * 48, [1, 3, 3, 3])
    np.testing.assert_allclose(found["edge"] * 48, [1, 1, 2, 1])
    np.testing.assert_array_equal(length_class(np.array([0.1, 1.0, 5.0, 20.0, 90.0])), range(5))


def test_fillers_get_the_flux_without_the_hidden_records(record):
    """Which are measured ones, three tenths at a time or less, in gaps of a quarter of the record."""
    flux = record[0]["NEE"].to_numpy()
    seen = []

    def fill(values, wanted, seed):
        assert np.isnan(values[wanted]).all()
        np.testing.assert_array_equal(values[~wanted], flux[~wanted])
        assert np.isfinite(flux[wanted]).all()
        seen.append(seed)
        return {"mean": np.full(wanted.sum(), np.nanmean(values))}

    rows = hide_and_fill(flux, fill, 48, seed=7)
    assert len(set(seen)) == 3
    np.testing.assert_array_equal(rows["truth"], flux[rows["step"]])
    hidden = rows.groupby("turn").size()
    assert set(hidden.index) == set(range(3))
    assert (hidden <= 0.45 * np.isfinite(flux).sum()).all()
    assert rows["days"].max() <= 15 + 15
    assert rows["days"].max() > 10
    assert (rows["edge"] <= rows["days"] / 2 + 1 / 48).all()


def test_scrambling_the_hidden_truth_changes_no_prediction(record, fitted):
    """To the last bit, for every filler."""
    turn = 2
    rows = fitted[0].fillers["NEE"].rows
    rows = rows[rows["turn"] == turn].reset_index(drop=True)
    table = record[0].copy()
    scrambled = np.random.default_rng(0).permutation(rows["truth"].to_numpy())
    table.iloc[rows["step"], table.columns.get_loc("NEE")] = 50 * scrambled
    filler = GapFiller(fluxes=("NEE",), n_jobs=1, **PLACE).fit(table).fillers["NEE"]
    others = filler.rows[filler.rows["turn"] == turn].reset_index(drop=True)
    assert not others["truth"].equals(rows["truth"])
    base = ["step", "days", "edge", "similar_sd", *filler.stack.fillers]
    assert_frame_equal(others[base], rows[base], check_exact=True)
