"""Secrets: where they come from, how they are drawn, and how they rest.

A plan holds names of secrets only. Their values come from what the operator gave (a file of
mode 0600, their own environment, a prompt), from the session's store, or are drawn here. At rest
they are encrypted under a passphrase in the age format, so that the operator can also read them
without this program: `age -d secrets.age`.
"""

from __future__ import annotations

import datetime
import os
import secrets as random
import stat
import string
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from harbor_wizard.errors import InputError, SecretsError
from harbor_wizard.files import write_atomically
from harbor_wizard.language import tr, trn
from harbor_wizard.text import Hole, Masker, remember

ENVIRONMENT_PREFIX = "HARBOR_WIZARD_SECRET_"

# The passphrase opens the store; it is given like a secret, and never kept.
PASSPHRASE = "passphrase"  # noqa: S105 - its name, not its value

# Harbor writes secrets unquoted into a DSN, YAML and env files: these characters survive all.
ALPHABET = string.ascii_letters + string.digits

MINIMUM_LENGTH = 4

# The server's certificate and its key, and the CA's where the wizard is the CA.
TLS_CERTIFICATE, TLS_KEY = "tls_certificate", "tls_key"
CA_CERTIFICATE, CA_KEY = "ca_certificate", "ca_key"

# Values that everyone may see, and that output is not to be masked by.
PUBLIC = frozenset({TLS_CERTIFICATE, CA_CERTIFICATE, "harbor_token_certificate"})


def secret(name: str) -> Hole:
    """Return the hole that the secret of that name fills."""
    return Hole(name)


def reference(value: str) -> Hole:
    """Return the hole for a cluster file's reference, for example `secret:redis_password`."""
    return Hole(value.removeprefix("secret:"))


def file_hole(name: str, path: str) -> Hole:
    """Return the hole that the contents of a file of the operator's fill."""
    return Hole(name, shown=f"‹the contents of {path}›\n")


class SecretValues:
    """The values of a session's holes: given, kept, read from files, or drawn."""

    def __init__(self, values: Mapping[str, str], files: Mapping[str, Path]) -> None:
        self._values = dict(values)
        self._files = dict(files)
        remember(value for name, value in self._values.items() if name not in PUBLIC)

    def value(self, name: str) -> str:
        """Return the value for a hole. Raises `SecretsError` where there is none."""
        if name in self._files:
            read = _read_text(self._files[name], name)
            if name not in PUBLIC:
                remember([read])
            return read
        try:
            return self._values[name]
        except KeyError:
            raise SecretsError(missing([name])) from None

    def has(self, name: str) -> bool:
        """Say whether there is a value."""
        return name in self._values or name in self._files

    def masker(self) -> Masker:
        """Return what masks all of them in any text."""
        names = {*self._values, *self._files} - PUBLIC
        return Masker([self.value(name) for name in names])

    def __repr__(self) -> str:
        return f"SecretValues({', '.join(sorted(self._values))})"


def missing(names: Iterable[str]) -> str:
    """Return the sentence that asks for secrets."""
    listed = list(names)
    return trn(
        "the secret is missing: {names}; give it with --secrets FILE (mode 0600, lines such as "
        "“{first}: …”) or in {variable}",
        "the secrets are missing: {names}; give them with --secrets FILE (mode 0600, lines such as "
        "“{first}: …”) or in {variable}",
        len(listed), names=", ".join(listed), first=listed[0],
        variable=f"{ENVIRONMENT_PREFIX}{listed[0].upper()}",
    )  # fmt: skip


def _token(length: int) -> str:
    return "".join(random.choice(ALPHABET) for _ in range(length))


def _password() -> str:
    # Harbor wants 8 to 128 characters with an upper and a lower case letter and a digit.
    while True:
        drawn = _token(24)
        if all(any(map(kind, drawn)) for kind in (str.isupper, str.islower, str.isdigit)):
            return drawn


