"""The block ``training``: how members are validated and fitted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator, model_validator

from uflux_kedro.models.registry import MODELS
from uflux_kedro.schemas import Parameters
from uflux_kedro.validation.search_space import ParameterRange, SearchMethod, require_space


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
