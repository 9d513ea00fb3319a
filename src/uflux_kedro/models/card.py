"""The card of a fitted member: what a file must hold to be one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from uflux_kedro.errors import ConfigurationError, InputError
from uflux_kedro.models.steps import Step
from uflux_kedro.variables import FLUXES, variable_of

_SEAL = "card_sha256"


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
    step: Step = "month"

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


def write_card(path: Path, card: Mapping[str, Any]) -> None:
    """Write the card of a fitted member with its checksum."""
    path.write_text(json.dumps({**card, _SEAL: _checksum(card)}, indent=2) + "\n")


def _checksum(card: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(card, sort_keys=True).encode()).hexdigest()


def read_card(path: Path) -> dict[str, Any]:
    """Read the card of a fitted member.

    Cards of earlier versions have no checksum of their own, and no step: their members learnt from months.

    Raises:
        InputError: If there is no such file, it is no card, or it was changed after it was written;
            says what is wrong with it.
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
    known = card.pop(_SEAL, None)
    if known not in (None, _checksum(card)):
        raise InputError(
            path,
            None,
            expected="the card as it was written",
            found="one with another checksum",
            hint="It is damaged or was edited; fit the member again",
        )
    return card if "step" in card else {"step": "month"} | card
