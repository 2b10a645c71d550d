"""The service's own error codes, with the HTTP status of each.

Source: "Error codes" of the Tablestore documentation [D]; messages in our words where they name
more than the page does.
"""

from __future__ import annotations

from localcloud.core.errors import CloudError


def invalid(message: str) -> CloudError:
    """A parameter breaks a rule."""
    return CloudError(400, "OTSParameterInvalid", message)


def invalid_key(message: str) -> CloudError:
    """A primary key is not the table's."""
    return CloudError(400, "OTSInvalidPK", message)


def auth_failed(message: str) -> CloudError:
    """The caller is unknown, signed wrongly, or names an instance that is not there."""
    return CloudError(403, "OTSAuthFailed", message)


def no_permission(message: str) -> CloudError:
    """The caller's policies do not allow it."""
    return CloudError(403, "OTSNoPermissionAccess", message)


def condition_failed() -> CloudError:
    """The row is not as the writer expected."""
    return CloudError(403, "OTSConditionCheckFail", "Condition check failed.")


def row_too_large(size: int, limit: int) -> CloudError:
    """The columns of one row are too much together."""
    return CloudError(
        400,
        "OTSOutOfRowSizeLimit",
        f"The total data size of columns in one row exceeded the limit: {size} > {limit} bytes.",
    )


def quota(message: str) -> CloudError:
    """No more of these."""
    return CloudError(403, "OTSQuotaExhausted", message)


def table_missing(name: str) -> CloudError:
    """There is no such table."""
    return CloudError(404, "OTSObjectNotExist", f"Requested table does not exist: {name}.")


def already_exists(what: str) -> CloudError:
    """The name is taken."""
    return CloudError(409, "OTSObjectAlreadyExist", f"Requested {what} already exists.")


def unsupported(what: str) -> CloudError:
    """The real service has it and this one does not: loud, with its name."""
    return CloudError(
        501, "OTSUnsupportOperation", f"the local cloud's tablestore does not have: {what}"
    )
