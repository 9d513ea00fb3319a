"""Permutation importance of predictors on held-out sites.

A predictor counts by how much the error on unseen sites grows when its values are shuffled
(Breiman, 2001, doi 10.1023/A:1010933404324): what helps to remember the training sites alone has
no importance here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import ThreadpoolController

from uflux_kedro.validation.bootstrap import site_draws
from uflux_kedro.validation.folds import Fold


def importance_by_site(
    make_model: Callable[[int], Any],
    X: NDArray[np.float32],
    y: NDArray[np.floating],
    sites: ArrayLike,
    folds: Sequence[Fold],
    predictors: Sequence[str],
    *,
    together: Mapping[str, Sequence[str]] | None = None,
    n_repeats: int = 3,
    seed: int = 0,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Compute how much the error at each held-out site grows when a predictor is shuffled.

    Values are shuffled among all rows, not within the tested sites, so that predictors that are
    constant at a site count too, and leave-one-site-out means the same as fewer folds. Categories
    such as ``IGBP`` are shuffled as they are.

    Args:
        make_model: Function of a fold's number that returns an unfitted model, as for
            :func:`~uflux_kedro.validation.cross_validation.held_out_predictions`.
        X: Predictors, shape (n, predictors), no missing values.
        y: Flux, shape (n,).
        sites: Site of each row, shape (n,).
        folds: Splits of the rows by site.
        predictors: Names of the columns of X.
        together: Name of a group -> predictors to shuffle as one, by the same order of rows; None
            for each predictor alone. Shuffling one of several that say the same hides them all.
        n_repeats: Number of shuffles; the increase of the error is their mean.
        seed: Seed of the shuffles, which depend neither on the folds nor on ``n_jobs``.
        n_jobs: Folds in parallel; -1 uses all cores. It changes no result.

    Returns:
        Increase of the RMSE in the flux's unit, one row per tested site (index ``site_id``) and
        one column per predictor or group.

    Raises:
        KeyError: If a group names a predictor that is not a column.
    """
    groups = together if together is not None else {name: (name,) for name in predictors}
    position = {name: i for i, name in enumerate(predictors)}
    columns = [np.array([position[name] for name in members]) for members in groups.values()]
    rng = np.random.default_rng(seed)
    orders = [[rng.permutation(len(y)) for _ in range(n_repeats)] for _ in columns]
    names = np.asarray(sites).astype(str)
    for fold in folds[:1]:
        make_model(fold.number)  # loads the libraries that the controller is to find
    libraries = ThreadpoolController()

    def measure(fold: Fold) -> pd.DataFrame:
        with libraries.limit(limits=1):
            model = make_model(fold.number).fit(X[fold.train], y[fold.train])
            tested, place = np.unique(names[fold.test], return_inverse=True)
            truth = np.asarray(y[fold.test], dtype=float)
            rows = np.bincount(place)

            def rmse(values: NDArray[np.float32]) -> NDArray[np.float64]:
                error = np.asarray(model.predict(values), dtype=float).ravel() - truth
                return np.sqrt(np.bincount(place, weights=error**2) / rows)

            whole = X[fold.test]
            error = rmse(whole)
            table = {}
            for name, members, shuffles in zip(groups, columns, orders, strict=True):
                raised = []
                for order in shuffles:
                    shuffled = whole.copy()
                    shuffled[:, members] = X[np.ix_(order[fold.test], members)]
                    raised.append(rmse(shuffled) - error)
                table[name] = np.mean(raised, axis=0)
        return pd.DataFrame(table, index=pd.Index(tested, name="site_id"))

    parts = Parallel(n_jobs=n_jobs, backend="threading")(delayed(measure)(f) for f in folds)
    return pd.concat(parts).sort_index()


def mean_importance(
    by_site: pd.DataFrame, *, n_resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Average the importance over sites, with an interval from a bootstrap over sites.

    Args:
        by_site: Result of :func:`importance_by_site`.
        n_resamples: Number of resamples of sites.
        level: Probability inside the interval.
        seed: Seed of the resampling.

    Returns:
        Indexed by ``predictor``, the most important first: ``importance`` (mean over sites),
        ``spread`` (standard deviation among sites) and the interval of the mean, ``low`` to
        ``high``, which is NaN for fewer than two sites.
    """
    values = by_site.to_numpy(dtype=float)
    mean = values.mean(axis=0)
    low = high = spread = np.full(len(mean), np.nan)
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        resampled = site_draws(len(values), n_resamples, seed) @ values / len(values)
        low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2], axis=0)
    table = pd.DataFrame(
        {"importance": mean, "spread": spread, "low": low, "high": high},
        index=pd.Index(by_site.columns, name="predictor"),
    )
    return table.sort_values("importance", ascending=False, kind="stable")
