"""What happened, told to who wants to know: beside the request, which does not wait for it."""

import threading
import traceback

LISTENERS = []


def tell(what, repository, artifacts):
    def run():
        for listener in LISTENERS:
            try:
                listener(what, repository, artifacts)
            except Exception:
                traceback.print_exc()

    threading.Thread(target=run, daemon=True).start()
