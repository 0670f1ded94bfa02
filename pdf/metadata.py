"""What a document says of itself: title, author, dates, and that it means to be PDF/A-3b and PDF/UA-1."""

from dataclasses import dataclass
from datetime import date
from xml.sax.saxutils import escape

from pdf.typeface import clean

CREATOR = "Obieg"

# PDF/A knows no pdfuaid, so the packet has to describe it (ISO 19005-3, 6.6.2.3)
_PACKET = """<?xpacket begin="\N{ZERO WIDTH NO-BREAK SPACE}" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/">
<pdfaid:part>3</pdfaid:part>
<pdfaid:conformance>B</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
<dc:format>application/pdf</dc:format>
<dc:language><rdf:Bag><rdf:li>pl-PL</rdf:li></rdf:Bag></dc:language>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{title}</rdf:li></rdf:Alt></dc:title>
<dc:creator><rdf:Seq><rdf:li>{author}</rdf:li></rdf:Seq></dc:creator>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{subject}</rdf:li></rdf:Alt></dc:description>
<xmp:CreatorTool>{creator}</xmp:CreatorTool>
<xmp:CreateDate>{day}T00:00:00Z</xmp:CreateDate>
<xmp:ModifyDate>{day}T00:00:00Z</xmp:ModifyDate>
<pdf:Producer>{creator}</pdf:Producer>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """``issued`` is the day that the file's dates bear, so that they do not follow the clock."""

    title: str
    author: str
    subject: str
    issued: date

    def packet(self) -> bytes:
        """The XMP packet."""
        return _PACKET.format(
            title=escape(clean(self.title)),
            author=escape(clean(self.author)),
            subject=escape(clean(self.subject)),
            creator=CREATOR,
            day=self.issued.isoformat(),
        ).encode()

    def dictionary(self) -> str:
        """The information dictionary, which says the same."""
        day = self.moment()
        return (
            f"<</Title{text_string(clean(self.title))}/Author{text_string(clean(self.author))}"
            f"/Subject{text_string(clean(self.subject))}/Creator({CREATOR})/Producer({CREATOR})"
            f"/CreationDate{day}/ModDate{day}>>"
        )

    def moment(self) -> str:
        """Midnight of the day, as PDF writes it."""
        return f"(D:{self.issued:%Y%m%d}000000Z)"


def text_string(text: str) -> str:
    """``text`` as a PDF string in UTF-16, in hexadecimal digits."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"
