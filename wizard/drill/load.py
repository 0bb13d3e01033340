"""The load: pulls and pushes through the public address, as clients make them, each one timed."""

from __future__ import annotations

import functools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from harbor_wizard.drill.measuring import Attempt, Kind
from harbor_wizard.errors import HarborWizardError
from harbor_wizard.inspection.registry import Registry
from harbor_wizard.text import printable

# Seconds: a client tries again a little later, not at once.
RETRY_AFTER = 1.0
_PULLERS = 3
_BETWEEN_PULLS, _BETWEEN_PUSHES, _BETWEEN_LOOKS = 0.1, 0.3, 0.2
# A client gives a request up after these seconds without a word; the look at the address sooner.
ANSWER, REACH = 5.0, 2.0
LOOK_ANSWER, LOOK_REACH = 1.0, 0.4


@dataclass(frozen=True)
class Target:
    """What the load speaks to. `front` is asked for images, `look` whether it answers at all.

    `repository` takes the images. With `anonymous` nobody logs in for pulls; with `newest` what
    was just pushed is pulled, too, else only the image that was there from the start.
    """

    front: Registry
    look: Registry
    repository: str
    password: str
    anonymous: bool = False
    newest: bool = True

    def pull(self, digest: str) -> None:
        """Pull an image as a client does: a token, the manifest, the blobs."""
        user = None if self.anonymous else "admin"
        scope = f"repository:{self.repository}:pull"
        token = self.front.token(user, self.password, scope)
        self.front.pull(self.repository, digest, token)

    def push(self, tag: str) -> str:
        """Push an image as a client does, and return its digest."""
        scope = f"repository:{self.repository}:pull,push"
        token = self.front.token("admin", self.password, scope)
        return self.front.push(self.repository, tag, token)


class Load:
    """Threads that pull and push until they are stopped. Images that were taken are remembered."""

    def __init__(self, target: Target, prefix: str, seed: str) -> None:
        """`seed` is the digest of an image that is there; tags begin with `prefix`."""
        self._target = target
        self._prefix = prefix
        self._seed = seed
        self._pushed: dict[str, str] = {}
        self._attempts: list[Attempt] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        work = [self._pull] * _PULLERS + [self._push, self._look]
        self._threads = [threading.Thread(target=one, daemon=True) for one in work]

    def start(self) -> None:
        """Begin."""
        for one in self._threads:
            one.start()

    def stop(self) -> None:
        """End, when what is under way has ended."""
        self._stop.set()
        for one in self._threads:
            one.join(3 * ANSWER)

    @property
    def attempts(self) -> list[Attempt]:
        """What was tried so far."""
        with self._lock:
            return list(self._attempts)

    @property
    def pushed(self) -> dict[str, str]:
        """The tags whose push was taken, with their digests."""
        with self._lock:
            return dict(self._pushed)

    def _pull(self) -> None:
        chooser = random.Random()  # noqa: S311 - any image will do
        while not self._stop.wait(_BETWEEN_PULLS):
            known = [self._seed, *(self.pushed.values() if self._target.newest else ())]
            wanted = chooser.choice(known)
            self._tried(Kind.PULL, functools.partial(self._target.pull, wanted))

    def _push(self) -> None:
        number = 0
        while not self._stop.wait(_BETWEEN_PUSHES):
            number += 1
            tag = f"{self._prefix}-{number}"
            self._tried(Kind.PUSH, functools.partial(self._take, tag))

    def _take(self, tag: str) -> None:
        digest = self._target.push(tag)
        with self._lock:
            self._pushed[tag] = digest

    def _look(self) -> None:
        while not self._stop.wait(_BETWEEN_LOOKS):
            self._once(Kind.ADDRESS, self._answers, retry=False)

    def _answers(self) -> None:
        self._target.look.request("GET", "/v2/")

    def _tried(self, kind: Kind, act: Callable[[], object]) -> None:
        """Do something, and once more where it fails."""
        if not self._once(kind, act, retry=False) and not self._stop.wait(RETRY_AFTER):
            self._once(kind, act, retry=True)

    def _once(self, kind: Kind, act: Callable[[], object], *, retry: bool) -> bool:
        begun = time.monotonic()
        try:
            act()
        except (HarborWizardError, OSError) as error:
            done = Attempt(kind, begun, time.monotonic(), False, retry, _one_line(error))
        else:
            done = Attempt(kind, begun, time.monotonic(), True, retry)
        with self._lock:
            self._attempts.append(done)
        return done.good


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).split()))[:160]
