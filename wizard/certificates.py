"""Certificates: the operator's, looked at before a run; the wizard's own, drawn and renewed.

Components ask for the holes here, and so do not care where a certificate comes from: from files
of the operator's (`tls.issuer: operator`), or from the session's store, where a private CA made by
the wizard signs them (`tls.issuer: wizard`).
"""

from __future__ import annotations

import datetime
import ipaddress
import secrets as random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from harbor_wizard.files import at
from harbor_wizard.language import tr, trn
from harbor_wizard.model.cluster import Cluster, TlsMode
from harbor_wizard.secrets import (
    CA_CERTIFICATE,
    CA_KEY,
    TLS_CERTIFICATE,
    TLS_KEY,
    file_hole,
    secret,
)
from harbor_wizard.text import Hole

if TYPE_CHECKING:  # slow to import, and a plan needs none of it
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

# A certificate that ends sooner is told of, or drawn anew where it is ours.
LEAST_DAYS = 30

# Apple's systems trust no server certificate that is good for longer, whoever signed it.
_SERVER_DAYS = 825
_CA_DAYS = 3650

# What clients take for forged, since it can be.
_BROKEN = ("md5", "sha1")


class Severity(StrEnum):
    """Whether a run can go on with it."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """What is wrong with a certificate: one sentence, with what, where, why and what now."""

    severity: Severity
    sentence: str


@dataclass(frozen=True)
class Places:
    """Where the three come from, as the sentences call them."""

    certificate: str = "tls.certificate"
    key: str = "tls.key"
    ca: str = "tls.ca"


def error(sentence: str) -> Finding:
    """Return a finding that no run can go on with."""
    return Finding(Severity.ERROR, sentence)


def warning(sentence: str) -> Finding:
    """Return a finding that is told, and no more."""
    return Finding(Severity.WARNING, sentence)


# Where they come from.


def hole_certificate(cluster: Cluster) -> Hole:
    """Return the hole for the server's certificate with its chain."""
    if cluster.tls.issuer == "wizard":
        # The names are shown, so that a step's fingerprint changes with them.
        names = ", ".join(cluster.names())
        return Hole(TLS_CERTIFICATE, shown=f"‹a certificate for {names} by the wizard's CA›\n")
    return file_hole(TLS_CERTIFICATE, str(cluster.tls.certificate))


def hole_key(cluster: Cluster) -> Hole:  # noqa: ARG001 - one question, wherever it comes from
    """Return the hole for that certificate's private key."""
    return secret(TLS_KEY)


def hole_ca(cluster: Cluster) -> Hole | None:
    """Return the hole for the certificate of the CA; None where clients need none."""
    if cluster.tls.mode is TlsMode.NONE:
        return None
    if cluster.tls.issuer == "wizard":
        return Hole(CA_CERTIFICATE, shown=f"‹the certificate of {cluster.name}'s own CA›\n")
    return file_hole(CA_CERTIFICATE, cluster.tls.ca) if cluster.tls.ca is not None else None


def problems(
    cluster: Cluster, folder: Path, now: datetime.datetime | None = None
) -> list[Finding]:
    """Return what is wrong with the certificates that the operator gave.

    `folder` is where relative paths start from.
    """
    tls = cluster.tls
    if tls.mode is TlsMode.NONE or tls.issuer == "wizard":
        return []
    found: list[Finding] = []
    texts: dict[str, str] = {}
    for field, path in (("certificate", tls.certificate), ("key", tls.key), ("ca", tls.ca)):
        if path is None:
            continue
        try:
            texts[field] = at(path, folder).read_text(encoding="ascii")
        except OSError as refused:
            found.append(error(tr(
                "tls.{field} ({path}): cannot be read ({reason}); mend its path or its "
                "permissions",
                field=field, path=path, reason=refused.strerror,
            )))  # fmt: skip
        except UnicodeDecodeError:
            # As it is with DER, PKCS #12 and a byte order mark: said as any other that is no PEM.
            texts[field] = ""
    if found or not {"certificate", "key"} <= texts.keys():
        return found
    places = Places(
        f"tls.certificate ({tls.certificate})", f"tls.key ({tls.key})", f"tls.ca ({tls.ca})"
    )
    return check(
        texts["certificate"], texts["key"], texts.get("ca"), cluster.names(),
        now or datetime.datetime.now(datetime.UTC), places,
    )  # fmt: skip


