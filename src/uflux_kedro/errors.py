"""Errors that name the file, the variable, what was expected and what was found."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

_SECRETS = (
    (re.compile(r"(?<=://)[^/@\s]+(?=@)"), "..."),  # user:password@host
    (re.compile(r"(?i)(?<=bearer )[\w.~+/=-]+"), "..."),
    (
        re.compile(
            r"(?i)([?&][\w.-]*(?:token|key|secret|signature|credential|passw|sig|auth)[\w.-]*=)"
            r"[^&#\s'\")\]]+"
        ),
        r"\1...",
    ),
)
"""Secrets as they occur in addresses and in what services answer."""


def without_secrets(text: str) -> str:
    """Return a text for logs and messages, in which addresses show no passwords or tokens."""
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    return text


class UfluxError(Exception):
    """Base class of the errors that this package raises; their messages show no secrets."""

    def __init__(self, message: str = "") -> None:
        super().__init__(without_secrets(message))


class InputError(UfluxError, ValueError):
    """Invalid input: a file, table or cube that is not as expected.

    Args:
        where: File, table or cube with the error.
        variable: Variable or column with the error; None if it is none in particular.
        expected: What was expected.
        found: What was found instead.
        hint: What to do about it, if known.
    """

    def __init__(
        self,
        where: str | Path,
        variable: str | None,
        *,
        expected: str,
        found: str,
        hint: str | None = None,
    ) -> None:
        self.where = without_secrets(str(where))
        self.variable = variable
        self.expected = without_secrets(expected)
        self.found = without_secrets(found)
        self.hint = hint
        subject = f"{self.where}: {variable}" if variable else self.where
        message = f"{subject}: expected {self.expected}; found {self.found}"
        super().__init__(f"{message}. {hint}" if hint else message)

    def __reduce__(self):
        # Pickling, as from a worker process, would lose the keyword-only arguments.
        return (
            _rebuild_input_error,
            (self.where, self.variable, self.expected, self.found, self.hint),
        )


def _rebuild_input_error(where, variable, expected, found, hint):
    return InputError(where, variable, expected=expected, found=found, hint=hint)


class ConfigurationError(UfluxError, ValueError):
    """Invalid setting, found before anything is computed."""


class MissingExtraError(UfluxError, ImportError):
    """An optional package that is not installed; names the extra that brings it."""


def require_columns(
    table: pd.DataFrame, columns: Iterable[str], where: str, hint: str = ""
) -> None:
    """Refuse a table in which a column is missing.

    Args:
        table: Any table.
        columns: Required columns.
        where: Name of the table, for messages.
        hint: What to do if one is missing.

    Raises:
        InputError: Names the missing columns and those of the table.
    """
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise InputError(
            where,
            ", ".join(absent),
            expected="a column of that name",
            found=f"the columns {', '.join(map(str, table.columns))}",
            hint=hint,
        )
