"""Base class of the parameter models, which check settings before any node runs.

Each block of ``conf/*/parameters*.yml`` has its model in the ``parameters.py`` of the package that
it configures. An unknown key is an error, so that a misspelt setting is not ignored.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Parameters(BaseModel):
    """Base class of the parameter models: immutable, without unknown keys.

    The docstring below a field is its description in the JSON schema and in the documentation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
