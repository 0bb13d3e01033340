"""How passwords and secrets are kept: hashed, or encrypted with the node's secret key."""

import base64
import hashlib
import hmac
import os
from pathlib import Path

ROUNDS = 20000


def hashed(password, salt=None):
    salt = salt or os.urandom(16).hex()
    made = hashlib.pbkdf2_hmac("sha256", password.encode(), bytes.fromhex(salt), ROUNDS).hex()
    return f"{salt}:{made}"


def good(password, kept):
    return hmac.compare_digest(hashed(password, kept.partition(":")[0]), kept)


def _box():
    from cryptography.fernet import Fernet

    key = Path(os.environ.get("STANDIN_SECRET_KEY", "/etc/core/key")).read_text().strip()
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest()))


def sealed(text):
    return _box().encrypt(text.encode()).decode()


def opened(kept):
    """Return what was sealed. Raises `ValueError` where this node's secret key is another one."""
    from cryptography.fernet import InvalidToken

    try:
        return _box().decrypt(kept.encode()).decode()
    except InvalidToken:
        raise ValueError("failed to decrypt the credential: is the secret key another one?") from None
