"""Detection rates of the phase check: ``python -m benchmarks.quality_power``.

Each round introduces a defect at another eighth of the sites of a healthy table. Counted are the
sites with the defect, those of them where the season of the column is clear enough to be checked,
those at which the right column is found with the right lag, and findings at unchanged sites.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from benchmarks.data import PROJECT
from uflux_kedro.quality.check import check_phase
from uflux_kedro.quality.closure import check_carbon_timing
from uflux_kedro.quality.findings import Finding
from uflux_kedro.quality.month_order import TEXT_ORDER
from uflux_kedro.quality.natural import seasonal_columns
from uflux_kedro.quality.phase import Seasons
from uflux_kedro.quality.years import Years

VEGETATION = ("EVI", "LAI", "MODIS_NDVI", "MODIS_EVI", "MODIS_NIRv")
FALSE_ALARM = 0.01
_ROUNDS = 8


class Defect(NamedTuple):
    """One kind of defect.

    Attributes:
        name: Description.
        spoil: Function of years, latitudes and numbers of the sites; changes the first two in place.
        column: Column that must be found; None for position or calendar.
        months: Lag that must be found, months; None for text order.
    """

    name: str
    spoil: Callable[[Years, np.ndarray, np.ndarray], None]
    column: str | None
    months: int | None


class Power(NamedTuple):
    """Number of sites with a defect, with a clear season, with the defect found, and false alarms."""

    name: str
    spoiled: int
    judged: int
    found: int
    false: int
    healthy: int


def shifted(columns: tuple[str, ...] | None, months: int) -> Callable[..., None]:
    """Return a function that delays columns (all for None); values shifted out of the record are lost."""

    def spoil(years: Years, _: np.ndarray, chosen: np.ndarray) -> None:
        for column in columns or tuple(years.months):
            if column in years.months:
                for i in chosen:
                    rows = slice(years.first[i], years.first[i] + years.count[i])
                    record = years.months[column][rows].ravel()
                    moved = np.full_like(record, np.nan)
                    keep = slice(months, None) if months > 0 else slice(None, months)
                    moved[keep] = record[:-months] if months > 0 else record[-months:]
                    years.months[column][rows] = moved.reshape(-1, 12)

    return spoil


def scrambled(columns: tuple[str, ...]) -> Callable[..., None]:
    """Return a function that puts the months of columns in text order."""

    def spoil(years: Years, _: np.ndarray, chosen: np.ndarray) -> None:
        rows = np.isin(years.site, chosen)
        for column in columns:
            years.months[column][rows] = years.months[column][rows][..., TEXT_ORDER]

    return spoil


def other_hemisphere(_: Years, latitude: np.ndarray, chosen: np.ndarray) -> None:
    """Reverse the sign of latitudes."""
    latitude[chosen] *= -1


DEFECTS = (
    Defect("EVI and LAI in text order: EVI", scrambled(("EVI", "LAI")), "EVI", None),
    Defect("EVI and LAI in text order: LAI", scrambled(("EVI", "LAI")), "LAI", None),
    Defect("GPP in text order", scrambled(("GPP",)), "GPP", None),
    Defect("EVI 1 month late", shifted(("EVI",), 1), "EVI", 1),
    Defect("EVI 1 month early", shifted(("EVI",), -1), "EVI", -1),
    Defect("LAI 2 months late", shifted(("LAI",), 2), "LAI", 2),
    Defect("LAI 6 months late", shifted(("LAI",), 6), "LAI", 6),
    Defect("all vegetation 1 month late: EVI", shifted(VEGETATION, 1), "EVI", 1),
    Defect("all vegetation 3 months late: EVI", shifted(VEGETATION, 3), "EVI", 3),
    Defect("GPP 1 month late", shifted(("GPP",), 1), "GPP", 1),
    Defect("GPP 3 months late", shifted(("GPP",), 3), "GPP", 3),
    Defect("LE 1 month late", shifted(("LE",), 1), "LE", 1),
    Defect("ERA_TA 1 month late", shifted(("ERA_TA",), 1), "ERA_TA", 1),
    Defect("ERA_SW_IN 1 month early", shifted(("ERA_SW_IN",), -1), "ERA_SW_IN", -1),
    Defect("whole site 1 month late", shifted(None, 1), None, 1),
    Defect("whole site 1 month early", shifted(None, -1), None, -1),
    Defect("whole site 3 months late", shifted(None, 3), None, 3),
    Defect("latitude of the wrong sign", other_hemisphere, None, 6),
)


def power(
    towers: pd.DataFrame, sites: pd.DataFrame, defect: Defect, rounds: int = _ROUNDS
) -> Power:
    """Introduce a defect at an eighth of the sites per round, and count what the checks find."""
    columns = seasonal_columns([str(c) for c in towers])
    columns = [c for c in columns if towers[c].notna().any()]
    seasonal = list(columns)
    columns += [c for c in ("NEE",) if c in towers]
    total = np.zeros(5, dtype=int)
    healthy = Years.of(towers, columns)
    of = sites.set_index("site_id")["latitude"].reindex(healthy.sites).to_numpy(float)
    turn = np.random.default_rng(0).permutation(len(of)) % _ROUNDS
    clear = Seasons.of(healthy, of, seasonal).clear[defect.column or "SUN"]
    for number in range(rounds):
        years = Years(
            healthy.sites,
            healthy.first,
            healthy.site,
            healthy.begin,
            {c: v.copy() for c, v in healthy.months.items()},
        )
        latitude = of.copy()
        chosen = np.flatnonzero(turn == number)
        if defect.column:
            there = np.isfinite(healthy.mean_year(defect.column)).any(-1)
            chosen = chosen[there[chosen]]
        defect.spoil(years, latitude, chosen)
        place = pd.DataFrame({"site_id": years.sites, "latitude": latitude})
        findings, _ = check_phase(years, place, seasonal, FALSE_ALARM)
        findings += check_carbon_timing(years)
        spoiled = {years.sites[i] for i in chosen}
        found = {s for f in findings if _right(f, defect) for s in f.sites} & spoiled
        wrong = {s for f in findings for s in f.sites} - spoiled
        total += [
            len(spoiled), int(clear[chosen].sum()), len(found), len(wrong), len(of) - len(spoiled),
        ]  # fmt: skip
    return Power(defect.name, *(int(n) for n in total))


def _right(finding: Finding, defect: Defect) -> bool:
    if finding.variable != defect.column:
        return False
    if defect.months is None:
        return "text order" in finding.found
    months = abs(defect.months)
    words = f"{months} month" if months > 1 else "1 month "
    side = "late" if defect.months > 0 else "early"
    return words in finding.found and (months == 6 or side in finding.found)


def main() -> None:
    """Print the table."""
    from omegaconf import OmegaConf

    from uflux_kedro.readers.parameters import TowerParameters
    from uflux_kedro.readers.towers.tidy import read_tidy

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    path = PROJECT / "../shared/data/towers_monthly/fluxnet2015_monthly.csv.gz"
    parser.add_argument("--towers", type=Path, default=path)
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    chosen = parser.parse_args()
    settings = OmegaConf.to_container(OmegaConf.load(PROJECT / "conf/fluxnet2015/parameters.yml"))
    parameters = TowerParameters.model_validate(settings["towers"])
    towers, sites, _ = read_tidy([chosen.towers], parameters.columns)
    print(f"{'defect':38} defects  clear  found   of clear  false alarms")
    for defect in DEFECTS:
        p = power(towers, sites, defect, chosen.rounds)
        print(
            f"{p.name:38} {p.spoiled:7} {p.judged:6} {p.found:6} {p.found / max(p.judged, 1):9.0%}"
            f" {p.false:6} of {p.healthy}"
        )


if __name__ == "__main__":
    main()
