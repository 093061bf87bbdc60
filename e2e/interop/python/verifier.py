"""What every Python verifier shares: arguments, one token a line in, one JSON answer a line out."""

import json
import sys

JWKS_URL, ISSUER, AUDIENCE = sys.argv[1:4]
CACHE_SECONDS = int(sys.argv[4])


def answer_each_line(verify):
    for line in sys.stdin:
        try:
            answer = {"accepted": True, "sub": verify(line.rstrip("\n"))["sub"]}
        except Exception as error:
            answer = {"accepted": False, "reason": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
