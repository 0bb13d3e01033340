"""Pulls an image again and again for some seconds; prints the longest time without a success.

Run in the lab's operator namespace: pull_loop.py ADDRESS NAME CA SECONDS, the password on
standard input.
"""

from __future__ import annotations

import ssl
import sys
import time

from harbor_wizard.inspection.registry import Registry, RegistryError

address, name, ca, seconds = sys.argv[1:]
password = sys.stdin.readline().strip()
context = ssl.create_default_context(cafile=ca)
registry = Registry(address, 443, name, context, timeout=1.5)
repository = "library/pull-loop"
# As a client does: a login gives a token, which is good for half an hour.
token = registry.token("admin", password, f"repository:{repository}:pull,push")
registry.push(repository, "v1", token)
print("ready", flush=True)
end = time.monotonic() + float(seconds)
last, longest, good, bad = time.monotonic(), 0.0, 0, 0
while time.monotonic() < end:
    try:
        registry.pull(repository, "v1", token)
        good += 1
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    except RegistryError:
        bad += 1
    time.sleep(0.1)
longest = max(longest, time.monotonic() - last)
print(f"{longest:.2f} {good} {bad}", flush=True)
