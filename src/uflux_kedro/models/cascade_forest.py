"""The cascade forest regressor DF21.

Zhou, Z.-H. and Feng, J. (2019): Deep forest. National Science Review 6(1), 74-86,
doi 10.1093/nsr/nwy108. Computed as by the package ``deep-forest`` 0.1.7, whose parameter names it
keeps, with the differences that :class:`CascadeForestRegressor` lists.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.binning import MAX_BINS, Binner, BinType
from uflux_kedro.models.byte_forest import ByteForest, Growth, Targets, grow_forest
from uflux_kedro.models.cascade_head import HEADS, Head, boosted_head
from uflux_kedro.models.forest_store import ForestStore
from uflux_kedro.models.packed_trees import in_blocks

MIN_ROWS = 5
"""Fewer rows leave too few out of a bag for a layer to be judged."""

_LARGEST = 1e37
"""Leaves are float32."""


@dataclass(frozen=True)
class Layer:
    """One layer of the cascade.

    Attributes:
        binner: Binner of the layer's input: the columns of X for layer 0, later the predictions of
            the layer before.
        forests: Random forests, then as many extra-trees; an entry may stand on disk.
        score: Mean squared error of its out-of-bag predictions.
    """

    binner: Binner
    forests: ForestStore
    score: float


class CascadeForestRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):
    """Layers of forests, each of which sees the predictions of the layer before.

    Columns become bytes. A layer holds ``n_estimators`` random forests and as many forests of
    extra-trees; its out-of-bag predictions, binned, stand beside the columns as input of the next
    layer. Layers are added while the out-of-bag error falls. The prediction is the mean over the
    forests of the last layer.

    Results differ from ``deep-forest`` in random draws alone, save that:

    - identical rows count as one row of their summed weight, so that no row out of a bag has a
      twin in it; and the order of the rows does not matter;
    - ``groups`` can be drawn into bags instead of rows, so that out-of-bag means out-of-site;
    - a constant target gives a constant model;
    - leaves are float32.

    The same ``random_state`` gives the same model, byte for byte, on any number of threads.

    Args:
        n_bins: Most bins of a column, 2 to 255.
        bin_subsample: Rows from which the bins are learnt, at most.
        bin_type: ``percentile`` (bins of as many rows) or ``interval`` (bins of equal width).
        max_layers: Most layers.
        n_estimators: Random forests a layer; there are as many forests of extra-trees.
        n_trees: Trees a forest.
        max_depth: Greatest depth of a tree; None for no limit.
        min_samples_split: Rows that a node needs to be split.
        min_samples_leaf: Rows that a leaf needs.
        use_predictor: Whether a last predictor, the head, is trained on the columns and the
            predictions of the best layer.
        predictor: Head: ``forest``, ``xgboost`` or ``lightgbm``. Without ``use_predictor`` it has
            no effect, as in ``deep-forest``.
        predictor_kwargs: Parameters of the head.
        n_tolerant_rounds: Layers in a row that may fail to improve before growth stops.
        delta: Least improvement of the mean squared error that counts.
        partial_mode: Whether forests are kept on disk and read one at a time to predict: less
            memory, same results.
        n_jobs: Threads; None is one, -1 all.
        random_state: Seed.
        verbose: 1 shows a progress bar and each layer's error.

    Attributes:
        layers_: The layers kept.
        n_layers_: Their number, 0 for a constant target.
        scores_: Out-of-bag mean squared error of every layer grown, dropped ones included.
        oob_prediction_: (rows,) or (rows, targets), out-of-bag prediction of the last kept layer
            for each training row; NaN for rows of weight 0.
        n_features_in_: Columns.
        n_outputs_: Targets.
        feature_importances_: (columns,), sums to 1.
    """

    def __init__(
        self,
        n_bins: int = 255,
        bin_subsample: int = 200_000,
        bin_type: BinType = "percentile",
        max_layers: int = 20,
        n_estimators: int = 2,
        n_trees: int = 100,
        max_depth: int | None = None,
        min_samples_split: int = 2,
        min_samples_leaf: int = 1,
        use_predictor: bool = False,
        predictor: Literal["forest", "xgboost", "lightgbm"] = "forest",
        predictor_kwargs: dict[str, Any] | None = None,
        n_tolerant_rounds: int = 2,
        delta: float = 1e-5,
        partial_mode: bool = False,
        n_jobs: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.n_bins = n_bins
        self.bin_subsample = bin_subsample
        self.bin_type = bin_type
        self.max_layers = max_layers
        self.n_estimators = n_estimators
        self.n_trees = n_trees
        self.max_depth = max_depth
        self.min_samples_split = min_samples_split
        self.min_samples_leaf = min_samples_leaf
        self.use_predictor = use_predictor
        self.predictor = predictor
        self.predictor_kwargs = predictor_kwargs
        self.n_tolerant_rounds = n_tolerant_rounds
        self.delta = delta
        self.partial_mode = partial_mode
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Grow the cascade.

        Args:
            X: (rows, columns), finite.
            y: (rows,) or (rows, targets), finite; one tree serves all targets.
            sample_weight: (rows,), not negative; a whole number counts as that many rows.
            groups: (rows,) labels, such as sites. Bags are then drawn group by group, and the
                out-of-bag predictions that feed the next layer and stop the growth are of groups
                that the trees never saw.

        Raises:
            ConfigurationError: If a parameter is out of its range.
            InputError: If there are too few rows or groups.
            ValueError: If X or y holds NaN or infinity, or their shapes do not fit.
        """
        self._check_parameters()
        X, y = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=1
        )
        y = y.astype(np.float64)
        y = y.reshape(len(y), -1)
        if np.abs(y).max() > _LARGEST:
            raise InputError(
                "y", None, expected=f"targets within +-{_LARGEST:g}", found=f"{np.abs(y).max():g}"
            )
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if len(X) < MIN_ROWS:
            raise InputError(
                "X", None, expected=f"at least {MIN_ROWS} rows", found=f"n_samples = {len(X)}"
            )
        self.n_outputs_ = y.shape[1]

        rows, places = _distinct_rows(X, y, weight, _group_numbers(groups, len(X)))
        self.layers_: list[Layer] = []
        self.scores_: list[float] = []
        self.head_: Head | None = None
        self.constant_: np.ndarray | None = None
        if np.all(rows.y == rows.y[0]):
            self.constant_ = rows.y[0]
            out_of_bag = np.repeat(rows.y[:1], len(rows.y), axis=0)
        else:
            out_of_bag = self._grow(rows)
        self.n_layers_ = len(self.layers_)
        self.oob_prediction_ = self._shaped(
            np.where((places >= 0)[:, None], out_of_bag[places], np.nan)
        )
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """Predict.

        Args:
            X: (n, columns), finite.

        Returns:
            (n,), or (n, targets) for several targets, float64.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if self.constant_ is not None:
            return self._shaped(np.repeat(self.constant_[None], len(X), axis=0))
        if self.partial_mode:
            # Each forest is read once, for all rows.
            return self._shaped(self._predict_rows(X, self.n_jobs))
        out = np.empty((len(X), self.n_outputs_))

        def predict_block(block: slice) -> None:
            out[block] = self._predict_rows(X[block], 1)

        in_blocks(predict_block, len(X), self.n_jobs)
        return self._shaped(out)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Share of the squared error that each column's cuts save.

        What a layer owes to the predictions of the layer before is passed back to the columns
        which these owe it to; the head is left out.
        """
        check_is_fitted(self)
        columns = self.n_features_in_
        if not self.layers_:
            return np.zeros(columns)
        before = np.zeros((0, columns))
        for layer in self.layers_:
            importances = np.array([forest.importances for forest in layer.forests])
            owed = importances[:, columns:]
            forests = importances[:, :columns] + owed @ np.repeat(
                before, self.n_outputs_ if len(before) else 1, axis=0
            )
            before = forests
        total = before.mean(axis=0)
        return total / total.sum() if total.sum() > 0 else total

    def _grow(self, rows: _Rows) -> np.ndarray:
        """Grow layers until the error stops falling; returns the kept layers' out-of-bag means."""
        random = check_random_state(self.random_state)
        seed = self.random_state
        if not isinstance(seed, Integral):
            seed = random.randint(np.iinfo(np.int32).max)
        threads = effective_n_jobs(self.n_jobs)
        targets = Targets.of(rows.y, rows.weight)
        n, columns = rows.X.shape
        mean = np.average(rows.y, axis=0, weights=rows.weight)
        table = np.empty((n, columns + 2 * self.n_estimators * self.n_outputs_), np.uint8)
        best, failed, kept = np.inf, 0, 0
        seen, first = rows.X, 0
        with ThreadPoolExecutor(threads) as executor, _Progress(self.verbose) as progress:

            def grow(columns: int, growth: Growth, extra: bool, seed: int):
                forest, out_of_bag = grow_forest(
                    table,
                    columns,
                    targets,
                    rows.bags,
                    growth,
                    extra=extra,
                    seed=seed,
                    executor=executor,
                    n_jobs=threads,
                    on_tree=progress.tree,
                )
                # For a row that every bag holds, the mean target, which tells nothing.
                return forest, np.where(np.isnan(out_of_bag), mean, out_of_bag)

            for number in range(self.max_layers):
                binner = self._fit_binner(seen, random)
                binner.transform(seen, table, first)
                forests = ForestStore(on_disk=self.partial_mode)
                outputs = []
                for extra in (False, True):
                    for e in range(self.n_estimators):
                        forest, output = grow(
                            first + seen.shape[1],
                            self._growth(),
                            extra,
                            int(seed) + 10 * e + 100 * number,
                        )
                        forests.append(forest)
                        outputs.append(output)
                mean_output = np.mean(outputs, axis=0)
                error = np.average((mean_output - rows.y) ** 2, axis=0, weights=rows.weight).mean()
                self.layers_.append(Layer(binner, forests, float(error)))
                self.scores_.append(float(error))
                progress.layer(number, float(error))
                seen, first = np.hstack(outputs), columns
                if error <= best - self.delta:
                    best, failed = error, 0
                    kept, best_seen, best_mean = number + 1, seen, mean_output
                else:
                    failed += 1
                    if failed == self.n_tolerant_rounds:
                        break
            else:
                # Layers on trial when the limit is reached stay; a head is made for the best.
                if not self.use_predictor:
                    kept, best_mean = len(self.layers_), mean_output
            del self.layers_[kept:]
            if self.use_predictor:
                binner = self._fit_binner(best_seen, random)
                binner.transform(best_seen, table, columns)
                parameters = self.predictor_kwargs or {}
                if self.predictor == "forest":
                    growth = self._growth(**parameters)
                    model, best_mean = grow(table.shape[1], growth, False, int(seed))
                else:
                    fit_head = boosted_head(
                        self.predictor,
                        parameters,
                        n_estimators=self.n_trees,
                        n_jobs=threads,
                        seed=int(seed),
                    )
                    model = fit_head(table, rows.y, rows.weight)
                self.head_ = Head(self.predictor, binner, model)
        return best_mean

    def _growth(self, **changes: Any) -> Growth:
        """Limits of the trees; a head may change them."""
        limits = {
            "n_trees": self.n_trees,
            "max_depth": self.max_depth,
            "min_samples_split": self.min_samples_split,
            "min_samples_leaf": self.min_samples_leaf,
        }
        return Growth(**(limits | changes))

    def _fit_binner(self, X: np.ndarray, random: np.random.RandomState) -> Binner:
        return Binner.fit(
            X,
            n_bins=self.n_bins,
            bin_type=self.bin_type,
            subsample=self.bin_subsample,
            random_state=random,
        )

    def _predict_rows(self, X: np.ndarray, n_jobs: int | None) -> np.ndarray:
        """Pass (n, columns) rows through the layers; returns (n, targets)."""
        n, columns = X.shape
        targets = self.n_outputs_
        n_forests = 2 * self.n_estimators
        table = np.empty((n, columns + n_forests * targets), np.uint8)
        output = np.empty((n_forests, n, targets))
        seen, first = X, 0
        for layer in self.layers_:
            layer.binner.transform(seen, table, first)
            for forest, out in zip(layer.forests, output, strict=True):
                _predict_into(forest, table, out, n_jobs)
            seen, first = np.hstack(output), columns
        if self.head_ is None:
            return output.mean(axis=0)
        self.head_.binner.transform(seen, table, columns)
        return self.head_.predict(table, targets)

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if self.n_outputs_ == 1 else y

    def _check_parameters(self) -> None:
        """Refuse a parameter out of its range, by name."""
        for name, kind, low, high in _RANGES:
            value = getattr(self, name)
            if name == "max_depth" and value is None:
                continue
            if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
                raise ConfigurationError(
                    f"CascadeForestRegressor({name}={value!r}): expected "
                    f"{'a whole number' if kind is Integral else 'a number'} of at least {low}"
                    + (f" and at most {high}" if np.isfinite(high) else "")
                )
        for name, choices in (("bin_type", ("percentile", "interval")), ("predictor", HEADS)):
            if getattr(self, name) not in choices:
                raise ConfigurationError(
                    f"CascadeForestRegressor({name}={getattr(self, name)!r}): expected one of "
                    f"{', '.join(choices)}"
                )
        if self.use_predictor and self.predictor == "forest":
            unknown = set(self.predictor_kwargs or {}) - set(Growth.__dataclass_fields__)
            if unknown:
                raise ConfigurationError(
                    f"predictor_kwargs: a forest has no {', '.join(sorted(unknown))}; expected some "
                    f"of {', '.join(Growth.__dataclass_fields__)}"
                )


