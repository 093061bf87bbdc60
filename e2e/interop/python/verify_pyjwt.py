from verifier import AUDIENCE, CACHE_SECONDS, ISSUER, JWKS_URL, answer_each_line

# docs/interop.md shows from here
import jwt

jwks = jwt.PyJWKClient(JWKS_URL, lifespan=CACHE_SECONDS)


def verify(token):
    return jwt.decode(
        token,
        jwks.get_signing_key_from_jwt(token),
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["exp", "iss", "aud", "sub"]},
    )
# to here


answer_each_line(verify)