# Drawn where the operator gives none; the lengths are those that Harbor's own prepare draws.
_DRAWN: dict[str, Callable[[], str]] = {
    "harbor_admin_password": _password,
    "harbor_secret_key": lambda: _token(16),
    "harbor_core_secret": lambda: _token(16),
    "harbor_jobservice_secret": lambda: _token(16),
    "harbor_csrf_key": lambda: _token(32),
    "harbor_xsrf_key": lambda: _token(40),
    "harbor_robot_scanner_prefix": lambda: _token(8),
    # Of the database that a Harbor brings itself, and of the robots that replicate.
    "harbor_database_password": lambda: _token(24),
    "harbor_redis_password": lambda: _token(24),
    "replication": _password,
}
_TOKEN_PAIR = ("harbor_token_key", "harbor_token_certificate")
_CERTIFIED = frozenset({TLS_CERTIFICATE, TLS_KEY, CA_CERTIFICATE})


def draw(
    names: Iterable[str], have: Mapping[str, str], hosts: Sequence[str] = ()
) -> dict[str, str]:
    """Return values for those of `names` that can be drawn and are not there yet.

    `hosts` are the names that the certificate of the wizard's own CA is for: where the one that
    is there is for others, or ends soon, it is drawn anew.
    """
    drawn: dict[str, str] = {}
    for name in names:
        if name in _CERTIFIED and not drawn.keys() & _CERTIFIED:
            from harbor_wizard import certificates  # noqa: PLC0415 - seldom needed

            drawn.update(certificates.draw(have, hosts))
        if name in have or name in drawn:
            continue
        what, whose = _split(name)
        if what in _DRAWN:
            drawn[name] = _DRAWN[what]()
        elif what in _TOKEN_PAIR:
            pair = [one + whose for one in _TOKEN_PAIR]
            drawn.update(zip(pair, _token_pair(have.get(pair[0])), strict=True))
    return drawn


def of_host(name: str, host: str) -> str:
    """Return the name of a secret that a host has for itself, in a reference's characters."""
    return f"{name}_{host.replace('-', '_')}"


def _split(name: str) -> tuple[str, str]:
    """Return what a name stands for, and the part that says whose it is."""
    for what in sorted((*_DRAWN, *_TOKEN_PAIR), key=len, reverse=True):
        if name == what or name.startswith(f"{what}_"):
            return what, name.removeprefix(what)
    return name, ""


