"""Every code of a reading file, of its profile or of a row, with what it means; ``docs/import.md`` holds the same."""

from typing import Final

FILE_CODES: Final = {
    "FILE_UNREADABLE": "the file is empty or not UTF-8 text",
    "FILE_HEADER": "a column is missing, unknown or stands twice",
    "FILE_HASH": "the .sha256 file beside it names another content",
    "FILE_REJECTS": "too many of its rows were rejected; nothing of it was taken",
}
ROW_ERRORS: Final = {
    "E100": "the row has another number of fields than the header",
    "E101": "the service point is unknown, or neither a point nor a meter is named",
    "E102": "that meter was never at that point, or the point has no single meter on that day (an exchange?)",
    "E103": "the meter is unknown",
    "E104": "the meter has no such register",
    "E105": "the time cannot be read, or was skipped by the clock change",
    "E106": "the time lies more than ten minutes in the future",
    "E107": "the time lies before the meter's installation or after its removal",
    "E108": "the index is not a number of m³ with at most three decimal places",
    "E109": "the index has more digits than the meter has dials",
    "E110": "the unit is neither m3 nor l",
    "E111": "the source is unknown",
    "E112": "the quality or the reason is unknown, or a meter was not read without a reason",
    "E113": "the external id is too long, or came before with other values",
}
ROW_WARNINGS: Final = {
    "W201": "the radio module is another one than registered",
    "W202": "the reading is older than the last billed one",
    "W203": "the hour exists twice on that night; the first, summer time, was taken",
    "W204": "the index has more decimal places than the meter; they are kept but not billed",
    "W205": "an alarm is unknown; it was left out",
}
PROFILE_CODES: Final = {
    "PROFILE_UNKNOWN": "there is no profile of that name",
    "PROFILE_WRONG": "the profile cannot be used; the line says what is wrong in it",
    "PROFILE_VOLUME": "its files hold volumes, not indexes",
    "PROFILE_AMBIGUOUS": "the file's name fits the patterns of several profiles",
    "PROFILE_NEW": "nobody has looked yet at what these bytes of the profile make of a file",
    "PROFILE_STANDARD": "the contract itself needs no approval",
}
