"""How well methods fill: scores on records that were hidden from all of them alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.gapfilling.artificial_gaps import draw_gaps, scenario_of
from uflux_kedro.gapfilling.filler import GapFiller, sum_unit
from uflux_kedro.gapfilling.held_out import classes_of_gaps
from uflux_kedro.gapfilling.light import DAYLIGHT, light_of
from uflux_kedro.gapfilling.parameters import Scenario
from uflux_kedro.gapfilling.steps import steps_of
from uflux_kedro.readers.towers.half_hours import FLUXES
from uflux_kedro.validation.metrics import score

_SEASONS = ("winter", "spring", "summer", "autumn")
_METRICS = ("n", "RMSE", "NSE", "r2", "MBE")
_NORMAL = 1.645
"""Standard deviations within which nine tenths of a normal distribution lie."""


def score_record(
    table: pd.DataFrame,
    make: Callable[[str], GapFiller],
    methods: Sequence[str],
    scenarios: Sequence[str],
    further: Mapping[str, Scenario],
    seed: int,
    steps_a_day: int,
    draws: int = 1,
) -> pd.DataFrame:
    """Hide records of every flux, fill them by each method, and compare.

    Args:
        table: Record of a tower, (steps, columns).
        make: Function that returns an unfitted filler of a method.
        methods: Methods.
        scenarios: Names of scenarios of artificial gaps.
        further: Scenarios of a configuration by name.
        seed: Seed of the first draw; the next ones count on.
        steps_a_day: 48 or 24.
        draws: How often the gaps of a scenario are drawn.

    Returns:
        A row for each method, flux, scenario, draw and ``part`` (all, day, night, seasons of the northern
        hemisphere): ``n`` hidden records that the method filled, ``left`` that it did not, ``RMSE``,
        ``NSE``, ``r2``, ``MBE`` (filled minus measured), ``coverage`` and mean ``width`` of the
        intervals, ``sd_coverage`` (share within 1.645 ``F_SD``), and for all records ``sum_error`` of
        their sum with its ``sum_sd`` (gC m-2 for NEE; for LE and H the error of the record's mean, W m-2).
    """
    fluxes = [f for f in FLUXES if f in table and table[f].notna().any()]
    rows = []
    for name in scenarios:
        for draw in range(draws):
            hidden = {
                f: draw_gaps(
                    table[f].notna().to_numpy(),
                    steps_a_day,
                    scenario_of(name, further),
                    seed + draw,
                )
                >= 0
                for f in fluxes
            }
            left = table.assign(**{f: table[f].mask(hidden[f]) for f in fluxes})
            for method in methods:
                filler = make(method).fit(left)
                filled = filler.fill(left)
                for flux in filler.fillers:
                    scores = _scores(table, filled, filler, flux, hidden[flux])
                    labels = {"method": method, "flux": flux, "scenario": name, "draw": draw}
                    rows += [labels | one for one in scores]
    return pd.DataFrame(rows)


def _scores(
    table: pd.DataFrame,
    filled: pd.DataFrame,
    filler: GapFiller,
    flux: str,
    hidden: NDArray[np.bool_],
) -> Iterator[dict[str, object]]:
    truth, value = table[flux].to_numpy(), filled[f"{flux}_F"].to_numpy()
    lower, upper, sd = (filled[f"{flux}_F_{c}"].to_numpy() for c in ("LOWER", "UPPER", "SD"))
    within = (truth >= lower) & (truth <= upper)
    for part, inside in _parts(table, hidden).items():
        known = inside & np.isfinite(value)
        if not known.any():
            continue
        scores = score(truth[known], value[known])
        row: dict[str, object] = {
            "part": part,
            "left": int((inside & ~known).sum()),
            **{name: scores[name] for name in _METRICS},
            "coverage": float(within[known].mean()),
            "width": float((upper - lower)[known].mean()),
            "sd_coverage": float((np.abs(value - truth) <= _NORMAL * sd)[known].mean()),
        }
        if part == "all":
            unit = sum_unit(table, flux)
            of_sum = filler.fillers[flux].correlation.sd_of_sums(
                np.where(known, sd, 0.0),
                np.zeros(len(table), dtype=np.int64),
                1,
                classes_of_gaps(np.isfinite(truth) & ~hidden, steps_of(table)),
            )
            row |= {
                "sum_error": float((value - truth)[known].sum() * unit),
                "sum_sd": float(of_sum[0] * unit),
            }
        yield row


def _parts(table: pd.DataFrame, hidden: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Return the hidden records of each part of the day and the year."""
    parts = {"all": hidden}
    light = light_of(table)
    if light is not None:
        parts |= {"day": hidden & (light > DAYLIGHT), "night": hidden & (light <= DAYLIGHT)}
    season = pd.DatetimeIndex(table.index).month.to_numpy() % 12 // 3
    return parts | {name: hidden & (season == n) for n, name in enumerate(_SEASONS)}
