"""The cascade forest regressor DF21.

Zhou, Z.-H. and Feng, J. (2019): Deep forest. National Science Review 6(1), 74-86,
doi 10.1093/nsr/nwy108. The algorithm and the names of parameters are those of the package
``deep-forest`` 0.1.7, with the differences that :class:`CascadeForestRegressor` lists.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from uflux_kedro.errors import InputError
from uflux_kedro.models.cascade.head import Head, boosted_head
from uflux_kedro.models.cascade.parameters import BoundedCascadeParameters
from uflux_kedro.models.cascade.progress import GrowthProgress
from uflux_kedro.models.cascade.rows import (
    MIN_ROWS,
    TrainingRows,
    distinct_rows,
    group_numbers,
)
from uflux_kedro.models.trees.bags import Bags
from uflux_kedro.models.trees.binning import Binner
from uflux_kedro.models.trees.byte_forest import ByteForest, ForestGrower, Growth, Targets
from uflux_kedro.models.trees.forest_store import (
    ForestStore,
    columns_and_targets,
    forest_arrays,
    read_forest,
    take_columns_and_targets,
)
from uflux_kedro.models.trees.packed_trees import in_blocks
from uflux_kedro.models.trees.ranges import check_targets


@dataclass(frozen=True)
class Layer:
    """One layer of the cascade.

    Attributes:
        binner: Binner of the layer's input: the columns of X for layer 0, the predictions of the
            previous layer for others.
        forests: Random forests, then as many forests of extra-trees, in memory or on disk.
    """

    binner: Binner
    forests: ForestStore


class CascadeForestRegressor(BoundedCascadeParameters):
    """Layers of forests, each trained on the columns and the predictions of the previous layer.

    Columns are binned to bytes. A layer has ``n_estimators`` random forests and as many forests
    of extra-trees. Their out-of-bag predictions, binned too, are further columns of the next
    layer. Layers are added while the out-of-bag error falls. The prediction is the mean over the
    forests of the last layer.

    Apart from random draws, results differ from those of ``deep-forest`` as follows:

    - identical rows count as one row of their summed weight, so a row out of a bag has no copy in
      the bag, and the order of the rows does not matter;
    - with ``groups``, bags are drawn by group instead of by row, so out-of-bag means out-of-site;
    - trees stop growing with the number of rows: a bag holds at most ``max_samples`` rows, as many
      of each group as of any other that has so many, and a tree about ``max_leaves`` leaves;
    - a constant target gives a constant model;
    - leaves are float32.

    The same ``random_state`` gives the same model, byte for byte, on any number of threads.
    Parameters are those of
    :class:`~uflux_kedro.models.cascade.parameters.BoundedCascadeParameters`.

    Attributes:
        layers_: The layers kept.
        n_layers_: Number of layers kept, 0 for a constant target.
        scores_: Out-of-bag mean squared error of every layer grown, dropped ones included.
        oob_prediction_: (rows,) or (rows, targets), out-of-bag prediction of the last kept layer
            for each training row; NaN for rows of weight 0.
        n_features_in_: Number of columns.
        n_outputs_: Number of targets.
        feature_importances_: Importance of each column, shape (columns,), sums to 1.
    """

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
            y: (rows,) or (rows, targets), finite; each tree predicts all targets.
            sample_weight: (rows,), not negative; a whole number counts as that many rows.
            groups: (rows,) labels, such as sites. Bags are then drawn by group, so the
                out-of-bag predictions, which are input of the next layer and stop the growth, are
                of groups that the trees never saw.

        Raises:
            ConfigurationError: If a parameter is out of range.
            InputError: If there are too few rows or groups, or targets exceed single precision.
            ValueError: If X or y holds NaN or infinity, or their shapes do not match.
        """
        self.check_parameters()
        checked = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        X = np.asarray(checked[0])
        y = np.asarray(checked[1], dtype=np.float64).reshape(len(X), -1)
        check_targets(y)
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if len(X) < MIN_ROWS:
            raise InputError(
                "X", None, expected=f"at least {MIN_ROWS} rows", found=f"n_samples = {len(X)}"
            )
        self.n_outputs_ = y.shape[1]

        rows, places = distinct_rows(X, y, weight, group_numbers(groups, len(X)))
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
        """Predict the targets of rows.

        Args:
            X: (n, columns), finite.

        Returns:
            (n,), or (n, targets) for several targets, float64.
        """
        check_is_fitted(self)
        return self.predict_on(validate_data(self, X, dtype=np.float64, reset=False), self.n_jobs)

    def predict_on(self, X: np.ndarray, n_jobs: int | None) -> np.ndarray:
        """Predict on a given number of threads, without the checks of :meth:`predict`.

        Args:
            X: (n, columns) float64, finite.
            n_jobs: Threads; None is one, -1 all.
        """
        if self.constant_ is not None:
            return self._shaped(np.repeat(self.constant_[None], len(X), axis=0))
        if self.partial_mode:
            # All rows at once, so that each forest is read from disk once.
            return self._shaped(self._predict_rows(X, n_jobs))
        out = np.empty((len(X), self.n_outputs_))

        def predict_block(block: slice) -> None:
            out[block] = self._predict_rows(X[block], 1)

        in_blocks(predict_block, len(X), n_jobs)
        return self._shaped(out)

    @property
    def feature_importances_(self) -> np.ndarray:
        """Share of the reduction of the squared error that is due to each column.

        The share due to the predictions of the previous layer is divided among the columns in
        proportion to their importances in that layer. The head is left out.
        """
        check_is_fitted(self)
        columns = self.n_features_in_
        if not self.layers_:
            return np.zeros(columns)
        before = np.zeros((0, columns))
        for layer in self.layers_:
            importances = np.array([forest.importances for forest in layer.forests])
            by_predictions = importances[:, columns:]
            forests = importances[:, :columns] + by_predictions @ np.repeat(
                before, self.n_outputs_ if len(before) else 1, axis=0
            )
            before = forests
        total = before.mean(axis=0)
        return total / total.sum() if total.sum() > 0 else total

    def _grow(self, rows: TrainingRows) -> np.ndarray:
        """Grow layers until the error stops falling; return the out-of-bag predictions."""
        random = check_random_state(self.random_state)
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            seed = random.randint(np.iinfo(np.int32).max)
        threads = effective_n_jobs(self.n_jobs)
        n, columns = rows.X.shape
        augmented = columns + 2 * self.n_estimators * self.n_outputs_
        bags = Bags.distinct(rows.bags, self.max_samples)
        best, failed, kept = np.inf, 0, 0
        seen, first = rows.X, 0
        with ThreadPoolExecutor(threads) as executor, GrowthProgress(self.verbose) as progress:
            grower = ForestGrower(
                table=np.empty((n, augmented), np.uint8),
                targets=Targets.of(rows.y, rows.weight, bags.most),
                bags=bags,
                executor=executor,
                n_jobs=threads,
                on_tree=progress.tree,
            )
            for number in range(self.max_layers):
                binner = self._fit_binner(seen, random)
                binner.transform(seen, grower.table, first)
                forests, outputs = self._grow_layer(
                    grower, first + seen.shape[1], int(seed) + 100 * number, rows
                )
                mean = np.mean(outputs, axis=0)
                error = np.average((mean - rows.y) ** 2, axis=0, weights=rows.weight).mean()
                self.layers_.append(Layer(binner, forests))
                self.scores_.append(float(error))
                progress.layer(number, float(error))
                seen, first = np.hstack(outputs), columns
                if error <= best - self.delta:
                    best, failed = error, 0
                    kept, best_seen, best_mean = number + 1, seen, mean
                else:
                    failed += 1
                    if failed == self.n_tolerant_rounds:
                        break
            else:
                # At the limit also layers without improvement are kept, unless a head follows.
                if not self.use_predictor:
                    kept, best_mean = len(self.layers_), mean
            del self.layers_[kept:]
            if not self.use_predictor:
                return best_mean
            binner = self._fit_binner(best_seen, random)
            binner.transform(best_seen, grower.table, columns)
            if self.predictor == "forest":
                growth = self._growth(bags, **(self.predictor_kwargs or {}))
                model, output = grower.grow(augmented, growth, extra=False, seed=int(seed))
                best_mean = _fill_with_mean(output, rows)
            else:
                fit_head = boosted_head(
                    self.predictor,
                    self.predictor_kwargs or {},
                    n_estimators=self.n_trees,
                    n_jobs=threads,
                    seed=int(seed),
                )
                model = fit_head(grower.table, rows.y, rows.weight)
            self.head_ = Head(self.predictor, binner, model)
            return best_mean

    def _grow_layer(
        self, grower: ForestGrower, columns: int, seed: int, rows: TrainingRows
    ) -> tuple[ForestStore, list[np.ndarray]]:
        """Grow the forests of one layer; return them and the out-of-bag predictions of each."""
        forests = ForestStore(on_disk=self.partial_mode)
        outputs = []
        for extra in (False, True):
            for e in range(self.n_estimators):
                forest, output = grower.grow(
                    columns, self._growth(grower.bags), extra=extra, seed=seed + 10 * e
                )
                forests.append(forest)
                outputs.append(_fill_with_mean(output, rows))
        return forests, outputs

    def _growth(self, bags: Bags, **changes: Any) -> Growth:
        """Return the limits of the trees, with ``changes`` for a head."""
        leaf = 1 if self.max_leaves is None else math.ceil(bags.rows / self.max_leaves)
        limits = {
            "n_trees": self.n_trees,
            "max_depth": self.max_depth,
            "min_samples_split": self.min_samples_split,
            "min_samples_leaf": max(self.min_samples_leaf, leaf),
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
        """Pass (n, columns) rows through the layers; return (n, targets)."""
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
            seen, first = np.concatenate(output, axis=1), columns
        if self.head_ is None:
            return output.mean(axis=0)
        self.head_.binner.transform(seen, table, columns)
        return self.head_.predict(table, targets)

    def _shaped(self, y: np.ndarray) -> np.ndarray:
        return y[:, 0] if self.n_outputs_ == 1 else y

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Return the fitted model for storage: named arrays, and numbers that JSON can hold."""
        check_is_fitted(self)
        arrays = {"oob_prediction": self.oob_prediction_}
        if self.constant_ is not None:
            arrays["constant"] = self.constant_
        for number, layer in enumerate(self.layers_):
            arrays |= _named(f"layer{number}.binner", layer.binner.to_arrays())
            for place, forest in enumerate(layer.forests):
                arrays |= _named(f"layer{number}.forest{place}", forest_arrays(forest))
        if self.head_ is not None:
            arrays |= _named("head.binner", self.head_.binner.to_arrays())
            arrays |= _named("head.model", self.head_.to_arrays())
        attributes = {
            **columns_and_targets(self),
            "n_layers_": self.n_layers_,
            "scores_": self.scores_,
        }
        return arrays, attributes

    def from_arrays(self, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> Self:
        """Set the fitted model that :meth:`to_arrays` returned.

        Raises:
            KeyError: If an array or a number is missing.
            ValueError: If the arrays are not those of trees.
        """
        take_columns_and_targets(self, attributes)
        self.n_layers_ = int(attributes["n_layers_"])
        self.scores_ = [float(score) for score in attributes["scores_"]]
        self.oob_prediction_ = arrays["oob_prediction"]
        self.constant_ = arrays.get("constant")
        n_forests = 2 * self.n_estimators
        augmented = self.n_features_in_ + n_forests * self.n_outputs_
        self.layers_ = []
        for number in range(self.n_layers_):
            columns = self.n_features_in_ if number == 0 else n_forests * self.n_outputs_
            name = f"layer{number}"
            forests = ForestStore(
                (
                    read_forest(
                        _under(arrays, f"{name}.forest{place}"),
                        self.n_features_in_ if number == 0 else augmented,
                        self.n_outputs_,
                    )
                    for place in range(n_forests)
                ),
                on_disk=self.partial_mode,
            )
            binner = Binner.from_arrays(_under(arrays, f"{name}.binner"), columns)
            self.layers_.append(Layer(binner, forests))
        self.head_ = None
        if self.use_predictor and self.layers_:
            binner = Binner.from_arrays(_under(arrays, "head.binner"), n_forests * self.n_outputs_)
            self.head_ = Head.from_arrays(
                self.predictor, binner, _under(arrays, "head.model"), augmented, self.n_outputs_
            )
        return self


def _fill_with_mean(output: np.ndarray, rows: TrainingRows) -> np.ndarray:
    """Fill the out-of-bag predictions of rows that are in every bag with the mean target."""
    return np.where(np.isnan(output), np.average(rows.y, axis=0, weights=rows.weight), output)


def _named(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"{prefix}.{name}": array for name, array in arrays.items()}


def _under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Select the arrays of a prefix; the prefix is removed from their names."""
    start = prefix + "."
    return {name[len(start) :]: arrays[name] for name in arrays if name.startswith(start)}


def _predict_into(
    forest: ByteForest, table: np.ndarray, out: np.ndarray, n_jobs: int | None
) -> None:
    in_blocks(lambda block: forest.predict_into(table[block], out[block]), len(table), n_jobs)
