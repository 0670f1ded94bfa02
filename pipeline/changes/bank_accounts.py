"""The bank account that an account may pay to, by the rules of the registry's own files."""

from pipeline.changes.applying import Applying
from pipeline.errors import OperatorError
from pipeline.utility_files import load_folder
from sql import registry


def payable_to(at: Applying, *, account_no: str, bank_account: str | None) -> str:
    """The wished bank account, or for want of one the utility's own.

    Raises:
        OperatorError: ``R118``, there is none, or each account has one of its own and another account has this one.
    """
    utility = load_folder(at.work.settings.utility, seller_needed=False).utility
    chosen = bank_account or (None if utility.individual_accounts else utility.bank_account)
    if chosen is None:
        raise OperatorError("R118", f"account {account_no} needs a bank account to pay to")
    if utility.individual_accounts:
        held = registry.find(at.connection, "bank_accounts", keys=[chosen])
        others = [row.account_no for row in held if row.account_no != account_no]
        if others:
            raise OperatorError("R118", f"account {others[0]} pays to this bank account")
    return chosen
