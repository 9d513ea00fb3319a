"""Compare methods on artificial gaps: every method fills the same hidden records, of which it sees nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.artificial_gaps import draw_gaps
from uflux_kedro.gapfilling.companions import NIGHT
from uflux_kedro.gapfilling.parameters import Scenario
from uflux_kedro.validation.metrics import score

METRICS = ("n", "RMSE", "NSE", "r2", "MBE", "MAE")
SEASONS = {
    "Dec-Feb": (12, 1, 2),
    "Mar-May": (3, 4, 5),
    "Jun-Aug": (6, 7, 8),
    "Sep-Nov": (9, 10, 11),
}

_LENGTHS = (1 / 48, 1 / 12, 1 / 6, 0.5, 1.0, 3.0, 7.0, 12.0, 30.0, 60.0, 90.0, 180.0)
"""Days; classes of gaps of scenarios that state no lengths."""


class Filler(Protocol):
    """What fills, such as :class:`uflux_kedro.gapfilling.filler.GapFiller`."""

    def fit(self, table: pd.DataFrame, /) -> Filler:
        """Learn from a table."""
        ...

    def fill(self, table: pd.DataFrame, /) -> pd.DataFrame:
        """Return ``<flux>_F`` with ``_LOWER`` and ``_UPPER``."""
        ...


def fill_hidden(
    table: pd.DataFrame,
    flux: str,
    make: Callable[[str], Filler],
    methods: Collection[str],
    scenarios: Mapping[str, Scenario],
    *,
    seed: int = 0,
    draws: int = 1,
) -> pd.DataFrame:
    """Hide measured records of a flux, and fill them by each method.

    Args:
        table: Record of a tower.
        flux: NEE, LE or H.
        make: Method -> a filler of that flux that is not fitted.
        methods: Methods to compare.
        scenarios: Name -> artificial gaps.
        seed: Seed of the gaps.
        draws: How often gaps of a scenario are drawn.

    Returns:
        A row for each method and hidden record: ``scenario``, ``draw``, ``method``, ``flux``, ``days``
        (length of its gap, among those of the scenario), ``time``, ``night``, ``truth``,
        ``prediction`` (NaN where a method fills nothing), ``lower``, ``upper``.
    """
    steps_a_day = int(pd.Timedelta("1D") / (table.index[1] - table.index[0]))
    measured = table[flux].notna().to_numpy()
    night = (table["SW_IN"] < NIGHT).to_numpy() if "SW_IN" in table else np.full(len(table), False)
    parts = []
    for name, scenario in scenarios.items():
        for draw in range(draws):
            gaps = draw_gaps(measured, steps_a_day, scenario, seed + draw)
            hidden = gaps >= 0
            if not hidden.any():
                continue
            known = table.assign(**{flux: table[flux].mask(hidden)})
            rows = {
                "scenario": name, "draw": draw, "flux": flux, "time": table.index[hidden],
                "days": _days(gaps, scenario, steps_a_day), "night": night[hidden],
                "truth": table.loc[hidden, flux].to_numpy(),
            }  # fmt: skip
            for method in methods:
                filled = make(method).fit(known).fill(known)[hidden]
                columns = {
                    "prediction": f"{flux}_F",
                    "lower": f"{flux}_F_LOWER",
                    "upper": f"{flux}_F_UPPER",
                }
                found = {ours: filled[theirs].to_numpy() for ours, theirs in columns.items()}
                parts.append(pd.DataFrame(rows | {"method": method} | found))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _days(gaps: NDArray[np.int32], scenario: Scenario, steps_a_day: int) -> NDArray[np.float64]:
    """Return the length of the gap of each hidden record, days: the nearest of the scenario's."""
    steps = np.flatnonzero(gaps >= 0)
    number = gaps[steps]
    span = np.zeros(number.max() + 1)
    first = np.full(len(span), len(gaps))
    np.maximum.at(span, number, steps)
    np.minimum.at(first, number, steps)
    days = (span - first + 1)[number] / steps_a_day
    lengths = np.array(sorted(scenario.days) or _LENGTHS)
    # An artificial gap may begin or end where nothing was measured.
    return lengths[np.abs(np.log(days[:, None] / lengths)).argmin(axis=1)]


def score_hidden(hidden: pd.DataFrame) -> pd.DataFrame:
    """Score the methods by flux and scenario: all hidden records, day and night, seasons, lengths of gaps.

    Args:
        hidden: As of :func:`fill_hidden`, of one record or several fluxes of it.

    Returns:
        ``method``, ``flux``, ``scenario``, ``part``, ``days`` (of parts that are a length of gaps, else
        NaN), ``n``, ``RMSE``, ``NSE``, ``r2``, ``MBE``, ``MAE``, ``coverage`` (share within the
        interval), ``width`` (mean), ``open`` (share of hidden records that were not filled).
    """
    rows = []
    for keys, group in hidden.groupby(["flux", "scenario", "method"], sort=False):
        flux, scenario, method = keys
        month = pd.DatetimeIndex(group["time"]).month
        parts: dict[tuple[str, float], NDArray[np.bool_]] = {
            ("all", np.nan): np.full(len(group), True),
            ("day", np.nan): ~group["night"].to_numpy(bool),
            ("night", np.nan): group["night"].to_numpy(bool),
            **{(name, np.nan): np.isin(month, months) for name, months in SEASONS.items()},
            **{("length", d): (group["days"] == d).to_numpy() for d in sorted(set(group["days"]))},
        }
        for (part, days), chosen in parts.items():
            if chosen.any():
                keyed = {
                    "method": method,
                    "flux": flux,
                    "scenario": scenario,
                    "part": part,
                    "days": days,
                }
                rows.append(keyed | _scores(group[chosen]))
    return pd.DataFrame(rows)


def _scores(rows: pd.DataFrame) -> dict[str, float]:
    filled = rows.dropna(subset=["prediction"])
    scores = score(filled["truth"], filled["prediction"])
    within = (filled["truth"] >= filled["lower"]) & (filled["truth"] <= filled["upper"])
    return {name: scores[name] for name in METRICS} | {
        "coverage": float(within.mean()),
        "width": float((filled["upper"] - filled["lower"]).mean()),
        "open": 1 - len(filled) / len(rows),
    }
