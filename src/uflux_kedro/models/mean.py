"""The mean of several single models, fitted to the same rows.

Models that err in different ways lose part of their errors in the mean. Unlike
:class:`~uflux_kedro.models.blend.BlendRegressor`, whose three parts have settings of their own, the
mean takes any single models of the registry, with the settings that they have there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import (
    check_is_fitted,
    check_random_state,
    column_or_1d,
    validate_data,
)

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.specs import SINGLE, make_from


class MeanRegressor(RegressorMixin, BaseEstimator):
    """Mean of the predictions of several models.

    Args:
        models: Names of the models in :data:`~uflux_kedro.models.specs.SINGLE`, each once.
        settings: Model -> settings that override its defaults; None for none.
        n_jobs: Threads; None is one, -1 all. They change no result.
        random_state: Seed.

    Attributes:
        parts_: The fitted models, in the order of ``models``.
        n_features_in_: Number of columns of X.
    """

    parts_: list[Any]

    def __init__(
        self,
        models: Sequence[str] = ("XGB", "RF", "DF21"),
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.models = models
        self.settings = settings
        self.n_jobs = n_jobs
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> MeanRegressor:
        """Fit every model on (n, columns) and (n,).

        Raises:
            ConfigurationError: If a model is unknown or named twice, if there is none, or if there
                are settings of another model.
        """
        names, settings = tuple(self.models), dict(self.settings or {})
        unknown = set(settings) - set(names)
        if not names or len(set(names)) < len(names) or unknown:
            raise ConfigurationError(
                "MEAN: expected different models, and settings of these alone; "
                f"found models {', '.join(names) or '(none)'}"
                + (f", settings of {', '.join(sorted(unknown))}" if unknown else "")
            )
        rows, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        flux = column_or_1d(y, warn=True).astype(np.float64)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        self.parts_ = []
        for name in names:
            part = make_from(
                SINGLE, name, settings.get(name), random_state=seed, n_jobs=self.n_jobs
            )
            self.parts_.append(part.fit(rows, flux))
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict (n,) from (n, columns)."""
        check_is_fitted(self)
        rows = validate_data(self, X, reset=False)
        return mean_of([part.predict(rows) for part in self.parts_])


def mean_of(predictions: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Return the mean over several predictions of shape (n,)."""
    return np.mean([np.asarray(p, dtype=np.float64).ravel() for p in predictions], axis=0)
