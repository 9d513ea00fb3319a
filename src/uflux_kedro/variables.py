"""Table of all variables: name, unit, physical bounds, CF name and the names in each source.

Names and units follow FLUXNET. Units are converted in ``readers`` and nowhere else: everywhere
else a variable has one name and one unit.

A *predictor* is a variable from one source, written ``SOURCE_VARIABLE`` (``ERA5_TA``,
``MODIS_NIRv``); a variable that belongs to no source has no prefix (``IGBP``, ``DoY_sin``,
``EVI``). :func:`variable_of` returns the variable of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Literal, NamedTuple

from uflux_kedro.errors import ConfigurationError

Kind = Literal["state", "rate", "index", "flux", "category", "site"]
"""How a variable is aggregated and regridded.

``rate`` is conserved (radiation, rain), ``state`` and ``index`` are interpolated, ``flux`` is
a target, ``category`` is never averaged, ``site`` belongs to a place or a date.
"""


@dataclass(frozen=True)
class Variable:
    """A canonical variable.

    Attributes:
        name: Canonical name, that of FLUXNET if there is one.
        long_name: Name for plots and metadata.
        unit: Canonical unit, readable by pint and by CF tools.
        lower: Lowest physically possible value, in ``unit``.
        upper: Highest physically possible value, in ``unit``.
        kind: See :data:`Kind`.
        standard_name: CF standard name; None if CF has none.
        aliases: Family of sources -> names of the variable in its files.
    """

    name: str
    long_name: str
    unit: str
    lower: float
    upper: float
    kind: Kind
    standard_name: str | None = None
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def cf_attributes(self) -> dict[str, str]:
        """Return the CF-1.11 attributes of the variable."""
        attributes = {"long_name": self.long_name, "units": self.unit}
        if self.standard_name:
            attributes["standard_name"] = self.standard_name
        return attributes


_CARBON = "gC m-2 d-1"

CF_UNITS = {_CARBON: "g m-2 d-1"}
"""Canonical unit -> the unit in finished products, where it differs: UDUNITS, which CF requires, has no
"gC"; the standard name says that the mass is carbon."""
_POWER = "W m-2"
_SIF = "mW m-2 nm-1 sr-1"

_TABLE = (
    # Targets. H and LE have columns as measured and corrected for closure; the reader chooses.
    Variable("GPP", "gross primary productivity", _CARBON, -10, 40, "flux",
             "gross_primary_productivity_of_biomass_expressed_as_carbon",
             {"fluxnet": ("GPP_NT_VUT_REF", "GPP_DT_VUT_REF")}),
    Variable("RECO", "ecosystem respiration", _CARBON, -12, 40, "flux",
             None,  # CF has none for the upward flux
             {"fluxnet": ("RECO_NT_VUT_REF", "RECO_DT_VUT_REF")}),
    Variable("NEE", "net ecosystem exchange of CO2, positive to the atmosphere", _CARBON, -35, 35, "flux",
             None,  # CF has none for the upward flux
             {"fluxnet": ("NEE_VUT_REF",)}),
    Variable("H", "sensible heat flux", _POWER, -250, 600, "flux", "surface_upward_sensible_heat_flux",
             {"fluxnet": ("H_CORR", "H_F_MDS")}),
    Variable("LE", "latent heat flux", _POWER, -120, 500, "flux", "surface_upward_latent_heat_flux",
             {"fluxnet": ("LE_CORR", "LE_F_MDS")}),
    # Products derived from the targets.
    Variable("ET", "evapotranspiration", "mm d-1", -6, 20, "rate", "lwe_water_evaporation_rate"),
    Variable("WUE", "water-use efficiency, carbon taken up by water lost", "g kg-1", -200, 400, "index"),
    # Weather.
    Variable("TA", "air temperature", "degC", -80, 60, "state", "air_temperature",
             {"fluxnet": ("TA_F",), "era5": ("t2m", "2t", "VAR_2T", "var167"), "wfde5": ("Tair",),
              "cfsv2": ("Temperature_height_above_ground", "TMP_L103")}),
    Variable("TA_MIN", "daily minimum air temperature", "degC", -90, 50, "state", "air_temperature"),
    Variable("TA_MAX", "daily maximum air temperature", "degC", -80, 65, "state", "air_temperature"),
    Variable("TD", "dew-point temperature", "degC", -90, 40, "state", "dew_point_temperature",
             {"era5": ("d2m", "2d", "VAR_2D", "var168")}),
    Variable("TS", "soil temperature of the top layer", "degC", -60, 70, "state", "soil_temperature",
             {"fluxnet": ("TS_F_MDS_1",), "era5": ("stl1", "STL1", "var139")}),
    Variable("QV", "specific humidity", "kg kg-1", 0, 0.05, "state", "specific_humidity",
             {"cfsv2": ("Specific_humidity_height_above_ground", "SPFH_L103"), "wfde5": ("Qair",)}),
    Variable("VPD", "vapour pressure deficit", "hPa", 0, 110, "state",
             "water_vapor_saturation_deficit_in_air", {"fluxnet": ("VPD_F",)}),
    Variable("PA", "air pressure at the surface", "kPa", 45, 110, "state", "surface_air_pressure",
             {"fluxnet": ("PA_F",), "era5": ("sp", "SP", "var134"), "wfde5": ("PSurf",),
              "cfsv2": ("Pressure_surface", "PRES_L1")}),
    Variable("SW_IN", "incoming shortwave radiation", _POWER, 0, 600, "rate",
             "surface_downwelling_shortwave_flux_in_air",
             {"fluxnet": ("SW_IN_F",), "era5": ("ssrd", "avg_sdswrf", "msdwswrf", "var169"), "wfde5": ("SWdown",),
              "cfsv2": ("Downward_Short-Wave_Radiation_Flux_surface_6_Hour_Average", "DSWRF_L1", "DSWRF_L1_Avg_1")}),
    Variable("PPFD_IN", "incoming photosynthetic photon flux density", "umol m-2 s-1", 0, 1250, "rate",
             "surface_downwelling_photosynthetic_photon_flux_in_air"),
    Variable("LW_IN", "incoming longwave radiation", _POWER, 40, 600, "rate",
             "surface_downwelling_longwave_flux_in_air",
             {"fluxnet": ("LW_IN_F",), "era5": ("strd", "avg_sdlwrf", "msdwlwrf", "var175"), "wfde5": ("LWdown",)}),
    Variable("NETRAD", "net radiation", _POWER, -250, 500, "rate", "surface_net_downward_radiative_flux",
             {"fluxnet": ("NETRAD",)}),
    Variable("G", "ground heat flux", _POWER, -150, 250, "rate", "downward_heat_flux_in_soil",
             {"fluxnet": ("G_F_MDS",)}),
    Variable("P", "precipitation", "mm d-1", 0, 500, "rate", "lwe_precipitation_rate",
             {"fluxnet": ("P_F",), "era5": ("tp", "avg_tprate", "mtpr", "var228"), "wfde5": ("pr", "Rainf"),
              "cfsv2": ("Precipitation_rate_surface_6_Hour_Average", "PRATE_L1", "PRATE_L1_Avg_1")}),
    Variable("WS", "wind speed", "m s-1", 0, 60, "state", "wind_speed",
             {"fluxnet": ("WS_F",), "wfde5": ("Wind",)}),
    Variable("U", "eastward wind", "m s-1", -60, 60, "state", "eastward_wind",
             {"era5": ("u10", "10u", "VAR_10U", "var165"), "cfsv2": ("u-component_of_wind_height_above_ground", "UGRD_L103")}),
    Variable("V", "northward wind", "m s-1", -60, 60, "state", "northward_wind",
             {"era5": ("v10", "10v", "VAR_10V", "var166"), "cfsv2": ("v-component_of_wind_height_above_ground", "VGRD_L103")}),
    Variable("USTAR", "friction velocity", "m s-1", 0, 5, "state", None, {"fluxnet": ("USTAR",)}),
    Variable("RH", "relative humidity of the air", "%", 0, 105, "state", "relative_humidity"),
    Variable("SWC", "volumetric soil water content", "m3 m-3", 0, 1, "state",
             "volume_fraction_of_condensed_water_in_soil",
             {"fluxnet": ("SWC_F_MDS_1",),
              "cfsv2": ("Volumetric_Soil_Moisture_Content_depth_below_surface_layer_5_cm", "SOILW_L106")}),
    Variable("CO2", "CO2 mole fraction of the air", "umol mol-1", 300, 700, "state",
             "mole_fraction_of_carbon_dioxide_in_air", {"fluxnet": ("CO2_F_MDS",), "noaa": ("average",), "co2": ("co2", "CO2")}),
    Variable("iWUE", "intrinsic water-use efficiency", "umol mol-1", 0, 350, "state"),
    # Vegetation.
    Variable("RED", "red surface reflectance", "1", -0.02, 1.6, "index", "surface_bidirectional_reflectance",
             {"modis": ("Nadir_Reflectance_Band1",), "avhrr": ("SREFL_CH1",),
              "viirs": ("Nadir_Reflectance_I1", "Nadir_Reflectance_M5")}),
    Variable("NIR", "near-infrared surface reflectance", "1", -0.02, 1.6, "index",
             "surface_bidirectional_reflectance",
             {"modis": ("Nadir_Reflectance_Band2",), "avhrr": ("SREFL_CH2",),
              "viirs": ("Nadir_Reflectance_I2", "Nadir_Reflectance_M7")}),
    Variable("BLUE", "blue surface reflectance", "1", -0.02, 1.6, "index", "surface_bidirectional_reflectance",
             {"modis": ("Nadir_Reflectance_Band3",), "viirs": ("Nadir_Reflectance_M3",)}),
    Variable("NDVI", "normalised difference vegetation index", "1", -1, 1, "index",
             "normalized_difference_vegetation_index",
             {"modis_vi": ("CMG 0.05 Deg Monthly NDVI", "CMG_0_05_Deg_Monthly_NDVI", "CMG_0.05_Deg_Monthly_NDVI", "CMG 0.05 Deg 16 days NDVI", "NDVI"),
              "viirs_vi": ("CMG 0.05 Deg monthly NDVI", "CMG 0.05 Deg Monthly NDVI", "CMG_0_05_Deg_monthly_NDVI")}),
    Variable("EVI", "enhanced vegetation index", "1", -1, 1.5, "index", None,
             {"modis_vi": ("CMG 0.05 Deg Monthly EVI", "CMG_0_05_Deg_Monthly_EVI", "CMG_0.05_Deg_Monthly_EVI", "CMG 0.05 Deg 16 days EVI", "EVI"),
              "viirs_vi": ("CMG 0.05 Deg monthly EVI", "CMG 0.05 Deg Monthly EVI", "CMG_0_05_Deg_monthly_EVI")}),
    Variable("EVI2", "two-band enhanced vegetation index", "1", -1, 1.5, "index", None,
             {"viirs_vi": ("CMG 0.05 Deg monthly EVI2", "CMG 0.05 Deg Monthly EVI2", "CMG_0_05_Deg_monthly_EVI2")}),
    Variable("NIRv", "near-infrared reflectance of vegetation", "1", -0.5, 1, "index"),
    Variable("LSWI", "land surface water index", "1", -1, 1, "index"),
    Variable("FPAR", "absorbed fraction of photosynthetically active radiation", "1", 0, 1, "index",
             "fraction_of_surface_downwelling_photosynthetic_radiative_flux_absorbed_by_vegetation"),
    Variable("LAI", "leaf area index", "1", 0, 12, "index", "leaf_area_index"),
    Variable("SIF", "sun-induced chlorophyll fluorescence", _SIF, -3, 8, "index", None,
             {"gome2": ("SIF_740", "SIF_daily_average"), "gosat755": ("SIF_755",), "gosat772": ("SIF_772",)}),
    Variable("CSIF", "contiguous sun-induced chlorophyll fluorescence", _SIF, -1, 5, "index", None,
             {"csif": ("clear_daily_SIF", "clear_inst_SIF")}),
    # Predictors that carry over to unseen towers: see features/carry_over.py.
    Variable("SW_POT", "shortwave radiation at the top of the atmosphere", _POWER, 0, 600, "rate",
             "toa_incoming_shortwave_flux"),
    Variable("CLEAR", "share of the top-of-atmosphere radiation that reaches the ground", "1", 0, 1, "index"),
    Variable("APAR", "photosynthetically active radiation absorbed by vegetation, from EVI", _POWER, 0, 300, "rate"),
    Variable("APAR_LAI", "photosynthetically active radiation absorbed by vegetation, from LAI", _POWER,
             0, 300, "rate"),
    Variable("GPP_POT", "gross primary productivity of the P-model, from EVI", _CARBON, 0, 100, "rate"),
    Variable("GPP_POT_LAI", "gross primary productivity of the P-model, from LAI", _CARBON, 0, 100, "rate"),
    Variable("FT", "response of respiration to temperature, 1 at 10 degC", "1", 0, 15, "index"),
    Variable("FT_LAI", "response of respiration to temperature times LAI", "1", 0, 180, "index"),
    Variable("FT_EVI", "response of respiration to temperature times EVI", "1", -15, 25, "index"),
    Variable("EVI_MEAN", "enhanced vegetation index, mean of the place's year", "1", -1, 1.5, "index"),
    Variable("EVI_AMP", "enhanced vegetation index, range of the place's year", "1", 0, 2.5, "index"),
    Variable("LAI_MAX", "leaf area index, highest month of the place's year", "1", 0, 12, "index"),
    Variable("LAI_MIN", "leaf area index, lowest month of the place's year", "1", 0, 12, "index"),
    Variable("LSWI_MEAN", "land surface water index, mean of the place's year", "1", -1, 1, "index"),
    # Place and date.
    Variable("IGBP", "IGBP land cover class", "1", 0, 17, "category", "land_cover",
             {"mcd12": ("Majority_Land_Cover_Type_1", "LC_Type1", "Band1")}),
    Variable("Latitude", "latitude", "degrees_north", -90, 90, "site", "latitude"),
    Variable("DoY_sin", "sine of the day of the year", "1", -1, 1, "site"),
    Variable("DoY_cos", "cosine of the day of the year", "1", -1, 1, "site"),
    Variable("Year", "calendar year", "1", 1900, 2200, "site"),
)  # fmt: skip

VARIABLES: Mapping[str, Variable] = {v.name: v for v in _TABLE}

_HOURS: Mapping[str, tuple[float, float]] = {
    "GPP": (-200, 200), "RECO": (-200, 200), "NEE": (-200, 200), "H": (-1000, 1500),
    "LE": (-1000, 1500), "SW_IN": (-50, 1500), "PPFD_IN": (-100, 3200), "NETRAD": (-500, 1300), "G": (-500, 1000),
    "CO2": (150, 2000), "P": (-1, 7200),
}  # fmt: skip
"""Bounds of hourly and half-hourly values, where they are wider than those of a day."""
_DAYS: Mapping[str, tuple[float, float]] = {"P": (-1, 2000)}
"""Bounds of daily values: 1,825 mm of rain fell on Reunion on a day in January 1966."""
_TOLERANCE = 0.05
"""Share of the width of the bounds by which a sensor may exceed them."""


def bounds_of_step(name: str, step: Literal["month", "day", "hour"]) -> tuple[float, float]:
    """Return the lowest and highest possible value; of days and hours with the error of sensors.

    Args:
        name: Canonical name of a variable, or of a column beside a flux.
        step: ``month``, ``day``, or ``hour`` for hours and half-hours.
    """
    if flux := flux_beside(name):
        return bounds_beside(name, *bounds_of_step(flux, step))
    if step == "month":
        return VARIABLES[name].lower, VARIABLES[name].upper
    special = (_HOURS if step == "hour" else _DAYS).get(name)
    if special is not None:
        return special
    variable = VARIABLES[name]
    tolerance = _TOLERANCE * (variable.upper - variable.lower)
    return variable.lower - tolerance, variable.upper + tolerance


FLUXES = tuple(v.name for v in _TABLE if v.kind == "flux")

BESIDE_A_FLUX: Mapping[str, str] = {
    "UNC": "whole uncertainty, one standard deviation",
    "RANDUNC": "random uncertainty, one standard deviation",
    "PROCUNC": "uncertainty of the processing, one standard deviation",
    "NT": "by the night-time partitioning",
    "DT": "by the day-time partitioning",
}
"""Ending of a column that stands beside a flux, in the flux's unit -> its meaning: ``GPP_UNC``."""


