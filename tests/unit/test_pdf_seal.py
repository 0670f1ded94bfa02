"""The seal: a signature that pdfsig finds valid over the whole document, the same each time, and gone with one byte."""

import subprocess
from datetime import datetime
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from pdf_linter import findings
from pdf_reading import whole_text
from pdf_samples import many_lines, sample_invoice
from test_pdf_conformance import needed

from pdf.invoice import render_invoice
from pdf.look import PLAIN
from pdf.seal import Seal, read_seal
from pipeline.errors import OperatorError
from pipeline.look import seal_of, version_of
from pipeline.settings import read_settings

KEYS = {"rsa": lambda: rsa.generate_private_key(65537, 2048), "ec": lambda: ec.generate_private_key(ec.SECP256R1())}


def certified(key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Wodociągi Zdrojowe")])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(0x8123456789ABCDEF)
    dated = made.not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2036, 1, 1))
    return dated.public_key(key.public_key()).sign(key, hashes.SHA256())


@pytest.fixture(scope="module", params=sorted(KEYS))
def seal(request) -> Seal:
    key = KEYS[request.param]()
    return Seal(key, certified(key))


def pem(key, certificate: x509.Certificate) -> bytes:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private + certificate.public_bytes(Encoding.PEM)


def told(content: bytes, tmp_path: Path) -> str:
    file = tmp_path / "sealed.pdf"
    file.write_bytes(content)
    return subprocess.run([needed("pdfsig"), file], check=False, capture_output=True, text=True).stdout


@pytest.mark.parametrize("lines", [None, many_lines(30)], ids=["one page", "pages"])
def test_pdfsig_finds_the_seal_valid_and_over_the_whole_document(seal, lines, tmp_path) -> None:
    content = render_invoice(sample_invoice(lines=lines), seal=seal).content
    said = told(content, tmp_path)

    assert "Signature is Valid." in said
    assert "Total document signed" in said
    assert "Signature Type: ETSI.CAdES.detached" in said
    assert "Signing Time: Nov 03 2026" in said


def test_one_changed_byte_breaks_the_seal(seal, tmp_path) -> None:
    content = render_invoice(sample_invoice(), seal=seal).content
    place = content.index(b"/Title<FEFF") + 20

    said = told(content[:place] + b"7" + content[place + 1 :], tmp_path)

    assert "Signature is Valid." not in said
    assert "Digest Mismatch" in said


def test_a_sealed_document_is_the_same_again_and_nothing_else_is_wrong_with_it(seal) -> None:
    document = render_invoice(sample_invoice(), seal=seal)

    assert render_invoice(sample_invoice(), seal=seal) == document
    assert findings(document.content) == []
    assert whole_text(document.content) == whole_text(render_invoice(sample_invoice()).content)
    with pikepdf.open(BytesIO(document.content)) as pdf:
        assert pdf.Root.AcroForm.SigFlags == 3


def test_the_key_comes_from_the_environment(tmp_path) -> None:
    key = KEYS["ec"]()
    file = tmp_path / "seal.pem"
    file.write_bytes(pem(key, certified(key)))
    settings = read_settings({"OBIEG_SEAL": str(file)})
    seal = seal_of(settings)

    assert seal is not None
    assert seal == read_seal(file)
    assert version_of(PLAIN, seal).startswith(f"{version_of(PLAIN)}+seal-")
    assert seal_of(read_settings({})) is None


@pytest.mark.parametrize("content", [b"", b"no key", "other certificate"], ids=["empty", "no key", "of another"])
def test_a_key_that_cannot_sign_is_refused_in_one_line(content, tmp_path) -> None:
    file = tmp_path / "seal.pem"
    file.write_bytes(pem(KEYS["ec"](), certified(KEYS["ec"]())) if isinstance(content, str) else content)

    with pytest.raises(OperatorError, match="OBIEG_SEAL") as refused:
        seal_of(read_settings({"OBIEG_SEAL": str(file)}))

    assert "\n" not in str(refused.value)