def ends(cluster: Cluster, folder: Path) -> datetime.datetime | None:
    """Return when the operator's certificate ends; None where that cannot be read."""
    from cryptography import x509  # noqa: PLC0415

    if cluster.tls.certificate is None:
        return None
    try:
        chain = x509.load_pem_x509_certificates(at(cluster.tls.certificate, folder).read_bytes())
    except (OSError, ValueError):
        return None
    return chain[0].not_valid_after_utc


# Looking at the operator's.


def check(
    certificate_pem: str, key_pem: str, ca_pem: str | None, names: Sequence[str],
    now: datetime.datetime, places: Places = Places(),
) -> list[Finding]:  # fmt: skip
    """Return all that is wrong with a server's certificate, its chain, its key and its CA.

    Each cause has a sentence of its own, by rules of our own: what is told is what Docker's
    clients (Go) and OpenSSL's refuse. Where these find no error, `x509.verification` looks at the
    whole path once more: it verifies every signature and adds the rules of the public web's CAs
    that we do not repeat (path lengths, usage of keys, critical extensions that are unknown, name
    constraints, curves). Many private CAs break one of them and work nevertheless, so what it
    says is a warning.
    """
    found: list[Finding] = []
    chain = _read_certificates(certificate_pem, places.certificate, found)
    authorities = _read_certificates(ca_pem, places.ca, found) if ca_pem is not None else []
    key = _read_key(key_pem, places.key, found)
    if not chain:
        return found
    if key is not None:
        chain = _key_first(chain, key, places, found)
    leaf = chain[0]
    found += _names(leaf, names, places)
    if ca_pem is not None and not authorities:
        return found  # a chain cannot be judged by a CA that cannot be read
    path = _path(chain, authorities)
    found += _whole(chain, authorities, path, places)
    for one in path:
        place = places.certificate if one in chain else places.ca
        found += _time(one, now, place, leaf=one is leaf)
        found += _strength(one, place)
    found += [
        error(tr(
            "{place}: {title} signs another certificate but is not marked as a CA "
            "(basicConstraints), so that clients refuse it; give the certificate of the CA itself",
            place=places.certificate if one in chain else places.ca, title=_title(one),
        ))
        for one in path[1:] if not _is_ca(one)
    ]  # fmt: skip
    if len(path) > 1 and not any(one.severity is Severity.ERROR for one in found):
        found += _strict(path, names, now, places)
    return found


def _read_certificates(pem: str, place: str, found: list[Finding]) -> list[x509.Certificate]:
    from cryptography import x509  # noqa: PLC0415

    if "PRIVATE KEY-----" in pem:
        found.append(error(tr(
            "{place}: holds a private key besides the certificate, and this file is given to "
            "everyone; take the key out of it",
            place=place,
        )))  # fmt: skip
    try:
        return x509.load_pem_x509_certificates(pem.encode())
    except ValueError:
        found.append(error(tr(
            "{place}: holds no certificate that can be read, but it has to be PEM "
            "(-----BEGIN CERTIFICATE-----); write the right path, or convert it, from DER with "
            "“openssl x509 -inform der -in FILE -out FILE.crt”",
            place=place,
        )))  # fmt: skip
        return []


def _read_key(pem: str, place: str, found: list[Finding]) -> PrivateKeyTypes | None:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    try:
        return serialization.load_pem_private_key(pem.encode(), None)
    except TypeError:  # a passphrase is wanted
        found.append(error(tr(
            "{place}: is encrypted under a passphrase, but servers start with nobody there to "
            "type it; write it out in plain with “umask 077; openssl pkey -in FILE -out FILE.key” "
            "and give that",
            place=place,
        )))  # fmt: skip
    except (ValueError, UnsupportedAlgorithm):
        # The parser's message could quote the key.
        found.append(error(tr(
            "{place}: holds no private key that can be read, but it has to be PEM "
            "(-----BEGIN PRIVATE KEY-----); write the right path, or convert it, from DER with "
            "“openssl pkey -inform der -in FILE -out FILE.key”",
            place=place,
        )))  # fmt: skip
    return None


def _public(one: x509.Certificate | PrivateKeyTypes) -> bytes:
    from cryptography.hazmat.primitives.serialization import (  # noqa: PLC0415
        Encoding,
        PublicFormat,
    )

    return one.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _key_first(
    chain: list[x509.Certificate], key: PrivateKeyTypes, places: Places, found: list[Finding]
) -> list[x509.Certificate]:
    """Return the chain with the certificate first that the key belongs to."""
    wanted = _public(key)
    owner = next((i for i, one in enumerate(chain) if _public(one) == wanted), None)
    if owner is None:
        found.append(error(tr(
            "{key}: does not belong to {title} in {certificate}: its public key is another one, "
            "and no server starts with the two; give the key that the certificate was requested "
            "with",
            key=places.key, title=_title(chain[0]), certificate=places.certificate,
        )))  # fmt: skip
    elif owner > 0:
        found.append(error(tr(
            "{place}: the server's own certificate is number {number} in the file, but servers "
            "take the first one for theirs; put it first, and after each one the one that signed "
            "it",
            place=places.certificate, number=owner + 1,
        )))  # fmt: skip
        return [chain[owner], *chain[:owner], *chain[owner + 1 :]]
    return chain


