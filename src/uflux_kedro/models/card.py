"""The card of a fitted member: what a file must hold to be one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.variables import FLUXES, variable_of


class _Predictor(BaseModel):
    unit: str
    min: FiniteFloat
    max: FiniteFloat


class _Card(BaseModel):
    """What predictions and products need; everything else describes the model to people."""

    model_config = ConfigDict(strict=True)

    member: str = Field(pattern=r"^[A-Za-z0-9][\w-]*\.[A-Z]+\.[\w-]+$")
    flux: str
    unit: str
    predictors: Annotated[dict[str, _Predictor], Field(min_length=1)]
    checksum: str = Field(pattern=r"^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _canonical(self) -> _Card:
        """Numbers in other units than this version's would be predicted from without a word."""
        if self.flux not in FLUXES:
            raise ValueError(f"unknown flux {self.flux!r}: expected one of {', '.join(FLUXES)}")
        units = {self.flux: self.unit} | {k: p.unit for k, p in self.predictors.items()}
        for name, unit in units.items():
            try:
                expected = variable_of(name).unit
            except ConfigurationError as error:
                raise ValueError(str(error)) from error
            if unit != expected:
                raise ValueError(f"{name} in {unit!r}: expected {expected!r}")
        return self


def read_card(path: Path) -> dict[str, Any]:
    """Read the card of a fitted member.

    Raises:
        InputError: If there is no such file, or it is no card; says what is wrong with it.
    """
    try:
        card = json.loads(path.read_text())
        _Card.model_validate(card)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or None
        raise InputError(
            path, where, expected="the card of a fitted member", found=first["msg"]
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            path, None, expected="the card of a fitted member", found=str(error)
        ) from error
    return card
