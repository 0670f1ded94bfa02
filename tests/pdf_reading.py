"""What a reader sees in a PDF: its text by page, where the text stands, and its pictures."""

from dataclasses import dataclass

import pypdfium2
import zxingcpp

from billing.polish import NBSP


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    left: float
    bottom: float
    right: float
    top: float

    def overlaps(self, other: "Box", *, slack: float = 0.5) -> bool:
        return (
            min(self.right, other.right) - max(self.left, other.left) > slack
            and min(self.top, other.top) - max(self.bottom, other.bottom) > slack
        )


def page_texts(content: bytes) -> list[str]:
    """Extracted text, every run of white space as one space."""
    document = pypdfium2.PdfDocument(content)
    return [
        " ".join(page.get_textpage().get_text_bounded().replace(NBSP, " ").split())
        for page in (document[number] for number in range(len(document)))
    ]


def whole_text(content: bytes) -> str:
    return " ".join(page_texts(content))


def text_boxes(content: bytes, *, page: int = 0) -> list[Box]:
    text = pypdfium2.PdfDocument(content)[page].get_textpage()
    boxes = []
    for number in range(text.count_rects()):
        left, bottom, right, top = text.get_rect(number)
        boxes.append(Box(left=left, bottom=bottom, right=right, top=top))
    return boxes


def codes(content: bytes, *, dpi: int = 150, page: int = 0) -> list[str]:
    """The texts of the QR symbols that a scanner finds on a page."""
    bitmap = pypdfium2.PdfDocument(content)[page].render(scale=dpi / 72, grayscale=True)
    grey = memoryview(bytes(bitmap.buffer)).cast("B", (bitmap.height, bitmap.stride))
    return [found.text for found in zxingcpp.read_barcodes(grey)]
