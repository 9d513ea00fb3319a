"""Parameters of the blocks ``towers`` and ``grids``: how sources are read."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints

from uflux_kedro.origins import Collection
from uflux_kedro.schemas import Parameters


class ColumnSpec(Parameters):
    """A column of a tidy table: its name, unit and sign."""

    column: str
    """Name of the column in the file."""

    unit: str | None = None
    """Unit in the file; ``null`` if it is the canonical one. A unit per ``month`` is divided by the
    days of each month."""

    sign: Literal[1, -1] = 1
    """-1 if the file counts in the other direction: net ecosystem productivity for NEE."""


def _named_column(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


Column = Annotated[
    ColumnSpec, BeforeValidator(_named_column, json_schema_input_type=ColumnSpec | str)
]
"""A :class:`ColumnSpec`, or only the name of the column if unit and sign are the canonical ones."""


class TowerParameters(Parameters):
    """The block ``towers``: how tower data are read."""

    reader: Literal[
        "auto", "fluxnet", "ameriflux", "fluxdatakit", "reddyproc", "eddypro", "ozflux", "plumber2",
        "fluxnet_ch4", "japanflux", "carbonfluxbench", "parquet", "tidy",
    ] = "auto"  # fmt: skip
    """``auto`` recognises the family of each file by its name, else by its header. Any other value
    reads files of that family only: ``fluxnet`` (FLUXNET2015, AmeriFlux FLUXNET, ICOS L2),
    ``ameriflux`` (BASE), ``fluxdatakit``, ``reddyproc`` (half-hourly text),
    ``eddypro`` (full output), ``ozflux`` (L6) and
    ``plumber2`` (netCDF), ``fluxnet_ch4``, ``japanflux``, ``carbonfluxbench`` (the folder of that
    benchmark), ``parquet`` (the published UFLUX training table), ``tidy`` (tables of many towers, mapped by ``columns``)."""

    resolution: Literal["MM", "WW", "DD"] = "MM"
    """Length of the periods: ``MM`` months, ``WW`` weeks, ``DD`` days."""

    completeness: float = Field(default=0.5, ge=0, le=1)
    """Where periods are averaged from shorter steps: least share of the steps (0-1) that must have
    a value; for a flux, a measured or well-filled one."""

    partition: Literal["NT", "DT"] = "NT"
    """Partitioning of GPP and RECO: ``NT`` night-time, ``DT`` day-time method."""

    energy_balance: Literal["CORR", "RAW"] = "CORR"
    """H and LE corrected for energy balance closure (``CORR``) or as measured (``RAW``)."""

    version: Literal["REF", "USTAR50"] = "REF"
    """Version of NEE, GPP and RECO in tables of ONEFlux: ``REF`` is the most typical of the ustar
    thresholds, ``USTAR50`` that of their median, on which public benchmarks are based."""

    fall_back_on: tuple[Literal["CUT", "RAW", "partition"], ...] = ("CUT", "RAW")
    """What tables of ONEFlux may be read for where a tower lacks the wanted column: ``CUT`` the
    constant ustar threshold instead of that of the year, ``RAW`` H and LE as measured instead of
    corrected, ``partition`` the other partitioning of GPP and RECO. The sites table names the column
    that was read, in ``<flux>_column``."""

    collection: Collection | None = None
    """Collection that the towers of tables of many towers come from, such as ``FLUXNET2015``: report and
    products then cite it. Archives of the networks tell by their names."""

    allow_missing: tuple[str, ...] = ()
    """Variables that a tower need not have; their absence is not reported."""

    companions: bool = False
    """Whether to read the weather from reanalysis that archives of ONEFlux hold beside the fluxes, as
    the predictors ``ERA5_...`` at the tower: ERA5 since 1981, ERA-Interim in FLUXNET2015. Where the
    predictors come from grids, these take precedence."""

    vegetation_path: Annotated[str, StringConstraints(min_length=1)] | None = None
    """A file or folder of tables of reflectance at towers by MODISTools, AppEEARS or Earth Engine, which
    become the predictors ``MODIS_...``; a relative path starts in the project's folder. Where the
    predictors come from grids, these take precedence."""

    on_bad_tower: Literal["drop", "stop"] = "drop"
    """A tower or a variable that cannot be read is dropped and listed in ``left_out.csv`` and on the
    quality page, or stops the run. If no tower is left, its error stops the run anyway."""

    outside: Literal["raise", "mask", "keep"] = "raise"
    """Values out of physical bounds: ``raise`` stops with an error, ``mask`` makes them missing with
    a warning, ``keep`` leaves them. The pipeline always reads with ``keep``, since the quality check
    that follows can find their cause. Single impossible hours and days are made missing before
    they enter an average, whatever this says."""

    columns: dict[str, Column] = {}
    """Tidy tables: canonical name -> column of the file, as a name or with its unit and sign."""


class GridParameters(Parameters):
    """One entry of the block ``grids``: how a gridded source is read."""

    reader: str
    """Name of the reader, one of :data:`uflux_kedro.readers.READERS`."""

    means_over: Literal["month", "day"] | None = None
    """Average hours or days to these periods; ``null`` keeps the periods of the source."""

    options: dict[str, Any] = {}
    """Options of the reader, such as ``variables`` or ``class_offset``."""
