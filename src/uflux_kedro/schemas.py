"""Parameter models: what a user may set, checked before any node runs.

Each is one block of ``conf/*/parameters_*.yml``. An unknown key is refused, so that a typing
error cannot pass as a default.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, field_validator, model_validator

from uflux_kedro.gridding.alignment import TargetGrid
from uflux_kedro.models.registry import MODELS
from uflux_kedro.validation.search_space import ParameterRange, SearchMethod, require_space


class Parameters(BaseModel):
    """Base of the parameter blocks: frozen, no unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ColumnSpec(Parameters):
    """Where a column of ours stands in a tidy table.

    Attributes:
        column: Name in the file.
        unit: Unit there; None where it is the canonical one. A unit by ``month`` counts the
            month's own days.
    """

    column: str
    unit: str | None = None


class TowerParameters(Parameters):
    """The block ``towers``: how tower data are read.

    Attributes:
        reader: ``fluxnet`` for archives of single towers, ``tidy`` for one table of many.
        resolution: Length of the periods: ``MM`` months, ``WW`` weeks, ``DD`` days.
        partition: Partition of GPP and RECO: ``NT`` night-time, ``DT`` day-time.
        energy_balance: H and LE corrected for closure (``CORR``) or as measured (``RAW``).
        allow_missing: Variables that a tower may lack.
        outside: What becomes of values that cannot be real: ``raise`` stops, ``mask`` makes
            them missing and says so.
        columns: Tidy tables: our name -> the file's column.
    """

    reader: Literal["fluxnet", "tidy"] = "fluxnet"
    resolution: Literal["MM", "WW", "DD"] = "MM"
    partition: Literal["NT", "DT"] = "NT"
    energy_balance: Literal["CORR", "RAW"] = "CORR"
    allow_missing: tuple[str, ...] = ()
    outside: Literal["raise", "mask"] = "raise"
    columns: dict[str, ColumnSpec | str] = {}


class GridParameters(Parameters):
    """One entry of the block ``grids``.

    Attributes:
        reader: Name of the reader; see :data:`uflux_kedro.readers.READERS`.
    """

    reader: str


class CarryOverParameters(Parameters):
    """The block ``features.carry_over``: of what predictors that carry over are made.

    Attributes:
        climate: Prefix of the climate, such as ``ERA5``.
        vegetation: Index -> predictor that holds it; EVI may be its two-band form. What needs an
            index that is not named is not made.
    """

    climate: str
    vegetation: dict[Literal["NIRv", "EVI", "LAI", "NDVI", "LSWI"], str]


class FeatureParameters(Parameters):
    """The block ``features``: predictors of the grid and of towers.

    Attributes:
        target_grid: Grid of the drivers and of the products.
        period: ``common`` keeps the months that every source has; ``strict`` refuses a source
            that lacks any.
        carry_over: Predictors that carry over to unseen towers. They are made where a member
            asks for one; None makes none.
    """

    target_grid: TargetGrid
    period: Literal["common", "strict"] = "common"
    carry_over: CarryOverParameters | None = None


class SearchParameters(Parameters):
    """The block ``training.search``: how the models' settings are chosen.

    Every fold of the validation searches among its own train sites, so that no score saw the
    settings chosen for it; the model for the grid searches among all sites. A fold costs
    ``n_splits`` fits a setting.

    Attributes:
        method: ``grid`` tries every combination of the lists; ``optuna`` draws ``n_trials``
            settings from lists and ranges.
        n_splits: Inner folds, of whole sites.
        n_trials: Settings that ``optuna`` tries.
        space: Model -> parameter -> list of values, or range with ``low``, ``high``, ``log`` and
            ``type``. A model with an empty mapping is not searched.
    """

    method: SearchMethod = "grid"
    n_splits: int = Field(3, ge=2)
    n_trials: PositiveInt = 50
    space: dict[
        str, dict[str, Annotated[tuple[Any, ...], Field(min_length=1)] | ParameterRange]
    ] = Field(min_length=1)

    @model_validator(mode="after")
    def _searchable(self) -> SearchParameters:
        for model, space in self.space.items():
            if model not in MODELS:
                raise ValueError(
                    f"space: unknown model {model!r}, expected some of {', '.join(MODELS)}"
                )
            if space:
                require_space(space, MODELS[model].parameters(), model, self.method)
        return self


class TrainingParameters(Parameters):
    """The block ``training``: how members are validated and fitted.

    Attributes:
        scheme: ``loso`` leaves one site out (the published score), ``kfold`` groups sites
            into ``n_splits`` folds (fast), ``blocks`` holds out whole regions.
        n_splits: Folds of ``kfold`` and ``blocks``.
        block_size: Edge of a region of ``blocks``, degrees.
        min_qc: Lowest quality fraction (0-1) of a flux for a row to be used.
        seed: Seed of every random draw.
        n_jobs: Cores; -1 takes all. Folds run in parallel, each model on one core.
        device: Where XGB trains; ``auto`` takes a GPU if there is one.
        fit_with_sites: Hand each row's site to models that can use it: DF21 draws its bags by
            site, BLEND fits its stacking weights on folds by site.
        model_parameters: Model name -> settings that differ from the registry's.
        search: How settings are searched; None keeps those of ``model_parameters`` and the
            registry.
    """

    scheme: Literal["loso", "kfold", "blocks"] = "kfold"
    n_splits: int = Field(5, ge=2)
    block_size: float = Field(5.0, gt=0, le=90)
    min_qc: float = Field(0.5, ge=0, le=1)
    seed: int = Field(42, ge=0)
    n_jobs: int = -1
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    fit_with_sites: bool = False
    model_parameters: dict[str, dict[str, Any]] = {}
    search: SearchParameters | None = None

    @field_validator("n_jobs")
    @classmethod
    def _some_cores(cls, n_jobs: int) -> int:
        if n_jobs == 0 or n_jobs < -1:
            raise ValueError(f"expected a number of cores or -1 for all, found {n_jobs}")
        return n_jobs


class InferenceParameters(Parameters):
    """The block ``inference``: which months are mapped, and how.

    Attributes:
        first_month: First month, ``YYYY-MM``.
        last_month: Last month, included.
        block_rows: Pixels predicted at a time.
        n_jobs: Cores; -1 takes all.
        keep_members: Keep the members' own fields beside mean and spread.
    """

    first_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    last_month: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    block_rows: PositiveInt = 8192
    n_jobs: int = -1
    keep_members: bool = True

    @field_validator("last_month")
    @classmethod
    def _in_order(cls, last: str, info: Any) -> str:
        if last < info.data.get("first_month", ""):
            raise ValueError(f"expected a month from {info.data['first_month']} on, found {last}")
        return last
