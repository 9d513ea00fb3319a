"""Carry-over predictors: what is known of any place without measuring its fluxes.

A model for unseen towers gains from predictors that mean the same everywhere: light absorbed by
leaves, its assimilation by optimal leaves, the response of respiration to temperature, how green
a place is through the year, and how a month departs from usual. All follow from climate,
vegetation and CO2, on the grid as at a tower; nothing is fitted and no flux is used.

The functions take a Dataset with a dimension ``time`` of months and any others: latitude and
longitude for a map, ``site_id`` for a table of towers, which is converted to a Dataset. Lazy
inputs give lazy results.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from uflux_kedro.features.history import from_record, mean_year, of_month
from uflux_kedro.lazy import pd, xr
from uflux_kedro.variables import HISTORY, VARIABLES, predictor_name, variable_of

if TYPE_CHECKING:
    from uflux_kedro.features.parameters import CarryOverParameters

FILLED, CARRY = "FILLED", "CARRY"
"""Prefixes: of gap-filled vegetation, and of predictors made from several sources."""

_PAR_SHARE = 0.5
"""Photosynthetically active part of the energy of sunlight; Monteith (1972), doi 10.2307/2401901."""
_EXTINCTION = 0.5
"""Extinction of light in a canopy of randomly turned leaves, per unit of leaf area."""
_TWILIGHT = 15.0
"""W m-2 above the atmosphere; below it, the share that reaches the ground is meaningless."""
_MOL_PER_DAY = 0.0864
"""mol m-2 d-1 in one umol m-2 s-1."""
_DAYS_OF_MONTH = (4, 9, 14, 19, 24)
"""Days after the first of a month at which its radiation is sampled."""


class _Feature(NamedTuple):
    """How a feature of a month is made.

    Attributes:
        variable: Canonical name, or the name of an intermediate result.
        prefix: Source in the predictor's name.
        needs: Inputs of the formula, in the order of its arguments.
        formula: The function.
    """

    variable: str
    prefix: str
    needs: tuple[str, ...]
    formula: Callable[..., Any]


def _features(climate: str) -> tuple[_Feature, ...]:
    """Return the features of a month, each after its inputs, intermediate results included."""
    # Imported here because the formulas import xarray, which is slow.
    from uflux_kedro.biophysics.radiation import top_of_atmosphere_radiation
    from uflux_kedro.biophysics.respiration import lloyd_taylor

    def potential_radiation(latitude: Any, time: Any) -> Any:
        days = [(time + np.timedelta64(d, "D")).dt.dayofyear for d in _DAYS_OF_MONTH]
        return sum(top_of_atmosphere_radiation(latitude, day) for day in days) / len(days)

    def product(a: Any, b: Any) -> Any:
        return a * b

    return (
        _Feature("SW_POT", "", ("latitude", "time"), potential_radiation),
        _Feature("CLEAR", climate, ("SW_IN", "SW_POT"), clearness),
        _Feature("fAPAR of EVI", "", ("EVI",), fapar_from_evi),
        _Feature("fAPAR of LAI", "", ("LAI",), fapar_from_lai),
        _Feature("APAR", CARRY, ("SW_IN", "fAPAR of EVI"), apar),
        _Feature("APAR_LAI", CARRY, ("SW_IN", "fAPAR of LAI"), apar),
        _Feature("PMODEL", "", ("TA", "VPD", "PA", "CO2", "SW_IN"), potential_productivity),
        _Feature("GPP_POT", CARRY, ("PMODEL", "fAPAR of EVI"), product),
        _Feature("GPP_POT_LAI", CARRY, ("PMODEL", "fAPAR of LAI"), product),
        _Feature("FT", climate, ("TA",), lloyd_taylor),
        _Feature("FT_LAI", CARRY, ("FT", "LAI"), product),
        _Feature("FT_EVI", CARRY, ("FT", "EVI"), product),
    )


_LEVELS: tuple[tuple[str, str, Callable[[Any], Any]], ...] = (
    ("EVI_MEAN", "EVI", lambda year: year.mean("month")),
    ("EVI_AMP", "EVI", lambda year: year.max("month") - year.min("month")),
    ("LAI_MAX", "LAI", lambda year: year.max("month")),
    ("LAI_MIN", "LAI", lambda year: year.min("month")),
    ("LSWI_MEAN", "LSWI", lambda year: year.mean("month")),
)
"""Variable, vegetation index, and the function of the index's twelve calendar months."""

