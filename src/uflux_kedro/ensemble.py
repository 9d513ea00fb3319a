"""Members of the ensemble, predictor set x flux x model, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydantic import Field, field_validator, model_validator

from uflux_kedro.errors import ConfigurationError
from uflux_kedro.schemas import Parameters
from uflux_kedro.variables import FLUXES, HISTORY, variable_of


class PredictorSet(Parameters):
    """A named list of predictors, partly made of groups that several sets share."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """Name of the set, such as ``MODIS-NIRv-ERA5``."""

    predictors: tuple[str, ...] = ()
    """Predictors of this set alone, usually the vegetation proxy."""

    groups: tuple[str, ...] = ()
    """Names of shared groups; their predictors follow in order."""

    optional: tuple[str, ...] = ()
    """Names of shared groups from which training chooses, for each flux and among the train sites
    of each fold: a group that helps one flux on unseen towers can harm another."""

    alternatives: tuple[str, ...] = ()
    """Names of other sets of which training takes one, for each flux and among the train sites of
    each fold: the one with the least error on held-out sites. Of a set with ``optional`` groups all
    are used. A set of alternatives lists no predictors or groups of its own."""


@dataclass(frozen=True)
class Member:
    """One member of the ensemble, such as ``MODIS-NIRv-ERA5.GPP.DF21``.

    Attributes:
        predictor_set: Name of the predictor set.
        flux: Target: GPP, RECO, NEE, H or LE.
        model: Name of the model in the registry.
        predictors: Predictor columns in the model's order.
        optional: Groups of ``predictors`` from which training chooses: name and predictors of each.
        alternatives: Predictor sets of which training takes one: name and predictors of each;
            ``predictors`` are then those of all of them.
    """

    predictor_set: str
    flux: str
    model: str
    predictors: tuple[str, ...]
    optional: tuple[tuple[str, tuple[str, ...]], ...] = ()
    alternatives: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def name(self) -> str:
        """Name of the member: ``<predictor set>.<flux>.<model>``."""
        return f"{self.predictor_set}.{self.flux}.{self.model}"

    @property
    def namespace(self) -> str:
        """Kedro namespace of the member: ``<flux>.<predictor set>``."""
        return f"{self.flux}.{self.predictor_set}"


class EnsembleParameters(Parameters):
    """The parameter block ``ensemble``: the members."""

    model: str = "DF21"
    """Model of every member."""

    fluxes: tuple[str, ...] = FLUXES
    """Fluxes to predict."""

    groups: dict[str, tuple[str, ...]] = {}
    """Lists of predictors that several sets share, by name."""

    predictor_sets: tuple[PredictorSet, ...]
    """The predictor sets."""

    select: str = "*"
    """Glob patterns of members' names, separated by spaces; ``*`` keeps all, and a pattern that
    begins with ``!`` leaves out the members that it matches."""

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
                raise ValueError(f"predictor set {name!r} appears twice")
        for predictor_set in self.predictor_sets:
            if predictor_set.alternatives:
                self._require_alternatives(predictor_set)
            twice = set(predictor_set.groups) & set(predictor_set.optional)
            if twice:
                raise ValueError(
                    f"predictor set {predictor_set.name!r}: {', '.join(sorted(twice))} "
                    "cannot be in both groups and optional"
                )
            for predictor in self.predictors(predictor_set):
                stem, _, ending = predictor.rpartition("_")
                if predictor in FLUXES or (stem in FLUXES and ending in HISTORY):
                    raise ValueError(
                        f"predictor set {predictor_set.name!r}: {predictor} is measured only at "
                        "towers; expected a predictor that is known everywhere"
                    )
                try:
                    variable_of(predictor)
                except ConfigurationError as error:
                    raise ValueError(f"predictor set {predictor_set.name!r}: {error}") from error
        return self

    def _require_alternatives(self, predictor_set: PredictorSet) -> None:
        where = f"predictor set {predictor_set.name!r}"
        if predictor_set.predictors or predictor_set.groups or predictor_set.optional:
            raise ValueError(
                f"{where}: expected either alternatives, or predictors and groups; found both"
            )
        single = [s.name for s in self.predictor_sets if not s.alternatives]
        for name in predictor_set.alternatives:
            if name not in single:
                raise ValueError(
                    f"{where}: {name!r} is no alternative; "
                    f"expected some of {', '.join(single) or 'the sets with predictors'}"
                )
        if len(set(predictor_set.alternatives)) < max(2, len(predictor_set.alternatives)):
            raise ValueError(f"{where}: expected two or more different alternatives")

    def _alternatives(self, predictor_set: PredictorSet) -> tuple[tuple[str, tuple[str, ...]], ...]:
        by_name = {s.name: s for s in self.predictor_sets}
        return tuple((name, self.predictors(by_name[name])) for name in predictor_set.alternatives)

    def predictors(self, predictor_set: PredictorSet) -> tuple[str, ...]:
        """Return all predictors of a set, those of its groups or alternatives included, each once."""
        listed = [
            *predictor_set.predictors,
            *(name for _, names in self._alternatives(predictor_set) for name in names),
        ]
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
            self._alternatives(predictor_set),
        )

    def members(self) -> tuple[Member, ...]:
        """Return the members that ``select`` keeps, ordered by flux.

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
