"""The blocks ``towers`` and ``grids``: how sources are read."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from uflux_kedro.schemas import Parameters


class ColumnSpec(Parameters):
    """Where a column of ours stands in a tidy table.

    Attributes:
        column: Name in the file.
        unit: Unit there; None where it is the canonical one. A unit by ``month`` counts the
            month's own days.
        sign: -1 where the file counts the other way: net ecosystem productivity for NEE.
    """

    column: str
    unit: str | None = None
    sign: Literal[1, -1] = 1


class TowerParameters(Parameters):
    """The block ``towers``: how tower data are read.

    Attributes:
        reader: ``auto`` tells each file's family by its name, else by its header; any other
            takes files of that family alone: ``fluxnet`` (FLUXNET2015, AmeriFlux FLUXNET, ICOS
            L2), ``ameriflux`` (BASE), ``fluxdatakit``, ``parquet`` (the published UFLUX training
            table), ``tidy`` (tables of many towers, their columns mapped below).
        resolution: Length of the periods: ``MM`` months, ``WW`` weeks, ``DD`` days.
        completeness: Where periods are averaged from shorter steps, the least share of the steps
            (0-1) that must have a value, of a flux one measured or well filled.
        partition: Partition of GPP and RECO: ``NT`` night-time, ``DT`` day-time.
        energy_balance: H and LE corrected for closure (``CORR``) or as measured (``RAW``).
        allow_missing: Variables that a tower may lack.
        outside: What becomes of values that cannot be real: ``raise`` stops, ``mask`` makes
            them missing and says so. The pipeline reads with ``keep``, since the check of
            quality that follows knows more of their cause. Single hours and days among those
            that are averaged to longer periods are taken as missing in any case.
        columns: Tidy tables: our name -> the file's column.
    """

    reader: Literal[
        "auto", "fluxnet", "ameriflux", "fluxdatakit", "reddyproc", "parquet", "tidy"
    ] = "auto"
    resolution: Literal["MM", "WW", "DD"] = "MM"
    completeness: float = Field(default=0.5, ge=0, le=1)
    partition: Literal["NT", "DT"] = "NT"
    energy_balance: Literal["CORR", "RAW"] = "CORR"
    allow_missing: tuple[str, ...] = ()
    outside: Literal["raise", "mask", "keep"] = "raise"
    columns: dict[str, ColumnSpec | str] = {}


class GridParameters(Parameters):
    """One entry of the block ``grids``.

    Attributes:
        reader: Name of the reader; see :data:`uflux_kedro.readers.READERS`.
        means_over: Means that are kept of hours or days; None keeps the source's own periods.
        options: What the reader takes besides, such as ``variables`` or ``class_offset``.
    """

    reader: str
    means_over: Literal["month", "day"] | None = None
    options: dict[str, Any] = {}
