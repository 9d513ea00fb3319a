"""A fitted member of the ensemble: a model, the predictors it wants, and its card."""

from __future__ import annotations

import json
import logging
import math
import shutil
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from uflux_kedro.ensemble import Member
from uflux_kedro.errors import InputError
from uflux_kedro.files import replacing, sha256
from uflux_kedro.models.packing import pack
from uflux_kedro.models.persistence import load_model, save_model
from uflux_kedro.variables import SITE_PREDICTORS, variable_of

logger = logging.getLogger(__name__)

_CARD, _MODEL = "card.json", "model"

_SUSPICIOUS = 0.5
"""Share of rows out of the training range from which the unit is doubted: a cold month may
well be colder than any at the towers, half a map may not."""


class FittedMember:
    """A member that predicts.

    One that was loaded reads its model at the first prediction, once a process, and goes to
    worker processes as its path. It predicts by packed trees: exactly as the estimator does, in
    a fraction of the time.

    Attributes:
        card: What is known of it: ``member``, ``flux``, ``unit``, ``predictors`` (name ->
            unit, minimum and maximum in training), ``parameters``, ``rows``, ``sites``,
            ``scores``, ``versions``, ``seed``, ``checksum``.
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
        """The member's name."""
        return self.card["member"]

    @property
    def predictors(self) -> tuple[str, ...]:
        """Predictor columns, in the order in which the model sees them."""
        return tuple(self.card["predictors"])

    @property
    def model(self) -> Any:
        """The fitted estimator."""
        return self._ready().model

    @property
    def packed(self) -> Any:
        """Its exact predictor of complete rows, for those who checked them."""
        return self._ready().packed

    def _ready(self) -> _Ready:
        if self._model is None and self._folder is not None:
            # Threads that come at once wait for the first, instead of each reading the file.
            with _READING:
                return _read(self._folder.resolve(), self.card["checksum"])
        if self._packed is None:
            self._packed = _Ready(self._model, pack(self._model))
        return self._packed

    def predict(
        self, data: pd.DataFrame | NDArray, n_jobs: int | None = None
    ) -> NDArray[np.float32]:
        """Predict the flux.

        Args:
            data: A table that has the predictors as columns, in any order, or an array of
                shape (n, predictors) in their order; canonical units.
            n_jobs: Threads; None is one, -1 all.

        Returns:
            Shape (n,), in the flux's canonical unit; NaN where a predictor is missing.

        Raises:
            InputError: If predictors are missing from the table, stand there twice or are no
                numbers, or their number is another.
        """
        X = self._matrix(data)
        known = np.isfinite(X).all(axis=1)
        self._warn_outside(X[known])
        prediction = np.full(len(X), np.nan, dtype=np.float32)
        if known.any():
            prediction[known] = self._ready().packed.predict(X[known], n_jobs)
        return prediction

    def _matrix(self, data: pd.DataFrame | NDArray) -> NDArray[np.float32]:
        if isinstance(data, pd.DataFrame):
            absent = [p for p in self.predictors if p not in data]
            if absent:
                raise InputError(
                    f"table given to {self.name}",
                    ", ".join(absent),
                    expected="a column of that name",
                    found=f"the columns {', '.join(map(str, data.columns))}",
                )
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
            expected, found = "one column of that name", f"{column.shape[1]}"
        else:
            try:
                return column.to_numpy("float32")
            except (TypeError, ValueError) as error:
                expected, found = "numbers", str(error)
        raise InputError(f"table given to {self.name}", name, expected=expected, found=found)

    def save(self, folder: Path) -> None:
        """Write the member, whole or not at all."""
        with replacing(folder) as temporary:
            temporary.mkdir()
            if self._model is None and self._folder is not None:
                # It stands in files already: reading it would cost memory and time.
                _copy(self._folder / _MODEL, temporary / _MODEL, self.card["checksum"])
            else:
                save_model(self.model, temporary / _MODEL)
                self.card["checksum"] = sha256(temporary / _MODEL)
            (temporary / _CARD).write_text(json.dumps(self.card, indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> FittedMember:
        """Read a member's card; the model waits until it is needed.

        Raises:
            InputError: If there is no member.
        """
        try:
            card = json.loads((Path(folder) / _CARD).read_text())
        except (OSError, ValueError) as error:
            raise InputError(
                folder, None, expected=f"a fitted member with its {_CARD}", found=str(error)
            ) from error
        return cls(card, folder=Path(folder))

    def _warn_outside(self, X: NDArray[np.float32]) -> None:
        """Say of each predictor, once, if it looks like another unit or another world."""
        if not len(X):
            return
        for column, (name, known) in zip(X.T, self.card["predictors"].items(), strict=True):
            # A class or a place without towers is no matter of units.
            if name in SITE_PREDICTORS or name in self._warned:
                continue
            share = np.mean((column < known["min"]) | (column > known["max"]))
            if share > _SUSPICIOUS:
                self._warned.add(name)
                logger.warning(
                    "%s: %.0f %% of %d rows have %s outside the training range, %g to %g %s; "
                    "found %g to %g. Is it in that unit?",
                    *(self.name, 100 * share, len(X), name, known["min"], known["max"]),
                    *(known["unit"], column.min(), column.max()),
                )


class _Ready(NamedTuple):
    """A model in memory, and its packed form."""

    model: Any
    packed: Any


_READING = Lock()


@lru_cache(maxsize=16)  # the members of a flux
def _read(folder: Path, checksum: str) -> _Ready:
    """Model of a folder; the checksum is part of the key, so that a new fit is read anew.

    Raises:
        InputError: If the model is not the one of the card.
    """
    _check(folder / _MODEL, checksum)
    model = load_model(folder / _MODEL)
    return _Ready(model, pack(model))


def _check(model: Path, checksum: str) -> None:
    found = sha256(model)
    if found != checksum:
        raise InputError(
            model,
            "checksum",
            expected=checksum,
            found=found,
            hint="The model is not the one that the card describes; fit the member anew",
        )


def _copy(model: Path, target: Path, checksum: str) -> None:
    _check(model, checksum)
    shutil.copytree(model, target)


def fit_member(
    member: Member,
    rows: pd.DataFrame,
    model: Any,
    *,
    parameters: Mapping[str, Any],
    seed: int,
    scores: Mapping[str, Any] | None = None,
    with_sites: bool = False,
) -> FittedMember:
    """Fit a member on all rows that are given.

    Args:
        member: Who it is.
        rows: Usable rows: ``site_id``, the flux, the predictors; none missing.
        model: Unfitted estimator.
        parameters: Settings of the model, for the card.
        seed: Seed of the model, for the card.
        scores: Held-out scores, for the card.
        with_sites: Hand each row's site to the model's ``fit``, as ``groups``.

    Returns:
        The fitted member.
    """
    X = rows[list(member.predictors)].to_numpy("float32")
    y = rows[member.flux].to_numpy("float64")
    model.fit(X, y, **({"groups": rows["site_id"].to_numpy()} if with_sites else {}))
    if hasattr(model, "to_cascade"):
        # Its own form is pickles for another interpreter; its trees can be stored and packed.
        model = model.to_cascade()
    card = {
        "member": member.name,
        "flux": member.flux,
        "unit": variable_of(member.flux).unit,
        "predictors": {
            name: {"unit": variable_of(name).unit, "min": float(low), "max": float(high)}
            for name, low, high in zip(member.predictors, X.min(0), X.max(0), strict=True)
        },
        # XGBoost lists missing=nan, which is no JSON.
        "parameters": {
            k: v
            for k, v in parameters.items()
            if not (isinstance(v, float) and not math.isfinite(v))
        },
        "rows": len(rows),
        "sites": sorted(rows["site_id"].unique()),
        "seed": seed,
        "scores": dict(scores or {}),
        "versions": {n: version(n) for n in ("uflux_kedro", "xgboost", "scikit-learn", "numba")},
        "checksum": None,
    }
    return FittedMember(card, model)
