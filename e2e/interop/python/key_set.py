from verifier import CACHE_SECONDS, JWKS_URL

# docs/interop.md shows from here
import json
import time
import urllib.request

kept, kept_until = None, 0.0


def key_set():
    """The JWKS, fetched again once it is older than CACHE_SECONDS."""
    global kept, kept_until
    asked = time.monotonic()
    if asked >= kept_until:
        with urllib.request.urlopen(JWKS_URL, timeout=5) as answer:
            kept, kept_until = json.load(answer), asked + CACHE_SECONDS
    return kept
# to here
