"""A seal on a document: a signature by PAdES baseline B-B (ETSI EN 319 142-1), over every byte but its own.

The signature is CMS (RFC 5652) with the certificate and its hash among what is signed (RFC 5035). RSA by PKCS #1 v1.5
and ECDSA by RFC 6979 draw no random number, so a sealed document is made again byte by byte with the same key.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from pdf.objects import Number, dictionary_object

ROOM = 8192
"""Hexadecimal digits kept free for a signature with its certificate."""

_SHA256 = bytes.fromhex("0609608648016503040201")
_DATA = bytes.fromhex("06092a864886f70d010701")
_SIGNED_DATA = bytes.fromhex("06092a864886f70d010702")
_CONTENT_TYPE = bytes.fromhex("06092a864886f70d010903")
_MESSAGE_DIGEST = bytes.fromhex("06092a864886f70d010904")
_SIGNING_CERTIFICATE_V2 = bytes.fromhex("060b2a864886f70d010910022f")
_RSA = bytes.fromhex("06092a864886f70d0101010500")
_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")
_SEQUENCE, _SET, _OCTETS = 0x30, 0x31, 0x04
_RANGE = "/ByteRange[0000000000 0000000000 0000000000 0000000000]"


@dataclass(frozen=True, slots=True)
class Seal:
    """A private key and the certificate of its public half."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def version(self) -> str:
        """What a template version gains by this seal."""
        return f"+seal-{self.certificate.fingerprint(hashes.SHA256()).hex()[:8]}"

    def signature(self, content: bytes) -> bytes:
        """The CMS that signs ``content``, in DER."""
        certificate = self.certificate.public_bytes(Encoding.DER)
        attributes = self._attributes(content, certificate)
        to_sign = _der(_SET, attributes)
        if isinstance(self.key, rsa.RSAPrivateKey):
            algorithm, signed = _RSA, self.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
        else:
            algorithm = _ECDSA_SHA256
            signed = self.key.sign(to_sign, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))
        number = self.certificate.serial_number
        serial = _der(0x02, number.to_bytes(number.bit_length() // 8 + 1))
        signer = _sequence(
            bytes.fromhex("020101"),
            _sequence(self.certificate.issuer.public_bytes(), serial),
            _sequence(_SHA256),
            _der(0xA0, attributes),
            _sequence(algorithm),
            _der(_OCTETS, signed),
        )
        data = _sequence(
            bytes.fromhex("020101"),
            _der(_SET, [_sequence(_SHA256)]),
            _sequence(_DATA),
            _der(0xA0, [certificate]),
            _der(_SET, [signer]),
        )
        return _sequence(_SIGNED_DATA, _der(0xA0, [data]))

    def _attributes(self, content: bytes, certificate: bytes) -> list[bytes]:
        """What is signed about the content, in the order that DER wants of a set."""
        named = _sequence(_sequence(_sequence(_der(_OCTETS, hashlib.sha256(certificate).digest()))))
        return sorted(
            [
                _sequence(_CONTENT_TYPE, _der(_SET, [_DATA])),
                _sequence(_MESSAGE_DIGEST, _der(_SET, [_der(_OCTETS, hashlib.sha256(content).digest())])),
                _sequence(_SIGNING_CERTIFICATE_V2, _der(_SET, [named])),
            ]
        )


@lru_cache(maxsize=4)
def read_seal(path: Path) -> Seal:
    """The key and the certificate in a PEM file.

    Raises:
        ValueError: it holds no unencrypted RSA or EC key with its own certificate.
        OSError: it cannot be read.
    """
    content = path.read_bytes()
    key = load_pem_private_key(content, password=None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise ValueError("the key of the seal is neither RSA nor EC")  # noqa: TRY004 - it is data, not a wrong call
    certificate = x509.load_pem_x509_certificate(content)
    if certificate.public_key() != key.public_key():
        raise ValueError("the certificate of the seal is not that of its key")
    return Seal(key, certificate)


def seal_objects(*, moment: str, reason: str, pages: int) -> dict[int, bytes]:
    """The field that holds the signature, seen by nobody, and the signature with its room still empty.

    The parent tree knows the field by the number after those of the ``pages``.
    """
    field = (
        f"<</Type/Annot/Subtype/Widget/FT/Sig/T(Pieczec)/Rect[0 0 0 0]/F 132/TU{reason}/Contents{reason}"
        f"/V {Number.SEAL:d} 0 R/StructParent {pages}"
        f"/P {Number.FIRST_PAGE:d} 0 R>>"
    )
    value = (
        f"<</Type/Sig/Filter/Adobe.PPKLite/SubFilter/ETSI.CAdES.detached/M{moment}/Reason{reason}{_RANGE}"
        f"/Contents<{'0' * ROOM}>>>"
    )
    return {
        Number.SEAL_FIELD: dictionary_object(Number.SEAL_FIELD, field),
        Number.SEAL: dictionary_object(Number.SEAL, value),
    }


def sealed(content: bytes, seal: Seal) -> bytes:
    """The finished file with its signature in the room for it.

    Raises:
        ValueError: the signature with its certificate needs more room.
    """
    start = content.index(b"/Contents<0000") + len("/Contents")
    end = start + ROOM + 2
    told = f"/ByteRange[0 {start} {end} {len(content) - end}]".ljust(len(_RANGE))
    content = content.replace(_RANGE.encode("ascii"), told.encode("ascii"), 1)
    signature = seal.signature(content[:start] + content[end:]).hex()
    if len(signature) > ROOM:
        raise ValueError("the certificate of the seal is too long for its room")
    return content[: start + 1] + signature.ljust(ROOM, "0").encode("ascii") + content[end - 1 :]


def _der(tag: int, content: bytes | Iterable[bytes]) -> bytes:
    body = content if isinstance(content, bytes) else b"".join(content)
    length = len(body)
    if length < 0x80:  # noqa: PLR2004 - the short form of a length
        return bytes([tag, length]) + body
    size = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(size)]) + size + body


def _sequence(*parts: bytes) -> bytes:
    return _der(_SEQUENCE, parts)