def flux_beside(column: str) -> str:
    """Return the flux of a column of :data:`BESIDE_A_FLUX`: GPP for ``GPP_DT``; "" for any other."""
    flux, _, ending = column.rpartition("_")
    return flux if flux in FLUXES and ending in BESIDE_A_FLUX else ""


def bounds_beside(column: str, lower: float, upper: float) -> tuple[float, float]:
    """Return the bounds of a column beside a flux, from those of the flux.

    A standard deviation is at least 0 and at most the width of the flux's bounds.
    """
    return (0.0, upper - lower) if column.endswith("UNC") else (lower, upper)


SITE_PREDICTORS = tuple(v.name for v in _TABLE if v.kind in ("site", "category"))


class History(NamedTuple):
    """Predictor computed from the record of a variable at a place.

    Attributes:
        long_name: Description, appended to the name of the variable.
        months: The value is the mean over the months that lie this many months before; if empty,
            and there are no days, the departure from the mean of the calendar month.
        days: Of a record of days, the number of last days that the value is of, the day included.
        of: Variables that have it; empty for all.
        needs: Further variables of the same source that it is computed from.
        unit: Unit, where it is not the variable's own.
        lower: Lowest value, where the unit differs.
        upper: Highest value, likewise.
    """

    long_name: str
    months: tuple[int, ...] = ()
    days: int = 0
    of: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    unit: str = ""
    lower: float = 0.0
    upper: float = 0.0