def _title(one: x509.Certificate) -> str:
    name = one.subject.rfc4514_string() or tr("a certificate without a subject")
    return f"“{name}”"


def _sans(one: x509.Certificate) -> tuple[list[str], list[str]]:
    """Return the DNS names and the IP addresses that a certificate is good for."""
    from cryptography import x509  # noqa: PLC0415

    try:
        names = one.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return [], []
    dns = [name.lower() for name in names.get_values_for_type(x509.DNSName)]
    return dns, [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def covers(dns: Sequence[str], addresses: Sequence[str], name: str) -> bool:
    """Say whether a certificate's names are good for `name`.

    A wildcard stands for exactly one label, the first one (RFC 6125, 6.4.3); an address has to be
    among the addresses, a name that looks like one does not count.
    """
    try:
        return str(ipaddress.ip_address(name)) in addresses
    except ValueError:
        pass
    first, _, rest = name.lower().rstrip(".").partition(".")
    return f"{first}.{rest}".rstrip(".") in dns or (bool(rest) and f"*.{rest}" in dns)


def _names(leaf: x509.Certificate, names: Sequence[str], places: Places) -> Iterator[Finding]:
    from cryptography import x509  # noqa: PLC0415

    dns, addresses = _sans(leaf)
    lacking = [name for name in names if not covers(dns, addresses, name)]
    if not lacking:
        return
    common = [str(one.value).lower() for one in
              leaf.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]  # fmt: skip
    values = {
        "place": places.certificate,
        "lacking": ", ".join(lacking),
        "known": ", ".join([*dns, *addresses]) or tr("no name at all (subjectAltName)"),
        "names": ", ".join(names),
    }
    if any(name.lower() in common for name in lacking):
        yield error(tr(
            "{place}: is not good for {lacking}, which clients use, but for {known}; its common "
            "name, which says so, is read by no client any more; have one issued whose "
            "subjectAltName has {names}",
            **values,
        ))  # fmt: skip
    else:
        yield error(tr(
            "{place}: is not good for {lacking}, which clients use, but for {known}; have one "
            "issued whose subjectAltName has {names}",
            **values,
        ))  # fmt: skip


def _time(
    one: x509.Certificate, now: datetime.datetime, place: str, *, leaf: bool
) -> Iterator[Finding]:
    begins, ends = one.not_valid_before_utc, one.not_valid_after_utc
    values = {"place": place, "title": _title(one), "day": f"{ends:%Y-%m-%d}"}
    days = (ends - now).days
    if now < begins:
        yield error(tr(
            "{place}: {title} is not valid before {begins} UTC, and here it is {now}; wait, or "
            "set this machine's clock",
            place=place, title=_title(one), begins=f"{begins:%Y-%m-%d %H:%M}",
            now=f"{now:%Y-%m-%d %H:%M}",
        ))  # fmt: skip
    elif now > ends and leaf:
        yield error(tr("{place}: {title} has expired on {day}; renew it", **values))
    elif now > ends:
        yield error(tr(
            "{place}: {title} has expired on {day}; get the CA's new certificate, and what it "
            "signed",
            **values,
        ))  # fmt: skip
    elif ends - now < datetime.timedelta(days=LEAST_DAYS) and leaf:
        yield warning(trn(
            "{place}: {title} expires on {day}, in {number} day; renew it soon",
            "{place}: {title} expires on {day}, in {number} days; renew it soon",
            days, **values,
        ))  # fmt: skip
    elif ends - now < datetime.timedelta(days=LEAST_DAYS):
        yield warning(trn(
            "{place}: {title} expires on {day}, in {number} day; get the CA's new certificate, "
            "and what it signed soon",
            "{place}: {title} expires on {day}, in {number} days; get the CA's new certificate, "
            "and what it signed soon",
            days, **values,
        ))  # fmt: skip


def _strength(one: x509.Certificate, place: str) -> Iterator[Finding]:
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    key = one.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < 2048:
        yield error(tr(
            "{place}: {title} has an RSA key of {bits} bits, and clients refuse less than 2048; "
            "have one issued for a new key",
            place=place, title=_title(one), bits=key.key_size,
        ))  # fmt: skip
    # What a root says of itself is verified by nobody.
    if _hash(one) in _BROKEN and one.issuer != one.subject:
        yield error(tr(
            "{place}: {title} is signed with {hash}, which Docker and OpenSSL refuse; have it "
            "issued again with SHA-256",
            place=place, title=_title(one), hash=_hash(one).upper(),
        ))  # fmt: skip


def _hash(one: x509.Certificate) -> str:
    """Return the name of the hash that a certificate is signed with, or nothing."""
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        algorithm = one.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return ""
    return algorithm.name if algorithm is not None else ""


def _signed(one: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether `issuer` signed a certificate."""
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm  # noqa: PLC0415

    if one.issuer != issuer.subject:
        return False
    if _hash(one) in _BROKEN:
        return True  # the library verifies these no more: the names have to do
    try:
        one.verify_directly_issued_by(issuer)
    except UnsupportedAlgorithm:
        return True
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _path(
    chain: list[x509.Certificate], authorities: list[x509.Certificate]
) -> list[x509.Certificate]:
    """Return the way from the server's certificate up, as far as there is one."""
    path = [chain[0]]
    # The CA's first: where a file repeats what the CA has, the CA's is what clients trust.
    pool = [*authorities, *chain[1:]]
    while path[-1] not in authorities and not _signed(path[-1], path[-1]):
        signers = [one for one in pool if one not in path and _signed(path[-1], one)]
        if not signers:
            break
        path.append(signers[0])
    return path


def _is_ca(one: x509.Certificate) -> bool:
    from cryptography import x509  # noqa: PLC0415

    try:
        return one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _whole(
    chain: list[x509.Certificate], authorities: list[x509.Certificate],
    path: list[x509.Certificate], places: Places,
) -> Iterator[Finding]:  # fmt: skip
    """What is wrong with the chain: its end, its order, and what does not belong to it."""
    top = path[-1]
    issuer = f"“{top.issuer.rfc4514_string()}”"
    if authorities and top not in authorities:
        given = ", ".join(_title(one) for one in authorities)
        yield error(tr(
            "{ca}: {given} did not sign {title}, which {issuer} did, so that clients that trust "
            "the one do not trust the other; give the certificate of {issuer} as the CA, or "
            "append what is between the two to {certificate}",
            ca=places.ca, given=given, title=_title(top), issuer=issuer,
            certificate=places.certificate,
        ))  # fmt: skip
    elif len(path) == 1 and not authorities and not _signed(top, top):
        # It may be a root that the clients know; then this is all there has to be.
        yield warning(tr(
            "{place}: {title} was signed by {issuer}, whose certificate is not in the file, so "
            "that only clients that know it already trust the registry; append it to the file if "
            "it is an intermediate CA, or name it as tls.ca",
            place=places.certificate, title=_title(top), issuer=issuer,
        ))  # fmt: skip
    expected = [one for one in path if one in chain]
    foreign = [one for one in chain if one not in path]
    # A root at the end that the CA's file replaces by a younger one does not do any harm.
    foreign = [one for one in foreign if not any(one.subject == two.subject for two in path)]
    if foreign:
        yield warning(tr(
            "{place}: {title} is no part of the chain; take it out of the file",
            place=places.certificate, title=", ".join(_title(one) for one in foreign),
        ))  # fmt: skip
    if [one for one in chain if one in expected] != expected:
        yield warning(tr(
            "{place}: the certificates of the chain are not in order, which some clients refuse; "
            "put the server's own first, and after each one the one that signed it: {order}",
            place=places.certificate, order=", ".join(_title(one) for one in expected),
        ))  # fmt: skip


def _strict(
    path: list[x509.Certificate], names: Sequence[str], now: datetime.datetime, places: Places
) -> Iterator[Finding]:
    """What the rules of the public web's CAs say beyond ours."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.x509 import verification  # noqa: PLC0415

    at = now.astimezone(datetime.UTC).replace(tzinfo=None)
    builder = verification.PolicyBuilder().store(verification.Store([path[-1]])).time(at)
    for name in names[:1]:
        subject: x509.GeneralName
        try:
            subject = x509.IPAddress(ipaddress.ip_address(name))
        except ValueError:
            subject = x509.DNSName(name)
        try:
            builder.build_server_verifier(subject).verify(path[0], path[1:-1])
        except verification.VerificationError as refused:
            reason = " ".join(str(refused).split())
            yield warning(tr(
                "{place}: strict clients may refuse the chain of {title} ({reason}); have it "
                "issued by the rules of the public web's CAs",
                place=places.certificate, title=_title(path[0]), reason=reason,
            ))  # fmt: skip


# Drawing our own.


def draw(
    have: Mapping[str, str], names: Sequence[str], now: datetime.datetime | None = None
) -> dict[str, str]:
    """Return the values of the wizard's CA and of its server certificate that are to be new.

    The CA stays while it has more than 30 days left. The certificate and its key are drawn anew
    from the same CA where the CA is new, where 30 days or less are left, or where it is for other
    names than `names`. Without names, one that is there is left as it is.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    drawn: dict[str, str] = {}
    if not _ours_is_good(have.get(CA_CERTIFICATE), have.get(CA_KEY), now):
        drawn[CA_KEY], drawn[CA_CERTIFICATE] = _draw_ca(now)
    both = {**have, **drawn}
    pair = have.get(TLS_CERTIFICATE), have.get(TLS_KEY)
    if drawn or not (
        _ours_is_good(*pair, now) and _is_for(str(pair[0]), names, both[CA_CERTIFICATE])
    ):
        drawn[TLS_KEY], drawn[TLS_CERTIFICATE] = _draw_server(
            both[CA_KEY], both[CA_CERTIFICATE], names, now
        )
    return drawn


def _ours_is_good(
    certificate: str | None, key: str | None, now: datetime.datetime
) -> bool:
    if certificate is None or key is None:
        return False
    found: list[Finding] = []
    read = _read_certificates(certificate, "", found)
    owner = _read_key(key, "", found)
    if found or not read or owner is None or _public(owner) != _public(read[0]):
        return False
    return read[0].not_valid_after_utc - now > datetime.timedelta(days=LEAST_DAYS)


def _is_for(certificate: str, names: Sequence[str], ca: str) -> bool:
    read, signer = (_read_certificates(one, "", [])[0] for one in (certificate, ca))
    dns, addresses = _sans(read)
    return _signed(read, signer) and (not names or {*dns, *addresses} == {*_written(names)})


def _written(names: Sequence[str]) -> Iterator[str]:
    """Yield names as a certificate has them."""
    for name in names:
        try:
            yield str(ipaddress.ip_address(name))
        except ValueError:
            yield name.lower()


def _draw_ca(now: datetime.datetime) -> tuple[str, str]:
    """Return a private CA's key and certificate: P-256, which every Docker client takes."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    # Two CAs of one name would be mistaken for each other where a client has both.
    name = _name(f"harbor-wizard CA {random.token_hex(4)}")
    begins = now - datetime.timedelta(days=1)  # for hosts whose clock is behind
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins).not_valid_after(begins + datetime.timedelta(days=_CA_DAYS))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return _key_pem(key), _pem(certificate)


def _draw_server(
    ca_key: str, ca_certificate: str, names: Sequence[str], now: datetime.datetime
) -> tuple[str, str]:
    """Return a server's key and its certificate by that CA."""
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    signer = serialization.load_pem_private_key(ca_key.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - drawn above
    ca = x509.load_pem_x509_certificate(ca_certificate.encode())
    key = ec.generate_private_key(ec.SECP256R1())
    begins = now - datetime.timedelta(days=1)
    ends = min(begins + datetime.timedelta(days=_SERVER_DAYS), ca.not_valid_after_utc)
    subjects: list[x509.GeneralName] = []
    for name in _written(names):
        try:
            subjects.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            subjects.append(x509.DNSName(name))
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.public_key())  # type: ignore[arg-type]
    certificate = (
        x509.CertificateBuilder()
        # A common name has 64 characters at most; what counts is the subjectAltName.
        .subject_name(_name(next((n for n in names if len(n) <= 64), "harbor")))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins).not_valid_after(ends)
        .add_extension(x509.SubjectAlternativeName(subjects), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]),
                       critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(identifier, critical=False)
        .sign(signer, hashes.SHA256())
    )  # fmt: skip
    return _key_pem(key), _pem(certificate)


def _name(common: str) -> x509.Name:
    from cryptography import x509  # noqa: PLC0415

    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def _usage(*, sign: bool) -> x509.KeyUsage:
    """Return what a key may be used for: to sign certificates, or to serve."""
    from cryptography import x509  # noqa: PLC0415

    return x509.KeyUsage(
        digital_signature=not sign, key_cert_sign=sign, crl_sign=sign, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _key_pem(key: PrivateKeyTypes) -> str:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()  # fmt: skip