_RANGES = (
    ("n_bins", Integral, 2, MAX_BINS),
    ("bin_subsample", Integral, 1, np.inf),
    ("max_layers", Integral, 1, np.inf),
    ("n_estimators", Integral, 1, np.inf),
    ("n_trees", Integral, 1, np.inf),
    ("max_depth", Integral, 1, np.inf),
    ("min_samples_split", Integral, 2, np.inf),
    ("min_samples_leaf", Integral, 1, np.inf),
    ("n_tolerant_rounds", Integral, 1, np.inf),
    ("delta", Real, 0, np.inf),
)
"""Parameter, its kind, its lowest and highest value."""


def _predict_into(
    forest: ByteForest, table: np.ndarray, out: np.ndarray, n_jobs: int | None
) -> None:
    in_blocks(lambda block: forest.predict_into(table[block], out[block]), len(table), n_jobs)


@dataclass(frozen=True)
class _Rows:
    """Distinct training rows.

    Attributes:
        X: (rows, columns).
        y: (rows, targets).
        weight: (rows,), positive.
        bags: (rows,) uint32, number of the unit that bags are drawn of.
    """

    X: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    bags: np.ndarray


def _distinct_rows(
    X: np.ndarray, y: np.ndarray, weight: np.ndarray, groups: np.ndarray | None
) -> tuple[_Rows, np.ndarray]:
    """Sort rows, leave out those of weight 0 and merge those that are the same.

    Returns:
        The rows, and for each row given its place among them, -1 if it was left out.
    """
    used = np.flatnonzero(weight > 0)
    if len(used) < MIN_ROWS:
        raise InputError(
            "X",
            None,
            expected=f"at least {MIN_ROWS} rows of a positive weight",
            found=f"n_samples = {len(used)}",
        )
    labels = np.zeros(len(X)) if groups is None else groups
    table = np.column_stack([y, X, labels])[used]
    order = np.lexsort(table.T[::-1])
    table = table[order]
    new = np.append(True, np.any(table[1:] != table[:-1], axis=1))
    number = np.cumsum(new) - 1
    places = np.full(len(X), -1)
    places[used[order]] = number
    kept = table[new]
    targets = y.shape[1]
    if groups is None:
        bags = np.arange(len(kept))
    else:
        found, bags = np.unique(kept[:, -1], return_inverse=True)
        if len(found) < 2:
            raise InputError("groups", None, expected="at least 2 groups", found=str(len(found)))
    rows = _Rows(
        X=np.ascontiguousarray(kept[:, targets:-1]),
        y=np.ascontiguousarray(kept[:, :targets]),
        weight=np.bincount(number, weights=weight[used][order]),
        bags=bags.astype(np.uint32),
    )
    return rows, places


def _group_numbers(groups: ArrayLike | None, rows: int) -> np.ndarray | None:
    if groups is None:
        return None
    labels = np.asarray(groups)
    if labels.shape != (rows,):
        raise InputError(
            "groups", None, expected=f"one label a row, shape ({rows},)", found=str(labels.shape)
        )
    return np.unique(labels, return_inverse=True)[1]


class _Progress:
    """Progress bar over trees; the number of layers is not known beforehand."""

    def __init__(self, verbose: int) -> None:
        self._bar = None
        if verbose:
            from tqdm import tqdm  # noqa: PLC0415

            self._bar = tqdm(desc="cascade forest, layer 0", unit="tree")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def tree(self) -> None:
        """One tree more."""
        if self._bar is not None:
            self._bar.update()

    def layer(self, number: int, score: float) -> None:
        """A layer is done."""
        if self._bar is not None:
            self._bar.write(f"layer {number}: out-of-bag mean squared error {score:.6g}")
            self._bar.set_description(f"cascade forest, layer {number + 1}")
