"""Publications signed by ``openssl cms``, in every form that we take, and in some that we do not."""

import io
import subprocess

import pytest

import documents as d
from cx import publication
from cx.errors import CxError, NotSupportedError, SignatureError
from cx.x509 import from_pem

CONTENT = d.content([d.notification(5, 1, bytes(range(48)))])
KEYS = {
    "rsa2048": ("-newkey", "rsa:2048"),
    "rsa3072": ("-newkey", "rsa:3072"),
    "rsa4096": ("-newkey", "rsa:4096"),
    "p256": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
    "p384": ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"),
}


def openssl(*arguments) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a key and a certificate of each kind, and the content."""
    path = tmp_path_factory.mktemp("openssl")
    for name, options in KEYS.items():
        files = ("-keyout", path / f"{name}.key", "-out", path / f"{name}.pem")
        openssl("req", "-x509", *options, "-nodes", "-subj", f"/O=CX/CN={name}", "-days", "1", *files)
    (path / "content").write_bytes(CONTENT)
    return path


def sign(folder, signers, *options) -> bytes:
    """Return what openssl makes of the content, signed by each of ``signers``."""
    arguments = [folder / "content", "-binary", "-nodetach", "-outform", "DER", "-out", folder / "signed"]
    for name in signers:
        arguments += ["-signer", folder / f"{name}.pem", "-inkey", folder / f"{name}.key"]
    openssl("cms", "-sign", "-econtent_type", "1.3.6.1.4.1.10019.3.1", *options, "-in", *arguments)
    return (folder / "signed").read_bytes()


def verify(folder, document: bytes, name: str) -> publication.Publication:
    certificate = from_pem((folder / f"{name}.pem").read_text())
    return publication.verify(io.BytesIO(document), certificate)


@pytest.mark.parametrize("name", ["rsa2048", "rsa3072", "rsa4096", "p256"])
@pytest.mark.parametrize(
    "options",
    [(), ("-keyid",), ("-nocerts",), ("-nosmimecap",)],
    ids=lambda options: "".join(options) or "plain",
)
def test_every_form_that_we_take(folder, name, options):
    document = sign(folder, [name], "-md", "sha256", *options)
    assert verify(folder, document, name).seeds == 2
    with pytest.raises(SignatureError):
        verify(folder, document, "p256" if name != "p256" else "rsa2048")


def test_several_signers(folder):
    document = sign(folder, ["p384", "rsa2048", "rsa4096", "p256"], "-md", "sha256")
    for name in ("rsa2048", "p256"):
        assert verify(folder, document, name).seeds == 2
    with pytest.raises(SignatureError):
        verify(folder, document, "rsa3072")


@pytest.mark.parametrize(
    ("name", "options", "text"),
    [
        ("p256", ("-md", "sha384"), "2.16.840.1.101.3.4.2.2"),
        ("rsa2048", ("-md", "sha512"), "2.16.840.1.101.3.4.2.3"),
        ("rsa2048", ("-md", "sha1"), "1.3.14.3.2.26"),
        ("p384", ("-md", "sha256"), "1.3.132.0.34"),
    ],
)
def test_what_is_not_supported_is_named(folder, name, options, text):
    with pytest.raises(NotSupportedError, match=text):
        verify(folder, sign(folder, [name], *options), name)


def test_rsa_pss_is_named(folder):
    # -keyopt belongs to the -signer before it
    arguments = ["-binary", "-nodetach", "-outform", "DER", "-out", folder / "signed", "-md", "sha256"]
    signer = ["-signer", folder / "rsa2048.pem", "-inkey", folder / "rsa2048.key"]
    content = ["-econtent_type", "1.3.6.1.4.1.10019.3.1", "-in", folder / "content"]
    openssl("cms", "-sign", *content, *arguments, *signer, "-keyopt", "rsa_padding_mode:pss")
    with pytest.raises(NotSupportedError, match=r"1\.2\.840\.113549\.1\.1\.10"):
        verify(folder, (folder / "signed").read_bytes(), "rsa2048")


def test_forms_that_are_no_der_or_not_ours(folder):
    for options in (("-stream",), ("-noattr", "-md", "sha256")):
        with pytest.raises(CxError):
            verify(folder, sign(folder, ["p256"], *options), "p256")
    detached = ["-binary", "-outform", "DER", "-out", folder / "signed"]
    signer = ["-signer", folder / "p256.pem", "-inkey", folder / "p256.key"]
    openssl("cms", "-sign", "-in", folder / "content", *detached, *signer)
    with pytest.raises(CxError):
        verify(folder, (folder / "signed").read_bytes(), "p256")