_RECORD_VARIABLES: Mapping[str, tuple[str, ...]] = {
    "ANOM": ("TA", "SW_IN", "VPD", "P", "NIRv", "EVI", "LAI"),
    "LAG1": ("TA", "SW_IN", "VPD", "NIRv", "EVI", "LAI"),
    "RUN3": ("P",),
}
"""Ending of a predictor -> variables of climate and vegetation that get it."""


def carry_over_names(
    parameters: CarryOverParameters, given: Iterable[str] | None = None
) -> tuple[str, ...]:
    """Return the names of the predictors that :func:`carry_over_predictors` makes.

    Args:
        parameters: Names of climate and vegetation.
        given: Names that the data have; None assumes every name in ``parameters``.

    Returns:
        Names of the new predictors.
    """
    inputs = _inputs(parameters)
    given = set(inputs.values() if given is None else given)
    known = {ours for ours, theirs in inputs.items() if theirs in given}
    vegetation = [index for index in parameters.vegetation if index in known]
    made = [f"{FILLED}_{index}" for index in vegetation]
    for variable, prefix, needs, _ in _features(parameters.climate):
        if known.issuperset(needs):
            known.add(variable)
            made += [predictor_name(prefix, variable)] if variable in VARIABLES else []
    made += [predictor_name(CARRY, v) for v, index, _ in _LEVELS if index in vegetation]
    return (*made, *(name for name, _, _ in _record_predictors(parameters, known)))


def carry_over_predictors(data: xr.Dataset, parameters: CarryOverParameters) -> xr.Dataset:
    """Make the carry-over predictors of every place and month.

    A predictor with an absent input is not made.

    Args:
        data: Predictors by name, canonical units, months along ``time``; a coordinate
            ``latitude``; ``CO2`` (umol mol-1), required by the P-model alone.
        parameters: Names of climate and vegetation in ``data``.

    Returns:
        The new predictors alone, float32, lazy where the inputs are. ``FILLED_<index>`` is
        gap-filled vegetation; ``SW_POT`` radiation above the atmosphere; ``<climate>_CLEAR``
        and ``<climate>_FT`` use the climate alone; ``CARRY_...`` use climate and vegetation, or
        are the level of vegetation at the place, which is constant in time. Names that end in
        ``_ANOM`` (departure from the usual month), ``_LAG1`` (the month before) and ``_RUN3``
        (mean of three months) use the place's record; see :mod:`uflux_kedro.features.history`.
    """
    known = {ours: data[n] for ours, n in _inputs(parameters).items() if n in data.variables}
    made: dict[str, Any] = {}
    years = {}
    for index in parameters.vegetation:
        if index in known:
            years[index] = year_of(known[index])
            known[index] = made[f"{FILLED}_{index}"] = fill_gaps(known[index], years[index])
    for variable, prefix, needs, formula in _features(parameters.climate):
        if known.keys() >= set(needs):
            known[variable] = formula(*(known[n] for n in needs))
            if variable in VARIABLES:
                made[predictor_name(prefix, variable)] = known[variable]
    made |= {predictor_name(CARRY, v): level(years[i]) for v, i, level in _LEVELS if i in years}
    for name, variable, ending in _record_predictors(parameters, known):
        made[name] = from_record(known[variable], HISTORY[ending])
    return xr.Dataset({name: _as_predictor(v, name, data) for name, v in made.items()})


def carry_over_at_towers(table: pd.DataFrame, parameters: CarryOverParameters) -> pd.DataFrame:
    """Add the predictors of :func:`carry_over_predictors` to a table of towers.

    Args:
        table: ``site_id``, ``time`` (months, each once per site), ``latitude`` and predictors.
            All months of a place must be in it, since its mean year is computed from them.
        parameters: Names of climate and vegetation in ``table``.

    Returns:
        The table with the new predictors.
    """
    keys = ["site_id", "time"]
    wanted = [
        c for c in _inputs(parameters).values() if c in table and c not in ("latitude", *keys)
    ]
    places = table.groupby("site_id")["latitude"].first()
    data = table.set_index(keys)[wanted].to_xarray().assign_coords(latitude=places.to_xarray())
    new = carry_over_predictors(data, parameters)
    return table.join(new.to_dataframe(dim_order=keys), on=keys)


