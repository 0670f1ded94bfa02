"""What a person writes down beside a decision."""

from pipeline.errors import OperatorError


def note_words(note: str, *, missing: str = "NOTE_MISSING", unreadable: str = "NOTE_UNREADABLE") -> str:
    """The note on one line; ``missing`` and ``unreadable`` are the codes of its refusals.

    Raises:
        OperatorError: one of the two codes.
    """
    words = " ".join(note.replace("\0", " ").split())
    if not words:
        raise OperatorError(missing, "say why; it is kept with the decision")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise OperatorError(unreadable, "what was written is no UTF-8 text") from None
    return words
