"""Search of hyper-parameters by site, as an estimator.

The score with which settings win a search is too good, since chance helped to choose them. As an
estimator the search runs in each fold of the validation on the fold's train sites alone, so the
fold's score is free of that bias (Cawley and Talbot, 2010, JMLR 11, 2079-2107).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any, Self, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.validation import check_is_fitted

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.validation.folds import Fold, site_k_fold
from uflux_kedro.validation.metrics import score
from uflux_kedro.validation.search_space import (
    ParameterRange,
    SearchMethod,
    Space,
    grid,
    require_space,
)

_SCORES = ("NSE", "RMSE")

_Try = Callable[[dict[str, Any]], dict[str, float]]


class SiteSearchRegressor(RegressorMixin, BaseEstimator):
    """Model that chooses its parameters by folds of whole sites, then is fitted on all rows.

    With each setting, every site is predicted by models that never saw it; the setting with the
    lowest RMSE over all rows wins, the first of equals. A search of ``c`` settings costs
    ``c * n_splits + 1`` fits.

    Args:
        estimator: Unfitted model, which keeps its other parameters; with a seed, so that the
            search is reproducible.
        space: Parameter -> list of values, or :class:`ParameterRange`.
        n_splits: Number of inner folds.
        method: ``grid`` tries every combination of lists; ``optuna`` draws from lists and
            ranges, based on earlier draws (tree-structured Parzen estimator).
        n_trials: Number of draws of ``optuna``.
        seed: Seed of the folds and of the draws.
        fit_with_sites: Whether to pass the site of each row to the model's ``fit``, as ``groups``.

    Attributes:
        best_params_: The chosen parameters.
        best_estimator_: The model fitted with them.
        search_results_: One row for each setting in the order tried: its parameters, and ``NSE``
            and ``RMSE`` over the held-out rows of the inner folds.
    """

    def __init__(
        self,
        estimator: Any,
        space: Space,
        *,
        n_splits: int = 3,
        method: SearchMethod = "grid",
        n_trials: int = 50,
        seed: int = 0,
        fit_with_sites: bool = False,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.n_splits = n_splits
        self.method = method
        self.n_trials = n_trials
        self.seed = seed
        self.fit_with_sites = fit_with_sites

    def fit(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike) -> Self:
        """Search, then fit the winner on all rows.

        Args:
            X: Predictors, shape (n, predictors).
            y: Target, shape (n,).
            groups: Site of each row, shape (n,).

        Raises:
            ConfigurationError: If the space, the method, ``n_splits`` or ``n_trials`` is invalid.
            InputError: If there are fewer sites than inner folds.
        """
        self.best_estimator_ = self._fit(self.search(X, y, groups), X, y, groups)
        return self

    def search(self, X: ArrayLike, y: ArrayLike, groups: ArrayLike) -> Any:
        """Search without the final fit; arguments and errors are those of :meth:`fit`.

        Returns:
            The unfitted model with the chosen parameters.
        """
        self._check_settings()
        X, y, groups = np.asarray(X), np.asarray(y), np.asarray(groups)
        folds = site_k_fold(groups, self.n_splits, self.seed)

        def attempt(parameters: dict[str, Any]) -> dict[str, float]:
            return self._held_out_score(self._model(parameters), X, y, groups, folds)

        if self.method == "grid":
            tried = [(parameters, attempt(parameters)) for parameters in grid(self.space)]
        else:
            tried = self._draw(attempt)
        self.best_params_ = tried[int(np.nanargmin([s["RMSE"] for _, s in tried]))][0]
        # With other dtypes None among numbers would become NaN.
        settings = pd.DataFrame([parameters for parameters, _ in tried], dtype=object)
        self.search_results_ = settings.assign(
            **{name: [scores[name] for _, scores in tried] for name in _SCORES}
        )
        return self._model(self.best_params_)

    def predict(self, X: ArrayLike) -> NDArray:
        """Predict with the fitted model of the chosen parameters."""
        check_is_fitted(self)
        return self.best_estimator_.predict(X)

    def _model(self, parameters: dict[str, Any]) -> Any:
        return clone(self.estimator).set_params(**parameters)

    def _fit(self, model: Any, X: ArrayLike, y: ArrayLike, groups: ArrayLike) -> Any:
        return model.fit(X, y, groups=groups) if self.fit_with_sites else model.fit(X, y)

    def _held_out_score(
        self, model: Any, X: NDArray, y: NDArray, groups: NDArray, folds: Sequence[Fold]
    ) -> dict[str, float]:
        predicted = np.empty(len(y))
        for fold in folds:
            fitted = self._fit(clone(model), X[fold.train], y[fold.train], groups[fold.train])
            predicted[fold.test] = np.ravel(fitted.predict(X[fold.test]))
        scores = score(y, predicted)
        return {name: scores[name] for name in _SCORES}

    def _draw(self, attempt: _Try) -> list[tuple[dict[str, Any], dict[str, float]]]:
        optuna = _optuna()
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=self.seed))
        tried = []
        # One trial after the other: the result of parallel trials would depend on their timing.
        for _ in range(self.n_trials):
            trial = study.ask()
            parameters = {name: _suggest(trial, name, of) for name, of in self.space.items()}
            scores = attempt(parameters)
            study.tell(trial, scores["RMSE"])
            tried.append((parameters, scores))
        return tried

    def _check_settings(self) -> None:
        if self.method not in get_args(SearchMethod):
            raise ConfigurationError(
                f"Unknown search method {self.method!r}: "
                f"expected one of {', '.join(get_args(SearchMethod))}"
            )
        for name, least in (("n_splits", 2), ("n_trials", 1)):
            if getattr(self, name) < least:
                raise ConfigurationError(
                    f"Search: expected {name} of at least {least}, found {getattr(self, name)}"
                )
        owner = type(self.estimator).__name__
        require_space(self.space, self.estimator.get_params(), owner, self.method)


def _suggest(trial: Any, name: str, choices: Sequence[Any] | ParameterRange) -> Any:
    if not isinstance(choices, ParameterRange):
        # Optuna's categories cannot be lists or mappings, so the position of a value is drawn.
        return choices[trial.suggest_categorical(name, list(range(len(choices))))]
    if choices.type == "int":
        return trial.suggest_int(name, int(choices.low), int(choices.high), log=choices.log)
    return trial.suggest_float(name, choices.low, choices.high, log=choices.log)


@cache
def _optuna() -> ModuleType:
    try:
        import optuna
    except ImportError as error:
        raise ConfigurationError(
            "Search method optuna requires the package optuna: pip install 'uflux_kedro[search]', "
            "or use method grid"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # its default is a line for every study
    return optuna
