"""Response curves of a flux by IGBP class: towers, model and baseline side by side.

NEE against light and RECO against air temperature, each with a polynomial of second order: what a
model should have learnt of physiology, at towers that it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.validation.bootstrap import percentile_interval, site_draws
from uflux_kedro.variables import IGBP_NAMES, parse_predictor

CLASSES = ("ENF", "EBF", "DBF", "MF", "CSH", "OSH", "WSA", "SAV", "GRA", "WET", "CRO")
"""The IGBP classes that have towers in numbers."""

SOURCES = ("truth", "prediction", "baseline")
"""Columns of which curves are fitted, where a table has them."""

_DEGREE = 2


@dataclass(frozen=True)
class Response:
    """A flux and what it responds to.

    Attributes:
        flux: Name of the flux.
        variable: Variable from which the driver is computed.
        driver: Name of the driver, for labels.
        unit: Unit of the driver.
        convert: Function from the variable to the driver.
    """

    flux: str
    variable: str
    driver: str
    unit: str
    convert: Callable[[Any], Any]


def _ppfd(shortwave: Any) -> Any:
    # Imported at first use: pipelines are built from the names of the drivers.
    from uflux_kedro.biophysics.radiation import ppfd_from_shortwave

    return ppfd_from_shortwave(shortwave)


RESPONSES: Mapping[str, Response] = {
    "NEE": Response("NEE", "SW_IN", "PPFD", "umol m-2 s-1", _ppfd),
    "RECO": Response("RECO", "TA", "TA", "degC", lambda temperature: temperature),
}
"""Flux -> its response, as in Figures 10 and 11 of the UFLUX publication."""


class ResponseCurves(NamedTuple):
    """Fitted curves by class.

    Attributes:
        curves: ``IGBP``, ``source`` (``truth``, ``prediction``, ``baseline``), ``value`` of the
            driver, ``effect`` (the fitted flux), ``low``, ``high``.
        fits: ``IGBP``, ``source``, ``towers``, ``site_years``, ``n``, and the coefficients
            ``constant``, ``slope``, ``curvature`` of 1, x and x squared, and ``R2`` of the fit.
    """

    curves: pd.DataFrame
    fits: pd.DataFrame


def response_rows(
    predictions: pd.DataFrame, table: pd.DataFrame, flux: str, column: str | None = None
) -> pd.DataFrame:
    """Join held-out predictions with the driver and the class of the same row.

    Args:
        predictions: ``site_id``, ``time``, ``truth``, ``prediction``, optionally ``baseline``.
        table: Training table with ``site_id``, ``time``, ``IGBP`` (code) and the driver's variable.
        flux: A flux of :data:`RESPONSES`.
        column: Column of the driver's variable; None takes the first from any source.

    Returns:
        The predictions' columns with ``IGBP`` (class) and ``x``, rows without one left out.

    Raises:
        ConfigurationError: If no response of the flux is known.
        InputError: If a column is missing, or no row has all values.
    """
    if flux not in RESPONSES:
        raise ConfigurationError(
            f"No response of {flux!r} is known: expected one of {', '.join(RESPONSES)}"
        )
    response = RESPONSES[flux]
    offered = [str(c) for c in table if parse_predictor(str(c))[1] == response.variable]
    driver = column or next(iter(offered), response.variable)
    keys = ["site_id", "time"]
    absent = [c for c in (*keys, "IGBP", driver) if c not in table]
    absent += [c for c in (*keys, "truth", "prediction") if c not in predictions]
    if absent:
        raise InputError(
            "held-out predictions and training table",
            ", ".join(absent),
            expected="columns of these names",
            found=f"{', '.join(map(str, predictions))}; {', '.join(map(str, table))}",
        )
    drivers = table[keys].assign(
        IGBP=table["IGBP"].map(IGBP_NAMES), x=response.convert(table[driver].astype(float))
    )
    kept = [*keys, *(s for s in SOURCES if s in predictions)]
    rows = (
        predictions[kept]
        .merge(drivers, on=keys)
        .dropna(subset=["truth", "prediction", "x", "IGBP"])
    )
    if rows.empty:
        raise InputError(
            "held-out predictions",
            driver,
            expected=f"rows with truth, prediction, class and {driver}",
            found="none",
        )
    return rows.reset_index(drop=True)


def response_curves(
    rows: pd.DataFrame,
    *,
    classes: Sequence[str] = CLASSES,
    n_points: int = 40,
    n_resamples: int = 500,
    level: float = 0.9,
    seed: int = 0,
) -> ResponseCurves:
    """Fit polynomials of second order by class, with bands over resampled towers.

    All sources of a class are fitted to the same rows and resampled towers, so that they compare.

    Args:
        rows: As of :func:`response_rows`; rows without ``baseline`` do not count for any source
            where that column is given.
        classes: Classes, in this order; those without rows are left out.
        n_points: Points of a curve, between the 1st and the 99th percentile of the class's driver.
        n_resamples: Number of resamples of towers.
        level: Probability inside the band.
        seed: Seed of the resampling.

    Returns:
        The curves and the fits. With fewer than three values of the driver there is no curve, and
        with fewer than two towers no band.
    """
    sources = [s for s in SOURCES if s in rows]
    curves, fits = [], []
    for name in classes:
        of_class = rows[rows["IGBP"] == name].dropna(subset=sources)
        if of_class["x"].nunique() <= _DEGREE:
            continue
        counts = {
            "towers": of_class["site_id"].nunique(),
            "site_years": len(of_class.assign(year=of_class["time"].dt.year)
                              .drop_duplicates(["site_id", "year"])),
            "n": len(of_class),
        }  # fmt: skip
        for source, curve, fit in _fit(of_class, sources, n_points, n_resamples, level, seed):
            curves.append(curve.assign(IGBP=name, source=source))
            fits.append({"IGBP": name, "source": source, **counts, **fit})
    columns = ["IGBP", "source", "value", "effect", "low", "high"]
    whole = (
        pd.concat(curves, ignore_index=True)[columns] if curves else pd.DataFrame(columns=columns)
    )
    numbers = ["towers", "site_years", "n", "constant", "slope", "curvature", "R2"]
    return ResponseCurves(whole, pd.DataFrame(fits, columns=["IGBP", "source", *numbers]))


def _fit(
    rows: pd.DataFrame, sources: list[str], n_points: int, n_resamples: int, level: float, seed: int
) -> list[tuple[str, pd.DataFrame, dict[str, float]]]:
    """Fit each source of one class: its name, its curve, its coefficients and R2."""
    x = rows["x"].to_numpy(float)
    site, names = pd.factorize(rows["site_id"], sort=True)
    # Of unit size, so that the squares of PPFD do not drown the constant.
    centre, scale = x.mean(), x.std()
    design = np.vander((x - centre) / scale, _DEGREE + 1, increasing=True)
    squares = _by_site(design[:, :, None] * design[:, None, :], site, len(names))
    draws = site_draws(len(names), n_resamples, seed)
    draws = np.vstack([np.ones(len(names)), draws])
    first, last = np.quantile(x, [0.01, 0.99])
    points = np.linspace(first, last, n_points)
    at = np.vander((points - centre) / scale, _DEGREE + 1, increasing=True)
    # From powers of the standardised driver to those of the driver.
    powers = np.array([[1, -centre / scale, (centre / scale) ** 2],
                       [0, 1 / scale, -2 * centre / scale**2],
                       [0, 0, 1 / scale**2]])  # fmt: skip
    found = []
    for source in sources:
        y = rows[source].to_numpy(float)
        products = _by_site(design * y[:, None], site, len(names))
        coefficients = _solve(np.tensordot(draws, squares, 1), draws @ products)
        drawn = coefficients[1:] @ at.T
        bands = [percentile_interval(column, level) for column in drawn.T]
        curve = pd.DataFrame(bands, columns=["low", "high"]).assign(
            value=points, effect=at @ coefficients[0]
        )
        misfit = ((y - design @ coefficients[0]) ** 2).sum()
        spread = ((y - y.mean()) ** 2).sum()
        fit = dict(
            zip(("constant", "slope", "curvature"), powers @ coefficients[0], strict=True),
            R2=1 - misfit / spread if spread > 0 else np.nan,
        )
        found.append((source, curve, fit))
    return found


def _by_site(values: NDArray[np.float64], site: NDArray, n_sites: int) -> NDArray[np.float64]:
    """Return the sums of (n, ...) values over the rows of each site."""
    sums = np.zeros((n_sites, *values.shape[1:]))
    np.add.at(sums, site, values)
    return sums


def _solve(squares: NDArray[np.float64], products: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve (draws, k, k) normal equations; NaN where the drawn towers do not tell a parabola."""
    known = np.linalg.cond(squares) < 1e10
    solved = np.full(products.shape, np.nan)
    solved[known] = np.linalg.solve(squares[known], products[known][..., None])[..., 0]
    return solved