def _token_pair(existing: str | None) -> tuple[str, str]:
    """Return the key that signs tokens and a certificate for it, both PEM."""
    from cryptography import x509  # noqa: PLC0415 - slow to import, seldom needed
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

    if existing is None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=4096)
    else:
        loaded = serialization.load_pem_private_key(existing.encode(), None)
        if not isinstance(loaded, rsa.RSAPrivateKey):
            raise SecretsError(tr("the secret harbor_token_key is not an RSA key in PEM; give one"))
        key = loaded
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "harbor-token-issuer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    return pem.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets that the operator handed in through their own environment.

    Raises `SecretsError` for one that is not UTF-8: no file of Harbor's could hold it.
    """
    found = {
        key.removeprefix(ENVIRONMENT_PREFIX).lower(): value
        for key, value in environment.items()
        if key.startswith(ENVIRONMENT_PREFIX)
    }
    for name, value in found.items():
        if not value.isprintable() and any("\udc80" <= one <= "\udcff" for one in value):
            raise SecretsError(
                tr("{variable} is not UTF-8; give the secret in UTF-8, or in a file with --secrets",
                   variable=f"{ENVIRONMENT_PREFIX}{name.upper()}")
            )  # fmt: skip
    return found


def scrub_environment() -> dict[str, str]:
    """Take the secrets out of our own environment, so that no program we start inherits them."""
    found = from_environment(os.environ)
    remember(found.values())
    for key in [key for key in os.environ if key.startswith(ENVIRONMENT_PREFIX)]:
        del os.environ[key]
    return found


def from_file(path: Path) -> dict[str, str]:
    """Read a secrets file. Raises `SecretsError` where others can read it or it is malformed."""
    import yaml  # noqa: PLC0415 - seldom needed, and the first screen waits for imports

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise SecretsError(
            tr("the secrets file {path} cannot be read ({reason}); check its path",
               path=path, reason=error.strerror)
        ) from None  # fmt: skip
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        if mode & 0o177:
            raise SecretsError(
                tr("the secrets file {path} has mode {mode}, so that others may read it; run "
                   "“chmod 600 {path}” first", path=path, mode=f"{mode:04o}")
            )  # fmt: skip
        try:
            data = yaml.load(stream.read(1 << 20), Loader=yaml.BaseLoader)  # noqa: S506
        except (yaml.YAMLError, UnicodeDecodeError, RecursionError, OSError):
            # The parser's message would quote the line, and with it a secret.
            raise SecretsError(
                tr("the secrets file {path} is not YAML; it holds lines such as "
                   "“database_password: …”", path=path)
            ) from None  # fmt: skip
    if not isinstance(data, dict) or not all(
        isinstance(key, str) and isinstance(value, str) for key, value in data.items()
    ):
        raise SecretsError(
            tr("the secrets file {path} is not a list of names with values; it holds lines such "
               "as “database_password: …”", path=path)
        )  # fmt: skip
    short = [name for name, value in data.items() if len(value) < MINIMUM_LENGTH]
    if short:
        raise SecretsError(
            tr("the secrets file {path} has less than {number} characters for {names}; a secret "
               "that short cannot be masked in output",
               path=path, number=MINIMUM_LENGTH, names=", ".join(short))
        )  # fmt: skip
    remember(data.values())
    return data


# Seconds between tries to open what a busy machine takes for too much work.
_TRIES_AGAIN = (0.2, 0.5, 1.0, 2.0, 4.0)


class Store:
    """The session's secrets at rest: one age file under a passphrase."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Say whether something has been kept."""
        return self.path.exists()

    def read(self, passphrase: str) -> dict[str, str]:
        """Return what was kept. Raises `SecretsError` on a wrong passphrase."""
        import yaml  # noqa: PLC0415 - only where secrets are opened

        plain = _decrypted(self.path, passphrase)
        loaded: dict[str, str] = yaml.load(plain, Loader=yaml.BaseLoader)  # noqa: S506
        remember([passphrase, *(value for name, value in loaded.items() if name not in PUBLIC)])
        return loaded

    def write(self, values: Mapping[str, str], passphrase: str) -> None:
        """Keep values, encrypted."""
        import pyrage  # noqa: PLC0415
        import yaml  # noqa: PLC0415

        remember([passphrase, *(value for name, value in values.items() if name not in PUBLIC)])
        plain = yaml.safe_dump(dict(values), allow_unicode=True).encode()
        write_atomically(self.path, pyrage.passphrase.encrypt(plain, passphrase), mode=0o600)


def _decrypted(path: Path, passphrase: str) -> bytes:
    """Return what an age file holds.

    Its work factor was chosen for a second of this machine's time, and age refuses one that would
    take many times as long by what it measures now, for a moment: on a busy machine that may be so
    by chance, and is tried again.
    """
    import pyrage  # noqa: PLC0415 - only where secrets are opened

    for pause in (*_TRIES_AGAIN, None):
        try:
            return bytes(pyrage.passphrase.decrypt(path.read_bytes(), passphrase))
        except pyrage.DecryptError as error:
            if "Excessive work" not in str(error):
                break
            if pause is None:
                raise SecretsError(
                    tr("{file} cannot be opened now: this machine is too busy, or much slower than "
                       "the one that it was made on; try again when less runs here", file=path)
                ) from None  # fmt: skip
            time.sleep(pause)
    raise SecretsError(
        tr("{file} does not open with that passphrase; give the one that the session was made with",
           file=path)
    ) from None  # fmt: skip


def _read_text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(
            tr("{path}, which {name} is read from, cannot be read as text; check its path",
               path=path, name=name)
        ) from None  # fmt: skip
