"""The block ``training``: how members are validated and fitted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from uflux_kedro.models.registry import MODELS, Device
from uflux_kedro.schemas import Parameters
from uflux_kedro.validation.search_space import ParameterRange, SearchMethod, require_space

if TYPE_CHECKING:
    import pandas as pd

Scheme = Literal["loso", "kfold", "blocks", "warmest", "driest", "koppen", "igbp"]
"""``loso`` tests every site once, ``kfold`` groups of sites, ``blocks`` regions; ``warmest`` and
``driest`` test those sites alone, ``koppen`` and ``igbp`` a share of the sites of each class."""


class SearchParameters(Parameters):
    """The block ``training.search``: how the settings of models are chosen.

    Every fold of the validation searches among its own train sites, so no settings are scored on
    sites that helped to choose them; the final model for the grid searches among all sites. Each
    setting costs ``n_splits`` fits in a fold.
    """

    method: SearchMethod = "grid"
    """``grid`` tries every combination of the lists; ``optuna`` draws ``n_trials`` settings from
    lists and ranges."""

    n_splits: int = Field(3, ge=2)
    """Number of inner folds, of whole sites."""

    n_trials: PositiveInt = 50
    """Number of settings that ``optuna`` tries."""

    space: dict[
        str, dict[str, Annotated[tuple[Any, ...], Field(min_length=1)] | ParameterRange]
    ] = Field(min_length=1)
    """Model -> parameter -> list of values, or range with ``low``, ``high``, ``log`` and ``type``.
    A model with an empty mapping keeps its settings."""

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
    """The block ``training``: how members are validated and fitted."""

    scheme: Scheme = "kfold"
    """``loso`` leaves one site out at a time (as the published scores), ``kfold`` splits sites into
    ``n_splits`` folds (fast), ``blocks`` holds out whole regions. ``warmest`` and ``driest`` train
    on the other sites and test these alone, to see how models extrapolate; intervals then are of
    these sites too. ``koppen`` and ``igbp`` test a share of the sites of each main Köppen or IGBP
    class, drawn as CarbonFluxBench draws them."""

    n_splits: int = Field(5, ge=2)
    """Number of folds of ``kfold`` and ``blocks``."""

    repeats: PositiveInt = 1
    """Number of times that ``kfold`` and ``blocks`` split the sites anew. Scores, intervals and maps
    are those of the first; lowest, median and highest of all are ``splits`` of ``scores.json``."""

    block_size: float = Field(5.0, gt=0, le=90)
    """Edge of a region of ``blocks``, degrees."""

    test_share: float = Field(0.2, gt=0, lt=1)
    """Share of the sites that ``warmest``, ``driest``, ``koppen`` and ``igbp`` hold out."""

    min_qc: float = Field(0.5, ge=0, le=1)
    """Lowest quality fraction (0-1) of a flux for a row to be used."""

    min_qc_scored: float | None = Field(None, ge=0, le=1)
    """Lowest quality fraction of a flux for a row to be scored; null scores all rows that are used. A
    held-out row of lower quality is neither predicted nor scored, while models elsewhere train on
    such rows: the quality says how much was measured, and models are not told it."""

    seed: int = Field(42, ge=0)
    """Seed of every random draw."""

    n_jobs: int = -1
    """Number of cores; -1 uses all. Folds run in parallel, each model on one core."""

    device: Device = "cpu"
    """Device on which XGB trains; ``auto`` uses a GPU if there is one and the extra ``cuda``
    is installed."""

    fit_with_sites: bool | Literal["auto"] = "auto"
    """Whether models that can use the site of each row get it: DF21 draws its bags by site, BLEND
    fits stacked weights on folds by site. ``auto`` is true for rows nearer in time than half a
    month: a day out of a bag is almost the day before, which is in it. HYBRID always gets it."""

    model_parameters: dict[str, dict[str, Any]] = {}
    """Model name -> settings that override the defaults of the model."""

    search: SearchParameters | None = None
    """Search of settings; null keeps those of ``model_parameters`` and the defaults."""

    @model_validator(mode="after")
    def _scored_rows_are_used(self) -> TrainingParameters:
        if self.min_qc_scored is not None and self.min_qc_scored < self.min_qc:
            raise ValueError(
                f"min_qc_scored: expected at least min_qc, {self.min_qc:g}, below which no row is "
                f"used; found {self.min_qc_scored:g}"
            )
        return self

    @model_validator(mode="after")
    def _several_splits(self) -> TrainingParameters:
        if self.repeats > 1 and self.scheme not in ("kfold", "blocks"):
            raise ValueError(
                f"repeats: expected 1 with scheme {self.scheme}, which has only one split, "
                f"found {self.repeats}"
            )
        return self

    @field_validator("n_jobs")
    @classmethod
    def _some_cores(cls, n_jobs: int) -> int:
        if n_jobs == 0 or n_jobs < -1:
            raise ValueError(f"n_jobs: expected a number of cores, or -1 for all, found {n_jobs}")
        return n_jobs


class BenchmarkParameters(Parameters):
    """The block ``benchmark``: scores by the rules of CarbonFluxBench, beside published ones."""

    splits: tuple[Literal["koppen", "igbp"], ...] = Field(("koppen", "igbp"), min_length=1)
    """Splits by which every member is scored, whatever ``training.scheme`` is. The published ones are
    those of ``training.seed`` 56 and ``training.test_share`` 0.2."""

    published: str | None = None
    """CSV of published scores to show beside: ``split``, ``flux``, ``model``, ``sites``, and any of
    ``features`` and ``<score>_q25``, ``<score>_median``, ``<score>_q75`` of R2, RMSE, nMAE, RAE."""

    def read_published(self, project: Path) -> pd.DataFrame | None:
        """Return the published scores, if a file is named; see :func:`~.benchmark.read_published`.

        Args:
            project: Folder that a relative path starts from.
        """
        from uflux_kedro.validation.benchmark import read_published

        return read_published(project / self.published) if self.published else None

    def check_files(self, project: Path) -> None:
        """Read the published scores, if a file is named.

        Raises:
            InputError: If it cannot be read.
        """
        self.read_published(project)
