"""Who is in the ensemble: predictor set x flux x model, from configuration."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import Field, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.schemas import Parameters
from uflux_kedro.variables import FLUXES, HISTORY, variable_of


class PredictorSet(Parameters):
    """A named list of predictors, written as groups that several sets share.

    Attributes:
        name: Name of the set, such as ``MODIS-NIRv-ERA5``.
        predictors: Predictors of this set alone, usually the vegetation proxy.
        groups: Names of shared lists, whose predictors follow in order.
        optional: Names of shared lists of which training chooses by flux, among the train sites
            of each fold: what helps one flux on unseen towers harms another.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    predictors: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Member:
    """One member of the ensemble, such as ``MODIS-NIRv-ERA5.GPP.DF21``.

    Attributes:
        predictor_set: Name of the predictor set.
        flux: Target: GPP, RECO, NEE, H or LE.
        model: Name of the model in the registry.
        predictors: Predictor columns, in the order in which the model sees them.
        optional: Groups among them of which training chooses: name and predictors of each.
    """

    predictor_set: str
    flux: str
    model: str
    predictors: tuple[str, ...]
    optional: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def name(self) -> str:
        """Name of the member: ``<predictor set>.<flux>.<model>``."""
        return f"{self.predictor_set}.{self.flux}.{self.model}"

    @property
    def namespace(self) -> str:
        """Kedro namespace of the member: ``<flux>.<predictor set>``."""
        return f"{self.flux}.{self.predictor_set}"


class EnsembleParameters(Parameters):
    """The parameter block ``ensemble``: which members there are.

    Attributes:
        model: Model of every member.
        fluxes: Targets.
        groups: Lists of predictors that several sets share.
        predictor_sets: The sets.
        select: Glob patterns on the members' names, parted by spaces; ``*`` keeps all, and a
            pattern after ``!`` takes away what it matches.
    """

    model: str = "DF21"
    fluxes: tuple[str, ...] = FLUXES
    groups: dict[str, tuple[str, ...]] = {}
    predictor_sets: tuple[PredictorSet, ...]
    select: str = "*"

    @field_validator("fluxes")
    @classmethod
    def _known_fluxes(cls, fluxes: tuple[str, ...]) -> tuple[str, ...]:
        for flux in fluxes:
            if flux not in FLUXES:
                raise ValueError(f"unknown flux {flux!r}: expected some of {', '.join(FLUXES)}")
        return fluxes

    @model_validator(mode="after")
    def _known_predictors(self) -> EnsembleParameters:
        names = [s.name for s in self.predictor_sets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"predictor set {name!r} stands twice")
        for predictor_set in self.predictor_sets:
            twice = set(predictor_set.groups) & set(predictor_set.optional)
            if twice:
                raise ValueError(
                    f"predictor set {predictor_set.name!r}: {', '.join(sorted(twice))} "
                    "cannot be both among groups and optional"
                )
            for predictor in self.predictors(predictor_set):
                stem, _, ending = predictor.rpartition("_")
                if predictor in FLUXES or (stem in FLUXES and ending in HISTORY):
                    raise ValueError(
                        f"predictor set {predictor_set.name!r}: {predictor} is measured at the "
                        "towers that are predicted; expected what is known everywhere"
                    )
                try:
                    variable_of(predictor)
                except ConfigurationError as error:
                    raise ValueError(f"predictor set {predictor_set.name!r}: {error}") from error
        return self

    def predictors(self, predictor_set: PredictorSet) -> tuple[str, ...]:
        """All predictors of a set, its groups spelled out, each once."""
        listed = list(predictor_set.predictors)
        for group in (*predictor_set.groups, *predictor_set.optional):
            if group not in self.groups:
                raise ValueError(
                    f"predictor set {predictor_set.name!r}: unknown group {group!r}, "
                    f"expected one of {', '.join(self.groups)}"
                )
            listed += self.groups[group]
        return tuple(dict.fromkeys(listed))

    def _member(self, predictor_set: PredictorSet, flux: str) -> Member:
        return Member(
            predictor_set.name,
            flux,
            self.model,
            self.predictors(predictor_set),
            tuple((group, self.groups[group]) for group in predictor_set.optional),
        )

    def members(self) -> tuple[Member, ...]:
        """Members that ``select`` keeps, flux by flux.

        Raises:
            ConfigurationError: If it keeps none.
        """
        patterns = self.select.split()
        without = [pattern[1:] for pattern in patterns if pattern.startswith("!")]
        kept = [pattern for pattern in patterns if not pattern.startswith("!")] or ["*"]
        members = tuple(
            member
            for flux in self.fluxes
            for predictor_set in self.predictor_sets
            for member in [self._member(predictor_set, flux)]
            if any(fnmatchcase(member.name, pattern) for pattern in kept)
            and not any(fnmatchcase(member.name, pattern) for pattern in without)
        )
        if not members:
            raise ConfigurationError(
                f"ensemble.select = {self.select!r} matches no member; "
                f"names look like {self.predictor_sets[0].name}.{self.fluxes[0]}.{self.model}"
            )
        return members