def year_of(index: xr.DataArray) -> xr.DataArray:
    """Return the mean of each calendar month over a place's record of a vegetation index.

    Args:
        index: Index along ``time``.

    Returns:
        Index along ``month``, 1 to 12. A month without any value, as in polar night or under
        snow, gets the lowest value of the other months; NaN where no month has a value.
    """
    year = mean_year(index)
    return year.fillna(year.min("month"))


def fill_gaps(index: xr.DataArray, year: xr.DataArray) -> xr.DataArray:
    """Fill the gaps of a vegetation index with the same calendar month of other years.

    Args:
        index: Index along ``time``.
        year: Its mean year, from :func:`year_of`.

    Returns:
        Index along ``time``; NaN at places without any value.
    """
    return index.fillna(of_month(year, index["time"]))


def clearness(SW_IN: Any, SW_POT: Any) -> Any:
    """Return the share of the radiation above the atmosphere that reaches the ground.

    Args:
        SW_IN: Incoming shortwave radiation, W m-2.
        SW_POT: Radiation above the atmosphere, W m-2; shapes broadcast.

    Returns:
        Share, 0 to 1; 0 in polar night.
    """
    share = (SW_IN / np.maximum(SW_POT, _TWILIGHT)).clip(0, 1)
    return share.where(SW_POT > _TWILIGHT, 0)


def fapar_from_lai(LAI: Any) -> Any:
    """Return the share of light that a canopy absorbs, 1 - exp(-LAI / 2).

    Source: Monsi and Saeki (1953), in translation doi 10.1093/aob/mci052.

    Args:
        LAI: Leaf area index.

    Returns:
        Share, 0 to 1.
    """
    return 1 - np.exp(-_EXTINCTION * LAI)


def fapar_from_evi(EVI: Any) -> Any:
    """Return the share of light that chlorophyll absorbs, approximated by the EVI.

    Source: Xiao et al. (2004), doi 10.1016/j.rse.2003.11.008.

    Args:
        EVI: Enhanced vegetation index, or its two-band form.

    Returns:
        Share, 0 to 1.
    """
    return EVI.clip(0, 1)


def apar(SW_IN: Any, fapar: Any) -> Any:
    """Return the photosynthetically active radiation that vegetation absorbs.

    Args:
        SW_IN: Incoming shortwave radiation, W m-2.
        fapar: Absorbed share, 0 to 1; shapes broadcast.

    Returns:
        Radiation, W m-2.
    """
    return _PAR_SHARE * SW_IN * fapar


def potential_productivity(TA: Any, VPD: Any, PA: Any, CO2: Any, SW_IN: Any) -> Any:
    """Return the productivity of optimal C3 leaves that absorb all light, by the P-model.

    Args:
        TA: Air temperature, degC.
        VPD: Vapour pressure deficit, hPa.
        PA: Air pressure, kPa.
        CO2: CO2 mole fraction of the air, umol mol-1.
        SW_IN: Incoming shortwave radiation, W m-2; shapes broadcast.

    Returns:
        Gross productivity, gC m-2 d-1.
    """
    from uflux_kedro.biophysics.pmodel import light_use_efficiency
    from uflux_kedro.biophysics.radiation import ppfd_from_shortwave

    photons = ppfd_from_shortwave(SW_IN) * _MOL_PER_DAY
    return light_use_efficiency(TA, VPD, PA, CO2) * photons


def _inputs(parameters: CarryOverParameters) -> dict[str, str]:
    """Return name in a formula -> name in the data."""
    climate = {v: f"{parameters.climate}_{v}" for v in ("TA", "SW_IN", "VPD", "PA", "P")}
    shared = {name: name for name in ("latitude", "time", "CO2")}
    return climate | shared | parameters.vegetation


def _record_predictors(
    parameters: CarryOverParameters, known: Container[str]
) -> Iterator[tuple[str, str, str]]:
    """Yield name, variable and ending of each predictor that uses a place's record."""
    for ending, variables in _RECORD_VARIABLES.items():
        for variable in variables:
            if variable in known:
                prefix = FILLED if variable in parameters.vegetation else parameters.climate
                yield f"{prefix}_{variable}_{ending}", variable, ending


def _as_predictor(values: xr.DataArray, name: str, data: xr.Dataset) -> xr.DataArray:
    order = [d for d in ("time", *data.dims) if d in values.dims]
    values = values.astype("float32").transpose(*dict.fromkeys(order)).reset_coords(drop=True)
    return values.assign_attrs(variable_of(name).cf_attributes())
