"""What a person says why, in words that can be kept."""

from pipeline.errors import OperatorError


def words(note: str) -> str:
    """The note with single spaces.

    Raises:
        OperatorError: ``NOTE_MISSING`` or ``NOTE_UNREADABLE``.
    """
    said = " ".join(note.replace("\0", " ").split())
    if not said:
        raise OperatorError("NOTE_MISSING", "say in the note why; it is kept with the decision")
    try:
        said.encode()
    except UnicodeEncodeError:
        raise OperatorError("NOTE_UNREADABLE", "the note is no UTF-8 text") from None
    return said
