"""Where the parts find each other: the names of the compose file, unless told otherwise."""

import os

CORE = os.environ.get("STANDIN_CORE", "core:8080")
JOBSERVICE = os.environ.get("STANDIN_JOBSERVICE", "jobservice:8080")
REGISTRY = os.environ.get("STANDIN_REGISTRY", "registry:5000")
REGISTRYCTL = os.environ.get("STANDIN_REGISTRYCTL", "registryctl:8080")
PORTAL = os.environ.get("STANDIN_PORTAL", "portal:8080")
LISTEN = os.environ.get("STANDIN_LISTEN", ":8080")


def pair(address):
    host, _, port = address.rpartition(":")
    return host, int(port)
