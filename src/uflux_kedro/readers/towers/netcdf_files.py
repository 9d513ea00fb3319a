"""Recognise and read netCDF files of one tower, each variable in the unit that its file states.

Two kinds are known: level 6 of OzFlux, as PyFluxPro writes it, and PLUMBER2, as FluxnetLSM writes it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from uflux_kedro.errors import InputError
from uflux_kedro.readers.archives import File, check_memory, is_gzip
from uflux_kedro.readers.towers.tables import MISSING
from uflux_kedro.readers.units import to_canonical
from uflux_kedro.variables import FLUXES, VARIABLES

if TYPE_CHECKING:
    import xarray as xr

logger = logging.getLogger(__name__)

FLAG = "_QCFlag"
"""Ending of the names of PyFluxPro's flags."""

_DAY = pd.Timedelta("1D")
_CARBON = ("GPP", "RECO", "NEE")
_SPELLINGS = {"C": "degC", "-": "1", "frac": "fraction"}
_FULL_STEPS = ("30", "60")
"""Minutes."""
_MOST_SHOWN = 8
_SITE = re.compile(r"[A-Z]{2}-[A-Za-z0-9]+")


class Kind(NamedTuple):
    """What a netCDF file of one tower is.

    Attributes:
        family: Family, which determines the reader.
        site: Name of the tower.
        part: ``flux`` or ``met``: PLUMBER2 has a file of each, OzFlux one of both.
    """

    family: Literal["ozflux", "plumber2"]
    site: str
    part: Literal["flux", "met"] = "flux"


@contextmanager
def open_netcdf(file: File) -> Iterator[xr.Dataset]:
    """Open a netCDF file; values are read when they are used.

    Raises:
        InputError: If it is packed, absent, damaged or no netCDF.
    """
    import xarray as xr

    if file.member is not None or is_gzip(file.path):
        raise InputError(file.where, None, expected="netCDF", found="it packed", hint="Unpack it")
    with file.open() as stream:
        # A damaged file of the classic format crashes the netCDF library, but not SciPy's reader.
        engine: Literal["scipy", "netcdf4"] = "scipy" if stream.read(3) == b"CDF" else "netcdf4"
    try:
        dataset = xr.open_dataset(file.path, engine=engine)
    # The libraries below xarray raise many kinds of exceptions on a file that is no netCDF.
    except Exception as error:
        raise _damaged(file, error) from error
    with dataset:
        try:
            yield dataset
        except (OSError, RuntimeError) as error:
            raise _damaged(file, error) from error


def _damaged(file: File, error: Exception) -> InputError:
    return InputError(
        file.where,
        None,
        expected="a complete netCDF file",
        found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
        hint="Download the file again",
    )


def kind_of(file: File) -> Kind | str:
    """Return what a netCDF file is, by its variables; or a text with the reason why it is not read.

    Raises:
        InputError: As for :func:`open_netcdf`.
    """
    with open_netcdf(file) as dataset:
        names = {str(name) for name in dataset.variables}
        if "Fe" in names and f"Fe{FLAG}" in names:
            return _ozflux(dataset, names)
        one_place = {"time", "latitude"} <= names and dataset["latitude"].size == 1
        if one_place and names & {"Qle", "Qh", "NEE", "Tair"}:
            code = str(dataset.attrs.get("site_code", ""))
            found = _SITE.match(code) or _SITE.match(file.name)
            if found is None:
                return "PLUMBER2 without site_code: rename the file to <site>_<years>_..._Flux.nc"
            return Kind("plumber2", found[0], "flux" if names & {"Qle", "Qh", "NEE"} else "met")
    shown = ", ".join(sorted(names)[:_MOST_SHOWN])
    return (
        f"netCDF of neither OzFlux (L6) nor PLUMBER2, with {shown}: save it as CSV and map its "
        "columns in towers.columns, with towers.reader tidy"
    )


