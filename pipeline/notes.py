"""What a person writes beside a decision."""

from pipeline.errors import OperatorError


def note_words(note: str) -> str:
    """A note as one line of text.

    Raises:
        OperatorError: ``NOTE_MISSING`` or ``NOTE_UNREADABLE``.
    """
    words = " ".join(note.replace("\0", " ").split())
    if not words:
        raise OperatorError("NOTE_MISSING", "say in the note why; it is kept with the decision")
    try:
        words.encode()
    except UnicodeEncodeError:
        raise OperatorError("NOTE_UNREADABLE", "the note is no UTF-8 text") from None
    return words
