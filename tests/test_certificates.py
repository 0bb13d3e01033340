"""Certificates: the operator's are looked at before a run, the wizard's own are drawn."""

from __future__ import annotations

import datetime
import functools
import ipaddress
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import verification

from harbor_wizard import certificates, run, session
from harbor_wizard.certificates import Severity, check, covers, draw
from harbor_wizard.components import trust
from harbor_wizard.errors import InputError
from harbor_wizard.model import load
from harbor_wizard.model.cluster import Cluster
from harbor_wizard.plan import Plan
from harbor_wizard.secrets import SecretValues, Store
from harbor_wizard.step import Command, Step
from harbor_wizard.text import FixedValues, Text

NOW = datetime.datetime(2026, 8, 10, 12, tzinfo=datetime.UTC)
NAME = "registry.example.com"
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Made:
    """A certificate of ours with its key."""

    def __init__(self, certificate: x509.Certificate, key: Key) -> None:
        self.certificate, self.key = certificate, key

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def key_pem(self, passphrase: bytes | None = None) -> str:
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase:
            encryption = serialization.BestAvailableEncryption(passphrase)
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        ).decode()


def make(common: str, by: Made | None = None, *, ca: bool = False, names: Sequence[str] = (),
         begins: int = -1, ends: int = 365, key: Key | None = None,
         constrained: bool = True, length: int | None = None) -> Made:  # fmt: skip
    """Make a certificate that is good from `begins` to `ends`, in days from now."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])
    signer = by.key if by else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + datetime.timedelta(days=begins))
        .not_valid_after(NOW + datetime.timedelta(days=ends, hours=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
                key_encipherment=False, data_encipherment=False, key_agreement=False,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
    )  # fmt: skip
    if constrained:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=length if ca else None), critical=True)
    if by:
        builder = builder.add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([general(n) for n in names]), critical=False)
    return Made(builder.sign(signer, hashes.SHA256()), key)


def general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@functools.cache
def root() -> Made:
    return make("Root", ca=True, begins=-400, ends=3650)


@functools.cache
def middle() -> Made:
    return make("Intermediate", root(), ca=True, ends=1000)


@functools.cache
def leaf() -> Made:
    return make(NAME, middle(), names=(NAME, "10.0.0.10"))


def found(certificate: str | None = None, key: str | None = None, ca: str | None = "",
          names: Sequence[str] = (NAME,), now: datetime.datetime = NOW) -> list[tuple[str, str]]:  # fmt: skip
    """Check what is given; the rest is as it should be. An empty `ca` is the root."""
    findings = check(
        leaf().pem + middle().pem if certificate is None else certificate,
        leaf().key_pem() if key is None else key, root().pem if ca == "" else ca, names, now,
    )  # fmt: skip
    return [(one.severity.value, one.sentence) for one in findings]


def test_what_is_as_it_should_be_gives_no_finding() -> None:
    assert found() == []
    assert found(ca=None) == []
    assert found(leaf().pem, ca=middle().pem + root().pem) == []
    assert found(leaf().pem + middle().pem + root().pem) == []
    assert found(names=(NAME, "10.0.0.10")) == []
    alone = make(NAME, names=(NAME,))
    assert found(alone.pem, alone.key_pem(), alone.pem) == []


def by_openssl(tmp_path: Path, *options: str) -> tuple[str, str]:
    """Return a certificate and its key that only OpenSSL still makes."""
    (tmp_path / "root.crt").write_text(root().pem)
    (tmp_path / "root.key").write_text(root().key_pem())
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}",
         "-addext", "basicConstraints=critical,CA:FALSE", "-days", "300", "-CA", "root.crt",
         "-CAkey", "root.key", "-keyout", "made.key", "-out", "made.crt", *options],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    return (tmp_path / "made.crt").read_text(), (tmp_path / "made.key").read_text()


def cause(name: str, tmp_path: Path) -> list[tuple[str, str]]:
    """Cause one thing to be wrong, and return what is found."""
    # What OpenSSL makes begins now.
    real = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    other = make("Another CA", ca=True)
    single = make(NAME, root(), names=(NAME,), ends=29)
    late = make("Late", root(), ca=True, begins=-400, ends=-2)
    plain = make("Plain", root(), ca=False)
    short = make("Short", root(), ca=True, length=0)
    below = make("Below", short, ca=True)
    causes: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "garbage": lambda: found("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        "nothing": lambda: found("", ca=None),
        "the CA is garbage": lambda: found(ca="no PEM"),
        "key in the certificate's file": lambda: found(leaf().pem + middle().pem + leaf().key_pem()),
        "key garbage": lambda: found(key="-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"),
        "key encrypted": lambda: found(key=leaf().key_pem(b"a passphrase")),
        "key of another": lambda: found(key=root().key_pem()),
        "name": lambda: found(names=(NAME, "mirror.example.com", "10.0.0.11")),
        "common name only": lambda: _of(make(NAME, root())),
        "not yet": lambda: _of(make(NAME, root(), names=(NAME,), begins=1)),
        "expired": lambda: _of(make(NAME, root(), names=(NAME,), begins=-9, ends=-1)),
        "soon": lambda: found(single.pem, single.key_pem()),
        "intermediate expired": lambda: _of(make(NAME, late, names=(NAME,)), late),
        "issuer nowhere": lambda: found(leaf().pem, ca=None),
        "intermediate lacks": lambda: found(leaf().pem),
        "another CA": lambda: found(ca=other.pem),
        "leaf not first": lambda: found(middle().pem + leaf().pem),
        "order": lambda: found(leaf().pem + root().pem + middle().pem, ca=None),
        "foreign": lambda: found(leaf().pem + middle().pem + other.pem),
        "signed by what is no CA": lambda: _of(make(NAME, plain, names=(NAME,)), plain),
        "short key": lambda: _of(make(NAME, root(), names=(NAME,), key=rsa.generate_private_key(65537, 1024))),
        "SHA-1": lambda: found(*by_openssl(tmp_path, "-newkey", "rsa:2048", "-sha1"), now=real),
        "path too long": lambda: _of(make(NAME, below, names=(NAME,)), below, short),
    }  # fmt: skip
    return causes[name]()


def _of(one: Made, *chain: Made) -> list[tuple[str, str]]:
    return found("".join(made.pem for made in (one, *chain)), one.key_pem())


@pytest.mark.parametrize(
    ("name", "severity", "sentence"),
    [
        ("garbage", "error", "tls.certificate: holds no certificate that can be read"),
        ("nothing", "error", "tls.certificate: holds no certificate that can be read"),
        ("the CA is garbage", "error", "tls.ca: holds no certificate that can be read"),
        ("key in the certificate's file", "error", "holds a private key besides the certificate"),
        ("key garbage", "error", "tls.key: holds no private key that can be read"),
        ("key encrypted", "error", "tls.key: is encrypted under a passphrase"),
        ("key of another", "error", f"tls.key: does not belong to “CN={NAME}” in tls.certificate"),
        ("name", "error", f"is not good for mirror.example.com, 10.0.0.11, which clients use, but for {NAME}, 10.0.0.10;"),
        ("common name only", "error", "no name at all (subjectAltName); its common name"),
        ("not yet", "error", "is not valid before 2026-08-11"),
        ("expired", "error", f"“CN={NAME}” has expired on 2026-08-09; renew it"),
        ("soon", "warning", "expires on 2026-09-08, in 29 days"),
        ("intermediate expired", "error", "“CN=Late” has expired on 2026-08-08"),
        ("issuer nowhere", "warning", "was signed by “CN=Intermediate”, whose certificate is not in the file"),
        ("intermediate lacks", "error", f"“CN=Root” did not sign “CN={NAME}”, which “CN=Intermediate” did"),
        ("another CA", "error", "“CN=Another CA” did not sign “CN=Intermediate”, which “CN=Root” did"),
        ("leaf not first", "error", "the server's own certificate is number 2 in the file"),
        ("order", "warning", "the certificates of the chain are not in order"),
        ("foreign", "warning", "“CN=Another CA” is no part of the chain"),
        ("signed by what is no CA", "error", "“CN=Plain” signs another certificate but is not marked as a CA"),
        ("short key", "error", "has an RSA key of 1024 bits"),
        ("SHA-1", "error", "is signed with SHA1"),
        ("path too long", "warning", "strict clients may refuse the chain"),
    ],
)  # fmt: skip
def test_each_cause_gives_its_own_finding_and_no_other(
    name: str, severity: str, sentence: str, tmp_path: Path
) -> None:
    (one,) = cause(name, tmp_path)
    assert one[0] == severity
    assert sentence in one[1]
    assert "PRIVATE KEY-----\nM" not in one[1]


def test_several_mistakes_are_told_at_once() -> None:
    bad = make("x", names=("x.example.com",), begins=-9, ends=-1)
    told = " ".join(sentence for _, sentence in found(bad.pem, leaf().key_pem()))
    for part in ("does not belong", "is not good for", "did not sign", "has expired"):
        assert part in told


@pytest.mark.parametrize(
    ("dns", "addresses", "name", "good"),
    [
        (["*.example.com"], [], "registry.example.com", True),
        (["*.example.com"], [], "REGISTRY.example.com", True),
        (["*.example.com"], [], "a.registry.example.com", False),
        (["*.example.com"], [], "example.com", False),
        (["*"], [], "localhost", False),
        (["r*.example.com"], [], "registry.example.com", False),
        (["10.0.0.10"], [], "10.0.0.10", False),
        ([], ["10.0.0.10"], "10.0.0.10", True),
        (["*.0.0.10"], [], "10.0.0.10", False),
        ([], ["fd00::1"], "fd00:0::1", True),
        (["localhost"], [], "localhost", True),
    ],
)
def test_wildcards_stand_for_one_label_and_addresses_for_themselves(
    dns: list[str], addresses: list[str], name: str, good: bool
) -> None:
    assert covers(dns, addresses, name) is good


def test_a_run_is_refused_with_all_that_is_wrong_and_a_warning_is_returned(
    answers: dict[str, Any], cluster: Cluster, tmp_path: Path
) -> None:
    made = session.create("s1", tmp_path)
    plan = Plan(cluster, ())
    assert run.precheck(made, cluster) == []
    lonely = load.parse({**answers, "tls": {k: v for k, v in answers["tls"].items() if k != "ca"}}, "c", tmp_path)
    (warned,) = run.precheck(made, lonely)
    assert "whose certificate is not in the file" in warned
    Path(answers["tls"]["key"]).write_bytes(b"\x30\x82\xff")
    Path(answers["tls"]["certificate"]).unlink()
    for rehearsal in (False, True):
        with pytest.raises(InputError) as caught:
            run.open_secrets(made, plan, {"passphrase": "a passphrase"}, None, rehearsal=rehearsal)
        assert "registry.crt): cannot be read (No such file" in str(caught.value)
    assert not made.store.exists


def wizards(answers: dict[str, Any], **tls: Any) -> Cluster:
    return load.parse(
        {**answers, "tls": {"mode": "terminate", "issuer": "wizard", "clients": ["harbor-1"], **tls}},
        "c", None,
    )  # fmt: skip


NAMES = ("registry.example.com", "10.0.0.10", "fd00::10")


def test_the_wizards_certificate_is_verified_by_cryptography_and_openssl(tmp_path: Path) -> None:
    made = draw({}, NAMES)
    assert check(made["tls_certificate"], made["tls_key"], made["ca_certificate"], NAMES,
                 datetime.datetime.now(datetime.UTC)) == []  # fmt: skip
    server, ca = (x509.load_pem_x509_certificate(made[n].encode()) for n in ("tls_certificate", "ca_certificate"))
    for name in NAMES:
        policy = verification.PolicyBuilder().store(verification.Store([ca]))
        subject = general(name)
        assert isinstance(subject, x509.DNSName | x509.IPAddress)
        policy.build_server_verifier(subject).verify(server, [])
    for name, value in made.items():
        (tmp_path / name).write_text(value)
    asked = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAMES[0],
         "-CAfile", "ca_certificate", "tls_certificate"], cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert server.not_valid_after_utc - server.not_valid_before_utc <= datetime.timedelta(days=825)


def test_a_client_that_trusts_the_ca_shakes_hands_and_one_that_does_not_refuses(tmp_path: Path) -> None:
    made = draw({}, ("registry.example.com", "127.0.0.1"))
    (tmp_path / "both.pem").write_text(made["tls_certificate"] + "\n" + made["tls_key"])
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "both.pem")

    def handshake(ca: str, name: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            def serve() -> None:
                try:
                    connection, _ = listening.accept()
                    with connection, serving.wrap_socket(connection, server_side=True) as secured:
                        secured.sendall(b"well")
                except OSError:
                    pass

            thread = threading.Thread(target=serve)
            thread.start()
            try:
                asking = ssl.create_default_context(cadata=ca)
                with socket.create_connection(listening.getsockname(), timeout=5) as raw:
                    with asking.wrap_socket(raw, server_hostname=name) as secured:
                        return secured.recv(4).decode()
            except ssl.SSLCertVerificationError as refused:
                return refused.verify_message
            finally:
                thread.join(5)

    assert handshake(made["ca_certificate"], "registry.example.com") == "well"
    assert handshake(made["ca_certificate"], "127.0.0.1") == "well"
    assert "mismatch" in handshake(made["ca_certificate"], "other.example.com")
    assert handshake(draw({}, NAMES)["ca_certificate"], "registry.example.com") != "well"


def test_the_certificate_is_drawn_anew_from_the_same_ca_when_names_change_or_it_ends() -> None:
    first = draw({}, NAMES)
    assert set(first) == {"ca_key", "ca_certificate", "tls_key", "tls_certificate"}
    assert draw(first, NAMES) == {}
    assert draw(first, ("fd00:0::10", "10.0.0.10", "Registry.example.com")) == {}
    now = datetime.datetime.now(datetime.UTC)
    for names, later in (((*NAMES, "b.example.com"), 0), (NAMES[:1], 0), (NAMES, 800)):
        then = now + datetime.timedelta(days=later)
        second = draw(first, names, then)
        assert set(second) == {"tls_key", "tls_certificate"}
        assert second["tls_key"] != first["tls_key"]
        assert check(second["tls_certificate"], second["tls_key"], first["ca_certificate"], names, then) == []
    # A pair that was taken from elsewhere, or half of one, is no use.
    assert set(draw({**first, "tls_key": draw({}, NAMES)["tls_key"]}, NAMES)) == {"tls_key", "tls_certificate"}
    assert len(draw({"tls_key": first["tls_key"]}, NAMES)) == 4
    # Near the end of the CA there is a new one; before, nothing outlives it.
    assert len(draw(first, NAMES, now + datetime.timedelta(days=3630))) == 4
    last = draw(first, NAMES, now + datetime.timedelta(days=3600))["tls_certificate"]
    assert (x509.load_pem_x509_certificate(last.encode()).not_valid_after_utc
            == x509.load_pem_x509_certificate(first["ca_certificate"].encode()).not_valid_after_utc)  # fmt: skip


def steps_of(cluster: Cluster) -> list[Step]:
    host = cluster.nodes[0]
    return [*trust.ca_download(cluster, host), *trust.docker_trusts(cluster, host),
            *trust.harbor_trusts(cluster, host), *trust.internal(cluster, host),
            Step("harbor-1/test/pair", "harbor-1", "", "", Command(Text(("true",)), input=Text((
                certificates.hole_certificate(cluster), certificates.hole_key(cluster))))
            , None)]  # fmt: skip


def test_what_was_drawn_is_kept_in_the_store_and_follows_the_clusters_names(
    answers: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = session.create("s1", tmp_path)
    kept: dict[str, str] = {}
    # The real store's encryption is slow on purpose, and has tests of its own.
    monkeypatch.setattr(Store, "exists", property(lambda store: bool(kept)))
    monkeypatch.setattr(Store, "read", lambda store, passphrase: dict(kept))
    monkeypatch.setattr(Store, "write", lambda store, new, passphrase: kept.update(new))
    given = {"passphrase": "a passphrase"}
    values: list[SecretValues] = []
    plans: list[Plan] = []
    for name in ("registry.lab.internal", "registry.lab.internal", "other.lab.internal"):
        cluster = wizards({**answers, "public_name": name})
        plans.append(Plan(cluster, tuple(steps_of(cluster))))
        assert {"tls_key", "tls_certificate", "ca_certificate"} <= set(run.needed_secrets(plans[-1]))
        values.append(run.open_secrets(made, plans[-1], given, None))
    first, again, renamed = values
    assert [first.value(n) == again.value(n) for n in ("ca_certificate", "tls_certificate")] == [True, True]
    assert first.value("ca_certificate") == renamed.value("ca_certificate")
    assert first.value("tls_certificate") != renamed.value("tls_certificate")
    # The step that writes it is seen to have changed inputs.
    assert plans[0].steps[-1].fingerprint != plans[2].steps[-1].fingerprint
    # The CA's key is in the store only, and no hole can be filled with it.
    assert "PRIVATE KEY" in kept["ca_key"]
    assert not first.has("ca_key")
    # Keys are masked, certificates are for everyone.
    masked = first.masker()
    body = first.value("tls_key").splitlines()[1]
    assert body not in masked(f"x {body}")
    assert masked(first.value("tls_certificate")) == first.value("tls_certificate")
    shown = repr(first) + repr(plans) + "".join(step.check.masked() for step in plans[0].steps)
    assert body not in shown
    assert kept["ca_key"].splitlines()[1] not in shown


def test_operators_files_fill_the_same_holes(cluster: Cluster) -> None:
    assert set(run.files(cluster)) == {"tls_certificate", "tls_key", "ca_certificate"}
    ca = certificates.hole_ca(cluster)
    assert ca is not None
    assert "ca.crt" in ca.shown
    assert certificates.hole_key(cluster).shown == "••••••"


def test_steps_give_the_ca_to_those_who_have_to_trust_it(answers: dict[str, Any]) -> None:
    cluster = wizards(answers, internal=True)
    files = {step.file.path: step.file for step in steps_of(cluster) if step.file}
    assert set(files) == {"/data/ca_download/ca.crt", "/etc/docker/certs.d/registry.lab.internal/ca.crt"}
    assert files["/data/ca_download/ca.crt"].owner == "10000:10000"
    assert list(trust.docker_trusts(cluster, cluster.nodes[1])) == []
    for step in steps_of(cluster):
        for command in (step.check, step.apply):
            if isinstance(command, Command):
                assert command.script.holes == ()
                subprocess.run(["bash", "-n"], input=command.script.masked(), text=True, check=True)
    none = load.parse({**answers, "tls": {"mode": "none"}}, "c", None)
    assert certificates.hole_ca(none) is None
    assert not any(step.file for step in steps_of(none))


def test_harbors_that_replicate_trust_the_ca_by_a_bundle_before_2_15(
    answers: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = wizards(answers)
    assert trust.bundle(cluster) is None
    alone = cluster.model_copy(update={"solution": "master-master"})
    assert trust.bundle(alone) is None  # 2.15 takes it with each endpoint
    real = trust.find(cluster.release)

    class Older:
        line, tag, registry_takes_ca = (2, 11), real.tag, False

    monkeypatch.setattr(trust, "find", lambda version: Older)
    (step,) = trust.harbor_trusts(alone, alone.nodes[0])
    assert step.file is not None
    assert step.file.path == trust.bundle(alone)
    assert step.file.content.raw(FixedValues({"ca_certificate": "PEM"})) == "PEM\n"


GENCERT = """#!/bin/bash
# Does what gencert does, with smaller keys: docker run --rm -v DIR:/hostfsDIR:z IMAGE gencert -p DIR -d DAYS
set -eu
[ "$1 $2 $6 $7 $9" = "run --rm gencert -p -d" ]
dir=$8 days=${10}
[ "$4" = "$dir:/hostfs$dir:z" ]
[ -z "$(ls "$dir")" ]
cd "$dir"
new="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
openssl req -x509 $new -days $days -keyout harbor_internal_ca.key -out harbor_internal_ca.crt -subj /CN=ca 2>/dev/null
for name in proxy portal core job_service registry registryctl trivy_adapter harbor_db; do
  openssl req -new $new -keyout $name.key -out $name.csr -subj /CN=$name 2>/dev/null
  echo subjectAltName=DNS.1:$name > extfile.cnf
  openssl x509 -req -days ${DAYS:-$days} -in $name.csr -CA harbor_internal_ca.crt -CAkey harbor_internal_ca.key \\
    -CAcreateserial -extfile extfile.cnf -out $name.crt 2>/dev/null