HISTORY: Mapping[str, History] = {
    "ANOM": History("departure from the place's mean of the calendar month"),
    "LAG1": History("a month before", (1,)),
    "RUN3": History("mean of the month and the two before", (0, 1, 2)),
    "MEAN7": History("mean of the last 7 days", days=7),
    "MEAN30": History("mean of the last 30 days", days=30),
    "MEAN90": History("mean of the last 90 days", days=90),
    "DRY": History("days since the last with 1 mm or more", days=90, of=("P",), unit="d", upper=90),
    "PET30": History(
        "less potential evapotranspiration, sum over the last 30 days",
        days=30, of=("P",), needs=("TA", "SW_IN"), unit="mm", lower=-600, upper=6000,
    ),
    "PET90": History(
        "less potential evapotranspiration, sum over the last 90 days",
        days=90, of=("P",), needs=("TA", "SW_IN"), unit="mm", lower=-1800, upper=18000,
    ),
}  # fmt: skip
"""Ending of a name -> predictor; computed in :mod:`uflux_kedro.features.history` from months, and in
:mod:`uflux_kedro.features.antecedent` from days."""

IGBP_CLASSES: Mapping[str, int] = {
    "WAT": 0, "ENF": 1, "EBF": 2, "DNF": 3, "DBF": 4, "MF": 5, "CSH": 6, "OSH": 7, "WSA": 8,
    "SAV": 9, "GRA": 10, "WET": 11, "CRO": 12, "URB": 13, "CVM": 14, "SNO": 15, "BSV": 16,
}  # fmt: skip
"""IGBP class -> code as in MCD12C1; the readers change 17, water in MCD12Q1, to 0."""

