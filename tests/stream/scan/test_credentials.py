"""Content credentials: a file that is signed here, as it was signed and changed after."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("c2pa")

import c2pa
import cv2
from media import portrait
from truefeed.stream.scan.credentials import credentials

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
_GENERATED = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"


def openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a picture that says of itself that a model made it, signed by a certificate of our own."""
    folder = tmp_path_factory.mktemp("signed")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    ca = ("-addext", "keyUsage=critical,keyCertSign", "-subj", "/O=Test/CN=Test CA")
    openssl(folder, "req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "9", *ca)
    openssl(folder, "req", *curve, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/O=Test Maker/CN=Test Camera")
    (folder / "ext").write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=critical,emailProtection\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
    )
    by = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "ext")
    openssl(folder, "x509", "-req", "-in", "leaf.csr", *by, "-days", "9", "-out", "leaf.pem")
    cv2.imwrite(str(folder / "plain.jpg"), portrait())
    chain = (folder / "leaf.pem").read_bytes() + (folder / "ca.pem").read_bytes()
    key = (folder / "leaf.key").read_bytes()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(c2pa.C2paSigningAlg.ES256, chain, key, None))
    actions = {"actions": [{"action": "c2pa.created", "digitalSourceType": _GENERATED}]}
    claim = {
        "claim_generator_info": [{"name": "test camera", "version": "1"}],
        "assertions": [{"label": "c2pa.actions", "data": actions}],
    }
    with (folder / "plain.jpg").open("rb") as source, (folder / "signed.jpg").open("w+b") as target:
        c2pa.Builder(claim).sign(signer, "image/jpeg", source, target)
    return folder / "signed.jpg"


def test_a_signed_file_tells_who_signed_what(signed: Path) -> None:
    told = credentials(signed)
    assert told is not None
    assert (told["state"], told["signer"], told["generator"]) == ("valid", "Test Camera", "test camera")
    assert (told["generated"], told["actions"]) == (True, ["c2pa.created"])


def test_a_file_that_was_changed_after_is_told(signed: Path, tmp_path: Path) -> None:
    data = bytearray(signed.read_bytes())
    data[-2000] ^= 1
    (tmp_path / "changed.jpg").write_bytes(data)
    told = credentials(tmp_path / "changed.jpg")
    assert told is not None
    assert told["state"] == "invalid"


def test_no_credentials_are_no_finding(signed: Path) -> None:
    assert credentials(signed.with_name("plain.jpg")) == {"state": "absent"}
    assert credentials(Path(__file__)) == {"state": "absent"}
