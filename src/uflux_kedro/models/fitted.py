"""A fitted member of the ensemble: a model, its predictors and a card that describes it."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro import __version__
from uflux_kedro.ensemble import Member
from uflux_kedro.errors import InputError, require_columns
from uflux_kedro.files import replacing, sha256
from uflux_kedro.installed import version_of
from uflux_kedro.models.card import read_card, write_card
from uflux_kedro.models.packing import pack
from uflux_kedro.models.persistence import RUN_SETTINGS, load_model, save_model
from uflux_kedro.models.steps import step_of
from uflux_kedro.origins import collections_of, from_collections
from uflux_kedro.simulated import mark_of, marked
from uflux_kedro.variables import IGBP_CLASSES, SITE_PREDICTORS, variable_of

logger = logging.getLogger(__name__)

_CARD, _MODEL = "card.json", "model"
_TOLD = (*RUN_SETTINGS, "predictor_names", "flux")
"""Parameters that do not change the model, or that the card tells under other names."""

SUSPICIOUS_SHARE = 0.5
"""Share of rows outside the training range above which a warning asks about the unit.

A cold month may be colder than any at the towers; half a map may not.
"""


class FittedMember:
    """A member of the ensemble with its fitted model.

    A loaded member reads its model at the first prediction, once a process, and is sent to worker
    processes as a path. It predicts with packed trees: exactly as the estimator does, in a
    fraction of the time.

    Attributes:
        card: Description of the member: ``member``, ``flux``, ``unit``, ``predictors`` (name ->
            unit, minimum and maximum in training), ``step`` (month, week or day, the length of
            the periods that it learnt from), ``parameters``, ``rows``, ``sites``, ``scores``, ``versions``, ``seed``, ``checksum``; and ``simulated``, if it was trained
            on simulated data.
    """

    def __init__(
        self, card: Mapping[str, Any], model: Any = None, folder: Path | None = None
    ) -> None:
        self.card = dict(card)
        self._model = model
        self._packed: _Ready | None = None
        self._folder = folder
        self._warned: set[str] = set()

    @property
    def name(self) -> str:
        """Name of the member."""
        return self.card["member"]

    @property
    def predictors(self) -> tuple[str, ...]:
        """Predictor columns, in the model's order."""
        return tuple(self.card["predictors"])

    @property
    def model(self) -> Any:
        """The fitted estimator."""
        return self._ready().model

    @property
    def packed(self) -> Any:
        """Packed model, for callers who pass complete rows only."""
        return self._ready().packed

    def _ready(self) -> _Ready:
        if self._model is None and self._folder is not None:
            # Of several threads one reads the file and the others wait.
            with _READING:
                return _read(self._folder.resolve(), self.card["checksum"], len(self.predictors))
        if self._packed is None:
            self._packed = _Ready(self._model, pack(self._model))
        return self._packed

    def predict(
        self, data: pd.DataFrame | NDArray, n_jobs: int | None = None
    ) -> NDArray[np.float32]:
        """Predict the flux.

        Args:
            data: A table with the predictors as columns, in any order, or an array of shape
                (n, predictors) in the model's order; canonical units.
            n_jobs: Threads; None is one, -1 all.

        Returns:
            Shape (n,), in the flux's canonical unit; NaN where a predictor is missing or has an
            impossible value, such as -9999 or an unknown class, of which a warning gives the
            number.

        Raises:
            InputError: If a predictor is absent from the table, appears in it twice or is not
                numeric, or if the array has another number of columns.
        """
        X = self._possible(self._matrix(data))
        known = np.isfinite(X).all(axis=1)
        self._warn_outside(X[known])
        prediction = np.full(len(X), np.nan, dtype=np.float32)
        if known.any():
            prediction[known] = self._ready().packed.predict(X[known], n_jobs)
        return prediction

    def _matrix(self, data: pd.DataFrame | NDArray) -> NDArray[np.float32]:
        if isinstance(data, pd.DataFrame):
            require_columns(data, self.predictors, f"table given to {self.name}")
            return np.column_stack([self._column(data, name) for name in self.predictors])
        X = np.asarray(data, dtype=np.float32)
        if X.ndim != 2 or X.shape[1] != len(self.predictors):
            raise InputError(
                f"array given to {self.name}",
                None,
                expected=f"shape (n, {len(self.predictors)}): {', '.join(self.predictors)}",
                found=f"shape {X.shape}",
            )
        return X

    def _column(self, table: pd.DataFrame, name: str) -> NDArray[np.float32]:
        column = table[name]
        if isinstance(column, pd.DataFrame):
            expected, found = "one column of that name", f"{column.shape[1]} columns"
        else:
            try:
                # Columns of integers, of nullable numbers, and of None where JSON had null.
                return pd.to_numeric(column).to_numpy("float32", na_value=np.nan)
            except (TypeError, ValueError) as error:
                expected, found = "numbers", str(error)
        raise InputError(f"table given to {self.name}", name, expected=expected, found=found)

    def _possible(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set impossible values to NaN and warn of their number."""
        X = X.copy()
        found = []
        for column, (name, known) in zip(X.T, self.card["predictors"].items(), strict=True):
            variable = variable_of(name)
            if variable.kind == "category":
                bad = ~np.isin(column, list(IGBP_CLASSES.values())) & ~np.isnan(column)
                expected = "of an IGBP class"
            else:
                # What the towers had is possible: days may exceed the bounds of months.
                low = np.float32(min(variable.lower, known["min"]))
                high = np.float32(max(variable.upper, known["max"]))
                bad = (column < low) | (column > high)
                expected = f"within {low:g} to {high:g} {variable.unit}"
            if bad.any():
                wrong = column[bad]
                found.append(
                    f"{bad.sum()} values of {name} are not {expected} "
                    f"(found {wrong.min():g} to {wrong.max():g})"
                )
                column[bad] = np.nan
        if found:
            logger.warning(
                "%s: no prediction for rows of %d where %s", self.name, len(X), "; ".join(found)
            )
        return X

    def save(self, folder: Path) -> None:
        """Write the member to a folder, completely or not at all."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            if self._model is None and self._folder is not None:
                # The model is copied as files: loading it would cost memory and time.
                _copy(self._folder / _MODEL, temporary / _MODEL, self.card["checksum"])
            else:
                save_model(self.model, temporary / _MODEL)
                self.card["checksum"] = sha256(temporary / _MODEL)
            write_card(temporary / _CARD, self.card)

    @classmethod
    def load(cls, folder: Path) -> FittedMember:
        """Read a member's card; its model is read at the first prediction.

        Raises:
            InputError: If the folder holds no member.
        """
        return cls(read_card(Path(folder) / _CARD), folder=Path(folder))

    def _warn_outside(self, X: NDArray[np.float32]) -> None:
        """Warn once of each predictor with most values outside its training range."""
        if not len(X):
            return
        for column, (name, known) in zip(X.T, self.card["predictors"].items(), strict=True):
            # Land cover and latitude beyond the towers' are no sign of a wrong unit.
            if name in SITE_PREDICTORS or name in self._warned:
                continue
            share = np.mean((column < known["min"]) | (column > known["max"]))
            if share > SUSPICIOUS_SHARE:
                self._warned.add(name)
                logger.warning(
                    "%s: %.0f %% of %d rows have %s outside the training range, %g to %g %s; "
                    "found %g to %g. Check its unit",
                    *(self.name, 100 * share, len(X), name, known["min"], known["max"]),
                    *(known["unit"], column.min(), column.max()),
                )


class _Ready(NamedTuple):
    """A model in memory and its packed form."""

    model: Any
    packed: Any


_READING = Lock()


@lru_cache(maxsize=16)  # a flux has thirteen members
def _read(folder: Path, checksum: str, columns: int) -> _Ready:
    """Read the model in a folder; the checksum is part of the key, so a new fit is read again.

    Raises:
        InputError: If the model's checksum or number of columns differs from the card's.
    """
    _check(folder / _MODEL, checksum)
    model = load_model(folder / _MODEL)
    if model.n_features_in_ != columns:
        # Compiled code would read beyond the row.
        raise InputError(
            folder / _CARD,
            "predictors",
            expected=f"{model.n_features_in_}, as the model has columns",
            found=str(columns),
        )
    return _Ready(model, pack(model))


def _check(model: Path, checksum: str) -> None:
    found = sha256(model)
    if found != checksum:
        raise InputError(
            model,
            "checksum",
            expected=checksum,
            found=found,
            hint="The model is not the one that the card describes; fit the member again",
        )


def _copy(model: Path, target: Path, checksum: str) -> None:
    _check(model, checksum)
    shutil.copytree(model, target)


def fit_member(
    member: Member,
    rows: pd.DataFrame,
    model: Any,
    *,
    parameters: Mapping[str, Any] | None = None,
    seed: int | None = None,
    scores: Mapping[str, Any] | None = None,
    with_sites: bool = False,
) -> FittedMember:
    """Fit a member on all given rows.

    Args:
        member: The member.
        rows: Usable rows with ``site_id``, the flux and the predictors, without missing values;
            ``attrs["resolution"]`` is that of the towers, MM if absent.
        model: Unfitted estimator.
        parameters: Settings of the model, for the card; None for those of ``get_params``.
        seed: Seed of the model, for the card.
        scores: Held-out scores, for the card.
        with_sites: Whether to pass each row's site to the model's ``fit``, as ``groups``.

    Returns:
        The fitted member.
    """
    X = rows[list(member.predictors)].to_numpy("float32")
    y = rows[member.flux].to_numpy("float64")
    model.fit(X, y, **({"groups": rows["site_id"].to_numpy()} if with_sites else {}))
    if hasattr(model, "to_cascade"):
        # The fitted package is pickles for another interpreter; a cascade can be stored and packed.
        model = model.to_cascade()
    card = {
        "member": member.name,
        "flux": member.flux,
        "unit": variable_of(member.flux).unit,
        "step": step_of(rows),
        "predictors": {
            name: {"unit": variable_of(name).unit, "min": float(low), "max": float(high)}
            for name, low, high in zip(member.predictors, X.min(0), X.max(0), strict=True)
        },
        # XGBoost lists missing=nan, which JSON cannot hold.
        "parameters": {
            k: v
            for k, v in (model.get_params() if parameters is None else parameters).items()
            if k not in _TOLD and not (isinstance(v, float) and not math.isfinite(v))
        },
        "rows": len(rows),
        "sites": sorted(rows["site_id"].unique()),
        "seed": seed,
        "scores": dict(scores or {}),
        "versions": {
            "uflux_kedro": __version__,
            **{name: version_of(name) for name in ("xgboost", "scikit-learn", "numba")},
        },
        "checksum": None,
        **marked(mark_of(rows)),
        **from_collections(*collections_of(rows)),
    }
    return FittedMember(card, model)