def _ozflux(dataset: xr.Dataset, names: set[str]) -> Kind | str:
    step = str(dataset.attrs.get("time_step", _FULL_STEPS[0])).strip()
    if step not in _FULL_STEPS:
        return f"OzFlux at a step of {step}: take the half-hours or hours, <site>_L6.nc"
    if not any(name.startswith(("GPP_", "NEE_")) for name in names):
        return "OzFlux below level 6, without partitioned fluxes: take <site>_L6.nc"
    site = str(dataset.attrs.get("fluxnet_id", "")).strip()
    if not _SITE.fullmatch(site):
        site = str(dataset.attrs.get("site_name", "")).strip()
    return Kind("ozflux", site) if site else "OzFlux without the attributes fluxnet_id, site_name"


def variables_in(file: File) -> tuple[str, ...]:
    """Return the names of the variables.

    Raises:
        InputError: As for :func:`open_netcdf`.
    """
    with open_netcdf(file) as dataset:
        return tuple(str(name) for name in dataset.variables)


def read_variables(
    dataset: xr.Dataset,
    variables: Mapping[str, str],
    codes: Mapping[str, str],
    where: str,
    stamp: Literal["start", "end"],
) -> pd.DataFrame:
    """Read variables of one tower as a table.

    Args:
        dataset: With the dimension ``time``; other dimensions have the size 1.
        variables: Canonical name -> variable of the file; absent ones are skipped.
        codes: ``<VAR>_QC`` -> variable with codes, read as they are.
        where: File, for messages.
        stamp: Whether times are starts or ends of the steps.

    Returns:
        ``TIMESTAMP_START`` and the variables by the names of the file, in canonical units except
        rain, in mm per step; missing values are NaN. A variable of the weather whose
        unit does not convert is left out with a warning.

    Raises:
        InputError: If the times are no dates, or the unit of a flux does not convert.
    """
    present = {ours: theirs for ours, theirs in variables.items() if theirs in dataset}
    flags = dict.fromkeys(name for name in codes.values() if name in dataset)
    check_memory(8 * dataset.sizes["time"] * (len(present) + len(flags) + 1), where)
    times = dataset["time"].to_numpy()
    if times.dtype.kind != "M":
        raise InputError(where, "time", expected="dates with a unit", found=str(times.dtype))
    # Days since 1800 as floating point numbers are not exact.
    stamps = pd.DatetimeIndex(times).round("min")
    step = pd.Series(stamps).diff().median() if len(stamps) > 1 else pd.Timedelta("30min")
    starts = stamps - step if stamp == "end" else stamps
    raw: dict[str, Any] = {"TIMESTAMP_START": starts.strftime("%Y%m%d%H%M")}
    for ours, theirs in present.items():
        unit = str(dataset[theirs].attrs.get("units", "")).strip()
        try:
            raw[theirs] = _converted(ours, _values(dataset[theirs]), unit, step, where)
        except InputError as error:
            if ours in FLUXES:
                raise
            logger.warning("%s is left out: %s", theirs, error)
    raw |= {name: _values(dataset[name]) for name in flags}
    return pd.DataFrame(raw)


def _values(variable: xr.DataArray) -> np.ndarray:
    values = variable.to_numpy().astype("float64").ravel()
    return np.where(values == MISSING, np.nan, values)


def _converted(
    name: str, values: np.ndarray, unit: str, step: pd.Timedelta, where: str
) -> np.ndarray:
    unit = _SPELLINGS.get(unit, unit)
    if name in _CARBON:
        unit = re.sub(r"mol(?!\s*CO2)", "molCO2", unit)
    if name == "P":
        if unit == "mm":
            return values
        values = values * (step / _DAY)
    return np.asarray(to_canonical(values, unit, VARIABLES[name], where))


def number(value: Any) -> float:
    """Return the number in an attribute such as ``1249m``; NaN if there is none."""
    found = re.match(r"\s*[-+]?\d+(\.\d*)?", str(value))
    return float(found[0]) if found else float("nan")
