"""What a job of replication does: copies what lacks at the other side, or deletes there."""

import json

from standin import addresses
from standin.remote import Harbor

_FOREIGN = "foreign"


class Stopped(Exception):
    """The execution was stopped meanwhile."""


def side(given):
    """The own side is the core beside whoever runs the job, and has to know the secret it came with."""
    url = f"http://{addresses.CORE}" if given.get("shared") else given["url"]
    return Harbor(url, given.get("key", ""), given.get("secret", ""), given.get("insecure", False),
                  given.get("ca", ""), given.get("shared", ""))  # fmt: skip


def run(given, say, stopped):
    """Do a job, and say what it does. Raises `RemoteError`, `Stopped`, `OSError`."""
    source, destination = side(given["source"]), side(given["destination"])
    try:
        if given["operation"] == "copy":
            Copy(source, destination, given, say, stopped).run()
        else:
            _delete(destination, given, say)
    finally:
        source.close()
        destination.close()


def _delete(destination, given, say):
    where = given["destination_repository"]
    for one in given["artifacts"]:
        if given["operation"] == "deletion" and one["whole"]:
            # By a tag where it has one: under that tag may stand another artifact there.
            references = [(tag, "") for tag in one["tags"]] or [(one["digest"], "")]
            if any(destination.digest(where, tag) not in (None, one["digest"]) for tag in one["tags"]):
                say(f"{where}: a tag of {one['digest']} is another artifact there, skip")
                continue
        else:
            references = [(tag, tag) for tag in one["tags"]]
        for reference, tag in references:
            there = destination.delete(where, reference, tag)
            say(f"{where}:{reference} deleted" if there else f"{where}:{reference} is not there, skip")


class Copy:
    """One repository's artifacts, from one Harbor to another."""

    def __init__(self, source, destination, given, say, stopped):
        self.source, self.destination, self.given, self.say, self.stopped = source, destination, given, say, stopped
        self.origin, self.target = given["repository"], given["destination_repository"]
        self.ready = False

    def run(self):
        for one in self.given["artifacts"]:
            for reference in one["tags"] or [one["digest"]]:
                if self.stopped():
                    raise Stopped
                self.reference(one["digest"], reference)

    def reference(self, digest, reference):
        self.project()
        there = self.destination.digest(self.target, reference)
        if there == digest:
            return self.say(f"{self.target}:{reference} already exists, skip")
        if there is not None and not self.given["override"]:
            return self.say(f"{self.target}:{reference} is another one, and is not to be replaced, skip")
        self.manifest(digest, reference)
        return self.say(f"{self.origin}:{reference} copied as {self.target}:{reference} ({digest})")

    def project(self):
        """Make the project there is none of, with nothing but whether it is public."""
        name = self.target.split("/")[0]
        if self.ready:
            return
        if self.destination.project(name) is None:
            metadata = {"public": str(bool(self.given["public"])).lower()}
            self.destination.api("POST", "/projects", {"project_name": name, "metadata": metadata}, good=(201, 409))
            self.say(f"made the project {name}")
        self.ready = True

    def manifest(self, digest, reference):
        body, kind = self.source.manifest(self.origin, digest)
        manifest = json.loads(body)
        for child in manifest.get("manifests") or []:
            if self.destination.digest(self.target, child["digest"]) is None:
                self.manifest(child["digest"], child["digest"])
        for part in [manifest.get("config"), *(manifest.get("layers") or [])]:
            if part and _FOREIGN not in part.get("mediaType", ""):
                self.blob(part)
        self.destination.put_manifest(self.target, reference, body, kind)

    def blob(self, part):
        if self.destination.has_blob(self.target, part["digest"]):
            return
        if self.stopped():
            raise Stopped
        opened = self.source.blob(self.origin, part["digest"])
        chunks = iter(lambda: opened.read(1 << 18), b"")
        self.destination.put_blob(self.target, part["digest"], part["size"], chunks)
        opened.read()
        self.say(f"copied the blob {part['digest'][:19]}, {part['size']} bytes")
