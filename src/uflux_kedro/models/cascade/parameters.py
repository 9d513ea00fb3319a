"""Parameters of a cascade forest, named as in the package ``deep-forest``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.models.cascade.head import HeadKind
from uflux_kedro.models.trees.binning import MAX_BINS, BinType
from uflux_kedro.models.trees.byte_forest import Growth
from uflux_kedro.models.trees.ranges import BOUNDS, GROWTH_RANGES, Range, check_ranges


@dataclass(eq=False, repr=False)
class CascadeParameters(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """An estimator with the parameters of a cascade forest.

    Args:
        n_bins: Maximum number of bins of a column, 2 to 255.
        bin_subsample: Maximum number of rows from which bins are learnt.
        bin_type: ``percentile`` (bins of equal numbers of rows) or ``interval`` (of equal width).
        max_layers: Maximum number of layers.
        n_estimators: Random forests in a layer, and as many forests of extra-trees.
        n_trees: Trees in a forest.
        max_depth: Maximum depth of a tree; None for no limit.
        min_samples_split: Fewest rows of a node that is split.
        min_samples_leaf: Fewest rows of a leaf.
        use_predictor: Whether to train a last model, the head, on the columns and the predictions
            of the best layer.
        predictor: Head: ``forest``, ``xgboost`` or ``lightgbm``. Without ``use_predictor`` it has
            no effect, as in ``deep-forest``.
        predictor_kwargs: Parameters of the head.
        n_tolerant_rounds: Consecutive layers without improvement after which growth stops.
        delta: Smallest reduction of the mean squared error that counts as an improvement.
        partial_mode: Whether to keep forests on disk and read them one at a time to predict: less
            memory, same results.
        n_jobs: Threads; None is one, -1 all.
        random_state: Seed.
        verbose: 1 shows a progress bar and the error of each layer.
    """

    n_bins: int = 255
    bin_subsample: int = 200_000
    bin_type: BinType = "percentile"
    max_layers: int = 20
    n_estimators: int = 2
    n_trees: int = 100
    max_depth: int | None = None
    min_samples_split: int = 2
    min_samples_leaf: int = 1
    use_predictor: bool = False
    predictor: HeadKind = "forest"
    predictor_kwargs: dict[str, Any] | None = None
    n_tolerant_rounds: int = 2
    delta: float = 1e-5
    partial_mode: bool = False
    n_jobs: int | None = None
    random_state: int | np.random.RandomState | None = None
    verbose: int = 0

    def check_parameters(self) -> None:
        """Check that every parameter is in range.

        Raises:
            ConfigurationError: Names the first parameter that is not.
        """
        check_ranges(type(self).__name__, self.get_params(), _RANGES)
        for name, choices in (("bin_type", BinType), ("predictor", HeadKind)):
            if getattr(self, name) not in get_args(choices):
                raise ConfigurationError(
                    f"{type(self).__name__}({name}={getattr(self, name)!r}): expected one of "
                    f"{', '.join(get_args(choices))}"
                )
        if self.use_predictor and self.predictor == "forest":
            unknown = set(self.predictor_kwargs or {}) - set(Growth.__dataclass_fields__)
            if unknown:
                raise ConfigurationError(
                    f"predictor_kwargs: a forest has no {', '.join(sorted(unknown))}; expected "
                    f"some of {', '.join(Growth.__dataclass_fields__)}"
                )
            check_ranges("predictor_kwargs", self.predictor_kwargs or {}, GROWTH_RANGES)


_RANGES: tuple[Range, ...] = (
    ("n_bins", True, 2, MAX_BINS),
    ("bin_subsample", True, 1, np.inf),
    ("max_layers", True, 1, np.inf),
    ("n_estimators", True, 1, np.inf),
    *GROWTH_RANGES,
    ("n_tolerant_rounds", True, 1, np.inf),
    ("delta", False, 0, np.finfo(float).max),
    *BOUNDS,
)


@dataclass(eq=False, repr=False)
class BoundedCascadeParameters(CascadeParameters):
    """Parameters of a cascade forest whose trees do not grow with the number of rows.

    The package ``deep-forest`` has neither of these; with None for both, trees grow as its do.

    Args:
        max_samples: Most rows of a tree's bag, on average; None for no limit.
        max_leaves: Leaves of a tree beyond which its fewest rows of a leaf grow with the rows of
            its bag; None for no limit.
    """

    max_samples: int | None = 32_000
    max_leaves: int | None = 6_000
