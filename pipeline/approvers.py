"""Who may answer for figures, money and the registry: the log-ins that ``approvers`` of ``utility.toml`` names."""

from collections.abc import Sequence

from pipeline.errors import OperatorError


def require_approver(name: str, *, approvers: Sequence[str]) -> None:
    """Refuse whoever is no approver.

    Raises:
        OperatorError: ``NOT_AN_APPROVER``.
    """
    if name not in approvers:
        raise OperatorError("NOT_AN_APPROVER", f"{name} is not among the approvers: {', '.join(approvers)}")
