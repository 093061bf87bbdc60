"""Looks up tokens in status lists: python3 check_status.py JWKS LIST... <TOKENS   Needs the package cryptography.

JWKS: the file of /statuslists/jwks.json. LIST: files of /statuslists/ID. TOKENS: a line "URI IDX" for each token, from its claim
status.status_list. Prints 0 (valid), 1 (revoked), or the reason why the list says nothing, a line for each token.
"""
import base64, json, sys, time, zlib
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
BYTES_MAX = 2 * 1024 * 1024  # a kilobyte can be inflated to a megabyte
def decoded(text): return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
def number(text): return int.from_bytes(decoded(text), "big")
def public(jwk):
    if (jwk["kty"], jwk["crv"], jwk["alg"]) != ("EC", "P-256", "ES256"): raise ValueError("the key is not for ES256")
    return ec.EllipticCurvePublicNumbers(number(jwk["x"]), number(jwk["y"]), ec.SECP256R1()).public_key()
def opened(token, keys):  # draft-ietf-oauth-status-list, sections 5.1 and 8.3
    header, payload, signature = token.strip().split(".")
    head = json.loads(decoded(header))
    if head.get("typ") != "statuslist+jwt": raise ValueError("it is no status list")
    if head.get("alg") != "ES256": raise ValueError("its algorithm is not ES256")
    raw = decoded(signature)
    if len(raw) != 64: raise ValueError("its signature is not one of ES256")
    der = utils.encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    keys[head["kid"]].verify(der, f"{header}.{payload}".encode(), ec.ECDSA(hashes.SHA256()))
    claims = json.loads(decoded(payload))
    if claims["exp"] <= time.time(): raise ValueError("it has expired")
    bits, inflater = claims["status_list"]["bits"], zlib.decompressobj()
    data = inflater.decompress(decoded(claims["status_list"]["lst"]), BYTES_MAX)
    if bits not in (1, 2, 4, 8) or not inflater.eof: raise ValueError("its list is not readable, or too long")
    return claims["sub"], bits, data
def status(found, idx):
    bits, data = found
    if idx * bits // 8 >= len(data): return "the list does not have this index"
    return data[idx * bits // 8] >> idx * bits % 8 & (1 << bits) - 1

keys = {jwk["kid"]: public(jwk) for jwk in json.load(open(sys.argv[1], encoding="utf-8"))["keys"]}
lists = {}
for path in sys.argv[2:]:
    try: uri, bits, data = opened(open(path, encoding="ascii").read(), keys)
    except (InvalidSignature, KeyError, ValueError, zlib.error) as fault: sys.exit(f"{path}: {fault or 'no known key signed it'}")
    lists[uri] = bits, data
for line in sys.stdin:
    uri, idx = line.split()
    print(status(lists[uri], int(idx)) if uri in lists else "there is no list with this address")