UNVEGETATED = ("SNO", "BSV")
"""IGBP classes of land without plants: no tower of carbon fluxes stands there."""

IGBP_NAMES: Mapping[int, str] = {code: name for name, code in IGBP_CLASSES.items()}
"""Code -> IGBP class."""

SOURCES: Mapping[str, str] = {
    "ERA5": "era5",
    "CFSV2": "cfsv2",
    "MODIS": "modis",
    "AVHRR": "avhrr",
    "GOME2": "gome2",
    "GOSAT755": "gosat755",
    "GOSAT772": "gosat772",
    "OCO2": "csif",
    "ERA5LAND": "era5",
    "WFDE5": "wfde5",
    "MOD13": "modis_vi",
    "VIIRS": "viirs",
    "VNP13": "viirs_vi",
}
"""Prefix of a predictor -> family of aliases, the names of variables in the files of the source."""


def predictor_name(source: str, variable: str) -> str:
    """Return ``SOURCE_VARIABLE``, or the variable alone where ``source`` is empty."""
    return f"{source}_{variable}" if source else variable


def parse_predictor(column: str) -> tuple[str, str]:
    """Split a column's name into its source and its variable.

    ``ERA5_TA`` gives ``("ERA5", "TA")``, ``TA`` gives ``("", "TA")`` and ``ERA5_TA_LAG1`` gives
    ``("ERA5", "TA_LAG1")``. A column that is no variable, such as ``site_id`` or ``GPP_QC``,
    gives two empty strings.
    """
    if column in VARIABLES:
        return "", column
    source, _, rest = column.partition("_")
    if rest in VARIABLES:
        return source, rest
    stem, _, ending = column.rpartition("_")
    source, variable = parse_predictor(stem) if ending in HISTORY else ("", "")
    return (source, f"{variable}_{ending}") if _has_history(variable, ending) else ("", "")


