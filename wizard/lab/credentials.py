"""What the lab hands to its operator: a key, secrets, and a certificate by a CA of its own."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from harbor_wizard.files import write_atomically
from harbor_wizard.lab.command import run
from harbor_wizard.lab.layout import PUBLIC_NAME, VIRTUAL_ADDRESS
from harbor_wizard.secrets import draw

_SECRETS = ("database_password", "database_admin_password", "redis_password", "sudo_password",
            "passphrase")  # fmt: skip


def make(root: Path) -> dict[str, str]:
    """Make what is not there yet; return the secrets."""
    key = root / "id_ed25519"
    if not key.exists():
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "harbor-wizard-lab",
             "-f", str(key)])  # fmt: skip
    kept = root / "secrets.yaml"
    loaded: dict[str, str] = {}
    if kept.exists():
        loaded = yaml.safe_load(kept.read_text(encoding="utf-8"))
    drawn = {name: secrets.token_hex(12) for name in _SECRETS if name not in loaded}
    drawn.update(draw(["harbor_admin_password"], loaded))
    if drawn:
        loaded.update(drawn)
        write_atomically(kept, yaml.safe_dump(loaded), mode=0o600)
    if not (root / "tls/registry.crt").exists():
        _certificates(root / "tls")
    return loaded


def _certificates(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "harbor-wizard lab CA")])
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, PUBLIC_NAME)])
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(
            x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName(PUBLIC_NAME), x509.IPAddress(ipaddress.ip_address(VIRTUAL_ADDRESS))]
    )
    certificate = (
        _builder(name, ca_name, key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    write_atomically(folder / "ca.crt", ca.public_bytes(pem), mode=0o644)
    write_atomically(folder / "registry.key", private, mode=0o600)
    write_atomically(folder / "registry.crt", certificate.public_bytes(pem), mode=0o644)


def _usage(*, sign: bool) -> x509.KeyUsage:
    """Return what a key may be used for: to sign certificates, or to serve."""
    return x509.KeyUsage(
        digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365))
    )  # fmt: skip
