"""Skill with days of towers never seen: of DF21 by bounds on its trees, of members by their step."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.data import PROJECT
from benchmarks.table import line
from benchmarks.timing import cost_of
from uflux_kedro.features.antecedent import antecedents_at_towers
from uflux_kedro.features.calendar import calendar_features
from uflux_kedro.features.training_table import igbp_codes
from uflux_kedro.models import CascadeForestRegressor
from uflux_kedro.models.registry import make_model
from uflux_kedro.validation.bootstrap import compare_members, confidence_intervals
from uflux_kedro.validation.folds import site_k_fold
from uflux_kedro.variables import FLUXES

DEFAULT_DAYS = PROJECT / "../shared/data/towers_daily/daily_dev.csv.gz"
FLUX = "GPP_NT_VUT_REF"
WEATHER = ["TA_F", "VPD_F", "SW_IN_F", "P_F"]
WINDOWS = (7, 30, 90)
_UNBOUNDED: dict[str, Any] = {"max_samples": None, "max_leaves": None}
SETTINGS: dict[str, tuple[dict[str, Any], bool]] = {
    "no bounds, bags by row": (_UNBOUNDED, False),
    "no bounds, bags by site": (_UNBOUNDED, True),
    "bounds, bags by row": ({}, False),
    "bounds, bags by site": ({}, True),
}
HEADER = ("DF21", "NSE", "minus that of the first", "layers by fold", "fit", "predict")


def days_of_towers(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return predictors (n, 18), GPP (n,) and sites (n,) of days with all of them.

    Predictors are the day's weather, its means over the last 7, 30 and 90 days, and the season.
    """
    table = pd.read_csv(path)
    table["time"] = pd.to_datetime(table["TIMESTAMP"].astype(str))
    table = table.sort_values(["SITE_ID", "time"], ignore_index=True)
    X = table[WEATHER].copy()
    for window in WINDOWS:
        past = table.groupby("SITE_ID")[WEATHER].rolling(window, min_periods=window // 2)
        X[[f"{name}_{window}" for name in WEATHER]] = past.mean().reset_index(0, drop=True)
    phase = table["time"].dt.day_of_year * (2 * np.pi / 365.25)
    X["cos"], X["sin"] = np.cos(phase), np.sin(phase)
    usable = X.notna().all(axis=1) & table[FLUX].notna()
    return (
        X[usable].to_numpy(np.float64),
        table.loc[usable, FLUX].to_numpy(np.float64),
        table.loc[usable, "SITE_ID"].to_numpy(str),
    )


def compare(path: Path, n_splits: int, n_trees: int) -> Iterator[tuple[str, ...]]:
    """Predict held-out towers by each of :data:`SETTINGS`; yield the table's cells."""
    X, y, sites = days_of_towers(path)
    rows = pd.DataFrame({"site_id": sites, "time": np.arange(len(y)), "truth": y})
    folds = site_k_fold(sites, n_splits, seed=0)
    first = None
    for name, (bounds, by_site) in SETTINGS.items():
        predicted, layers, costs = np.empty(len(y)), [], []
        for fold in folds:
            model = CascadeForestRegressor(
                n_trees=n_trees, random_state=fold.number, n_jobs=-1, **bounds
            )
            train, new = fold.train, X[fold.test]
            groups = sites[train] if by_site else None
            fit, _ = cost_of(partial(model.fit, X[train], y[train], groups=groups))
            predict, predicted[fold.test] = cost_of(partial(model.predict, new))
            layers.append(str(model.n_layers_))
            costs.append((fit.wall, predict.wall / len(new)))
        found = rows.assign(prediction=predicted)
        first = found if first is None else first
        nse = compare_members(first, found).loc["NSE"]
        more = _with_interval(nse, "difference", "+")
        fit_s, predict_s = np.mean(costs, axis=0)
        yield (
            name,
            f"{nse['second']:.3f}",
            "-" if found is first else more,
            ", ".join(layers),
            f"{fit_s:.0f} s",
            f"{predict_s * 1e6:.0f} µs per row",
        )


DAY = ("TA", "SW_IN", "VPD", "P")
PLACE = ("IGBP", "Latitude", "DoY_sin", "DoY_cos")
RAIN = ("P_DRY", "P_PET30", "P_PET90")
_CASES = {**{flux: (flux, DAY) for flux in FLUXES}, "GPP, with FPAR": ("GPP", (*DAY, "FPAR"))}
"""Row of the table -> flux and the day's own predictors; few towers have FPAR."""
_COLUMNS = {"TA": "TA_F", "SW_IN": "SW_IN_F", "VPD": "VPD_F", "P": "P_F", "FPAR": "FPAR"}
_FLUXES = {
    "GPP": (FLUX, "NEE_VUT_REF_QC"),
    "RECO": ("RECO_NT_VUT_REF", "NEE_VUT_REF_QC"),
    "NEE": ("NEE_VUT_REF", "NEE_VUT_REF_QC"),
    "H": ("H_CORR", "H_F_MDS_QC"),
    "LE": ("LE_CORR", "LE_F_MDS_QC"),
}
_MIN_QC, _LEAST_SHARE = 0.5, 0.5
STEP_HEADER = (
    "flux", "towers", "days", "learnt from months", "learnt from days", "with the days before",
    "days minus months", "gain of the days before",
)  # fmt: skip


def before(day: Sequence[str]) -> list[str]:
    """Return the predictors of the days before; see :mod:`uflux_kedro.features.antecedent`."""
    return [*(f"{name}_MEAN{days}" for name in day for days in WINDOWS), *RAIN]


def record_of_days(path: Path) -> pd.DataFrame:
    """Return the towers by day under canonical names, with all predictors; fluxes of good quality."""
    table = pd.read_csv(path)
    found = pd.DataFrame({"site_id": table["SITE_ID"]})
    found["time"] = pd.to_datetime(table["TIMESTAMP"].astype(str))
    found = found.assign(**{name: table[column] for name, column in _COLUMNS.items()})
    found["IGBP"], found["Latitude"] = igbp_codes(table["IGBP"]), table["LOCATION_LAT"]
    found = antecedents_at_towers(found, before(_COLUMNS))
    found = found.assign(**calendar_features(pd.DatetimeIndex(found["time"]), 1.0))
    for flux, (column, quality) in _FLUXES.items():
        found[flux] = table[column].where(~(table[quality] < _MIN_QC))
    return found


def months_of(days: pd.DataFrame, values: Sequence[str]) -> pd.DataFrame:
    """Return means of months of which half of the days are given."""
    month = days["time"].dt.to_period("M").dt.to_timestamp().rename("month")
    groups = days.groupby(["site_id", month])[[*values, "IGBP", "Latitude"]]
    means, count = groups.mean(), groups.size()
    starts = count.index.get_level_values("month")
    means = means[count >= _LEAST_SHARE * starts.days_in_month].reset_index()
    return means.assign(**calendar_features(pd.DatetimeIndex(means["month"])))


def compare_steps(path: Path, n_splits: int) -> Iterator[tuple[str, ...]]:
    """Predict the days of held-out towers by members of months and of days; yield the table's cells.

    The towers of a fold are the same for all, and so are the days that are judged.
    """
    record = record_of_days(path)
    for case, (flux, day) in _CASES.items():
        same_day, past = [*day, *PLACE], before(day)
        days = record.dropna(subset=[flux, *same_day, *past]).reset_index(drop=True)
        months = months_of(days, [flux, *day])
        predicted = {name: np.empty(len(days)) for name in ("months", "days", "before")}
        for fold in site_k_fold(days["site_id"].to_numpy(), n_splits, seed=0):
            trained, held_out = days.iloc[fold.train], days.iloc[fold.test]
            their = months[months["site_id"].isin(trained["site_id"].unique())]
            for name, rows, predictors in (
                ("months", their, same_day),
                ("days", trained, same_day),
                ("before", trained, [*same_day, *past]),
            ):
                model = make_model("XGB", {}, random_state=fold.number, n_jobs=-1)
                model.fit(rows[predictors].to_numpy("float32"), rows[flux].to_numpy("float64"))
                predicted[name][fold.test] = model.predict(held_out[predictors].to_numpy("float32"))
        rows = days[["site_id", "time"]].assign(truth=days[flux])
        found = {name: rows.assign(prediction=values) for name, values in predicted.items()}
        scores = [_with_interval(confidence_intervals(t).loc["NSE"]) for t in found.values()]
        gains = [
            _with_interval(compare_members(found[a], found[b]).loc["NSE"], "difference", "+")
            for a, b in (("months", "days"), ("days", "before"))
        ]
        yield case, str(days["site_id"].nunique()), f"{len(days):,}", *scores, *gains


def _with_interval(row: pd.Series, value: str = "value", sign: str = "") -> str:
    return f"{row[value]:{sign}.3f} ({row['low']:{sign}.3f} to {row['high']:{sign}.3f})"


def main(arguments: list[str]) -> None:
    """Print the skill at towers kept aside: of DF21 by its bounds and bags, or of members by their step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks days", description=main.__doc__)
    parser.add_argument("--towers", type=Path, default=DEFAULT_DAYS, help="table of site-days")
    parser.add_argument("--folds", type=int, help="folds of sites; 3 for bounds, 5 for steps")
    parser.add_argument("--trees", type=int, default=100, help="trees in a forest")
    parser.add_argument("--only", choices=("bounds", "steps"), default="bounds",
                        help="bounds and bags of DF21, or XGB that learnt from months and from days")  # fmt: skip
    chosen = parser.parse_args(arguments)
    if chosen.only == "steps":
        header, rows = STEP_HEADER, compare_steps(chosen.towers, chosen.folds or 5)
    else:
        header, rows = HEADER, compare(chosen.towers, chosen.folds or 3, chosen.trees)
    print(f"{line(*header)}\n{line(*('---' for _ in header))}", flush=True)
    for cells in rows:
        print(line(*cells), flush=True)