def _has_history(variable: str, ending: str) -> bool:
    return bool(variable) and (not HISTORY[ending].of or variable in HISTORY[ending].of)


def variable_of(predictor: str) -> Variable:
    """Return the variable of a predictor: TA for ``ERA5_TA`` and ``TA``, TA_LAG1 for ``ERA5_TA_LAG1``.

    Raises:
        ConfigurationError: If no variable has that name; the message suggests similar names.
    """
    _, name = parse_predictor(predictor)
    if name in VARIABLES:
        return VARIABLES[name]
    stem, _, ending = predictor.rpartition("_")
    if ending in HISTORY and stem:
        variable = variable_of(stem)
        if _has_history(variable.name, ending):
            return _in_history(variable, ending)
    rest = predictor.partition("_")[2]
    near = get_close_matches(rest or predictor, VARIABLES, n=3, cutoff=0.5)
    raise ConfigurationError(
        f"Unknown variable {predictor!r}: expected one of variables.py, or SOURCE_VARIABLE"
        + (f"; nearest: {', '.join(near)}" if near else "")
    )


def _in_history(variable: Variable, ending: str) -> Variable:
    """Return the variable of a predictor computed from the record at a place."""
    history = HISTORY[ending]
    span = variable.upper - variable.lower
    lower, upper = (-span, span) if ending == "ANOM" else (variable.lower, variable.upper)
    if history.unit:
        lower, upper = history.lower, history.upper
    return replace(
        variable,
        name=f"{variable.name}_{ending}",
        long_name=f"{variable.long_name}, {history.long_name}",
        unit=history.unit or variable.unit,
        lower=lower,
        upper=upper,
        standard_name=None,
        aliases={},
    )


def aliases(family: str) -> dict[str, str]:
    """Return the names of variables in one family of sources -> canonical names.

    Raises:
        ConfigurationError: If no variable has aliases for the family.
    """
    names = {alias: v.name for v in _TABLE for alias in v.aliases.get(family, ())}
    if not names:
        raise ConfigurationError(f"No variable has aliases for the source family {family!r}")
    return names