done
"""


def test_internal_certificates_are_drawn_once_and_again_before_they_end(
    answers: dict[str, Any], tmp_path: Path
) -> None:
    cluster = wizards(answers, internal=True)
    (step,) = trust.internal(cluster, cluster.nodes[0])
    (tmp_path / "bin").mkdir()
    docker = tmp_path / "bin/docker"
    docker.write_text(GENCERT)
    docker.chmod(0o755)
    folder = tmp_path / "made"
    assert isinstance(step.apply, Command)
    assert f"goharbor/prepare:v{cluster.release} gencert" in step.apply.masked()

    def does(what: Command, **environment: str) -> bool:
        text = what.script.masked().replace(trust.INTERNAL, str(folder))
        return subprocess.run(
            ["sh", "-c", text], capture_output=True,
            env={**os.environ, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", **environment},
        ).returncode == 0  # fmt: skip

    assert not does(step.check)
    assert does(step.apply, DAYS="20")
    assert not does(step.check)  # they end within 30 days
    assert does(step.apply)
    assert does(step.check)
    there = {path.name for path in folder.iterdir()}
    assert {f"{n}.{e}" for n in trust.internal_names(cluster) for e in ("crt", "key")} < there
    assert not {"harbor_internal_ca.key", "extfile.cnf", "core.csr"} & there
    assert (folder / "core.key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("made")] == ["made"]
    (folder / "core.key").unlink()
    assert not does(step.check)


def test_severities_are_words_for_json() -> None:
    assert json.dumps([Severity.ERROR, Severity.WARNING]) == '["error", "warning"]'
