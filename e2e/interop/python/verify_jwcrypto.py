from key_set import key_set
from verifier import AUDIENCE, ISSUER, answer_each_line

# docs/interop.md shows from here
import json
import time

from jwcrypto import jwk, jwt


def verify(token):
    checked = jwt.JWT(
        jwt=token,
        key=jwk.JWKSet.from_json(json.dumps(key_set())),
        algs=["RS256", "ES256"],
        expected_type="JWS",
        check_claims={"iss": ISSUER, "aud": AUDIENCE, "exp": None, "sub": None},
    )
    claims = json.loads(checked.claims)
    if claims.get("nbf", 0) > time.time():  # check_claims leaves it unchecked
        raise ValueError("not valid yet")
    return claims
# to here


answer_each_line(verify)
