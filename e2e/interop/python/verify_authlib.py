import warnings

from key_set import key_set
from verifier import AUDIENCE, ISSUER, answer_each_line

warnings.simplefilter("ignore")

# docs/interop.md shows from here
from authlib.jose import JsonWebKey, JsonWebToken


def verify(token):
    claims = JsonWebToken(["RS256", "ES256"]).decode(
        token,
        JsonWebKey.import_key_set(key_set()),
        claims_options={
            "iss": {"essential": True, "value": ISSUER},
            "aud": {"essential": True, "value": AUDIENCE},
            "exp": {"essential": True},
            "sub": {"essential": True},
        },
    )
    claims.validate()
    return claims
# to here


answer_each_line(verify)
