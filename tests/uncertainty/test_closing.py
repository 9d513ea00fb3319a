"""Reconciliation of budgets: it closes, helps where errors are shared, and sees no tested tower."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from uflux_kedro.errors import InputError
from uflux_kedro.uncertainty.closing import CARBON, Closure, fit_closure, minimum_trace

A = np.array(list(CARBON.values()))


def simulated(n_sites=40, months=24, seed=0, noise=(0.8, 0.5, 1.5)):
    """Fluxes that close, and predictions with independent errors, mostly of the tower."""
    rng = np.random.default_rng(seed)
    sites = np.repeat([f"S{i:02d}" for i in range(n_sites)], months)
    time = np.tile(pd.date_range("2001", periods=months, freq="MS"), n_sites)
    gpp, reco = rng.gamma(4, 1.5, sites.size), rng.gamma(4, 1.0, sites.size)
    truth = np.stack([gpp, reco, reco - gpp], axis=1)
    of_tower = np.repeat(rng.normal(size=(n_sites, 3)), months, axis=0)
    errors = (0.8 * of_tower + 0.6 * rng.normal(size=truth.shape)) * noise
    return {
        flux: pd.DataFrame(
            {
                "site_id": sites,
                "time": time,
                "truth": truth[:, i],
                "prediction": truth[:, i] + errors[:, i],
                "lower": truth[:, i] + errors[:, i] - 1.7 * noise[i],
                "upper": truth[:, i] + errors[:, i] + 1.7 * noise[i],
            }
        )
        for i, flux in enumerate(CARBON)
    }


def test_the_map_closes_the_budget_and_moves_most_what_is_known_least():
    errors = np.random.default_rng(1).normal(size=(5000, 3)) * [0.5, 1.0, 2.0]
    matrix = minimum_trace(errors, A, np.arange(5000) % 100)
    assert a_is_closed(matrix)
    # Of independent errors each flux takes the share of its variance: 0.25, 1 and 4 of 5.25.
    moved = np.abs(matrix - np.eye(3)) @ np.array([1, 0, 0])
    assert moved == pytest.approx([0.25 / 5.25, 1 / 5.25, 4 / 5.25], rel=0.1)
    assert matrix @ matrix == pytest.approx(matrix)  # closed fluxes stay as they are


def a_is_closed(matrix):
    return np.abs(A @ matrix).max() < 1e-12


def test_without_errors_and_with_errors_that_close_there_still_is_a_map():
    sites = np.arange(100) % 10
    errors = np.random.default_rng(2).normal(size=(100, 2))
    closed = np.column_stack([errors, errors[:, 1] - errors[:, 0]])
    for given in (closed, np.zeros((100, 3)), np.column_stack([errors, np.zeros(100)])):
        matrix = minimum_trace(given, A, sites)
        assert a_is_closed(matrix)
        assert closed @ matrix.T == pytest.approx(closed)


def test_correlations_that_change_from_tower_to_tower_count_less():
    sites = np.repeat(np.arange(6), 50)
    of_tower = np.random.default_rng(4).normal(size=(6, 3))
    errors = np.repeat(of_tower, 50, axis=0)

    def of(moments):
        return np.eye(3) - np.outer(moments @ A, A) / (A @ moments @ A)

    moments = errors.T @ errors / len(errors)
    independent = of(np.diag(np.diag(moments)))
    found, naive = minimum_trace(errors, A, sites), of(moments)
    assert 0 < np.abs(found - independent).max() < 0.8 * np.abs(naive - independent).max()


def test_unseen_towers_gain_and_their_intervals_still_cover():
    rows = simulated(n_sites=120)
    closure, closed = fit_closure(rows)
    assert closure.towers == 120
    centre = np.stack([closed[f]["centre"] for f in CARBON], axis=1)
    assert np.abs(centre @ A).max() < 1e-12
    for flux, table in closed.items():
        before = np.mean((table["truth"] - table["prediction"]) ** 2)
        assert np.mean((table["truth"] - table["centre"]) ** 2) < before
        inside = table["truth"].between(table["lower"], table["upper"])
        assert inside.groupby(table["site_id"]).mean().mean() == pytest.approx(0.9, abs=0.04)
        # Less error needs less width: NEE, with most of it, gets most narrow.
        assert closure.widths[closure.fluxes.index(flux)] < 1.02
    assert closure.widths[2] < 0.8


def test_no_tower_helps_to_reconcile_itself():
    rows = simulated(n_sites=12)
    _, closed = fit_closure(rows, n_splits=12)
    for table in rows.values():
        wrong = table["site_id"] == "S03"
        table.loc[wrong, "truth"] += 50
    rows["NEE"].loc[rows["NEE"]["site_id"] == "S03", "truth"] -= 75
    _, changed = fit_closure(rows, n_splits=12)
    for flux, table in closed.items():
        own = table["site_id"] == "S03"
        assert table.loc[own, "centre"].to_numpy() == pytest.approx(
            changed[flux].loc[own, "centre"].to_numpy(), abs=0
        )
        assert (table.loc[~own, "centre"] != changed[flux].loc[~own, "centre"]).any()


def test_only_rows_with_every_flux_count_and_bounds_are_optional():
    rows = {flux: table.drop(columns=["lower", "upper"]) for flux, table in simulated().items()}
    rows["RECO"] = rows["RECO"].iloc[24:]
    closure, closed = fit_closure(rows)
    assert closure.towers == 39
    assert closure.widths == (1.0, 1.0, 1.0)
    assert {len(table) for table in closed.values()} == {39 * 24}
    assert "lower" not in closed["GPP"]


def test_too_few_towers_or_an_absent_flux_are_refused():
    rows = simulated(n_sites=2)
    with pytest.raises(InputError, match=r"3 towers or more .* found 2"):
        fit_closure(rows)
    with pytest.raises(InputError, match="NEE"):
        fit_closure({flux: rows[flux] for flux in ("GPP", "RECO")})


def test_a_closure_survives_json_and_refuses_a_damaged_one():
    closure, _ = fit_closure(simulated(n_sites=10))
    stored = json.loads(json.dumps(closure.to_dict()))
    assert Closure.from_dict(stored) == closure
    with pytest.raises(InputError, match="closure"):
        Closure.from_dict({**stored, "matrix": stored["matrix"][:2]})
    del stored["widths"]
    with pytest.raises(InputError, match="widths"):
        Closure.from_dict(stored)
