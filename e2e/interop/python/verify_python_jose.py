from key_set import key_set
from verifier import AUDIENCE, ISSUER, answer_each_line

# docs/interop.md shows from here
from jose import jwt


def verify(token):
    return jwt.decode(
        token,
        key_set(),
        algorithms=["RS256", "ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        # Without these a token that lacks the claim is accepted.
        options={"require_exp": True, "require_iss": True, "require_aud": True, "require_sub": True},
    )
# to here


answer_each_line(verify)
