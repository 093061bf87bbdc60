from key_set import key_set
from verifier import AUDIENCE, ISSUER, answer_each_line

# docs/interop.md shows from here
from joserfc import jwt
from joserfc.jwk import KeySet

expected = jwt.JWTClaimsRegistry(
    iss={"essential": True, "value": ISSUER},
    aud={"essential": True, "value": AUDIENCE},
    exp={"essential": True},
    sub={"essential": True},
)


def verify(token):
    keys = KeySet.import_key_set(key_set())
    claims = jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims
    expected.validate(claims)
    return claims
# to here


answer_each_line(verify)
