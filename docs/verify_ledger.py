"""Checks exports of the ledger: python3 verify_ledger.py KEY... -- EXPORT...   Needs the package cryptography."""
import base64, hashlib, json, re, sys
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
NONE = {"seq": 0, "hash": ""}
def sha(text): return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
def column(value):  # what a column holds of a text: printable ASCII, or its digest
    text = re.sub(r"[^\x20-\x24\x26-\x7e]", lambda c: "%%{%x}" % ord(c.group()), value)
    return text if len(text) <= 200 and not text.startswith("sha256:") else "sha256:" + sha(text)
def opened(note, keys):  # C2SP signed-note with Ed25519; raises when no known key signed it
    text, _, lines = note.rpartition("\n\n")
    for name, value in re.findall(r"^\u2014 (\S+) (\S+)$", lines, re.M):
        signature = base64.b64decode(value, validate=True)
        for key in keys:
            if key[0] == name and hashlib.sha256(name.encode() + b"\n\x01" + key[1]).digest()[:4] == signature[:4]:
                Ed25519PublicKey.from_public_bytes(key[1]).verify(signature[4:], (text + "\n").encode())
                return text + "\n"
    raise ValueError("unknown key")
def row_faults(e, body):
    if sha(f"macp-auth ledger 1\n{e['prev']}\n{e['body']}") != e["hash"]: yield "its hash is not over its record"
    root = (body.get("root") or body.get("jti")) if e["kind"] == "mint" else None
    columns = {name: body.get(name) for name in ("chain", "seq", "at", "kind", "exp", "jti", "digest", "parent")}
    keys = {name: column(body[name]) if isinstance(body.get(name), str) else None for name in ("sender", "caller", "run")}
    expected = {**columns, **keys, "root": root, "hour": e["at"] // 3600000}
    for name in (name for name, value in expected.items() if e[name] != value): yield f"{name} is not that of its record"
def check(path, keys):
    items = [json.loads(line) for line in open(path, encoding="utf-8")]
    rows, heads = {}, {i["chain"]: i for i in items if i["type"] == "head"}
    named, pruned, before, count = list(heads.values()), {}, None, 0
    for e in (i for i in items if i["type"] == "entry"):
        try: body = json.loads(e["body"])
        except ValueError: body = {}
        rows.setdefault(e["chain"], []).append(e)
        for fault in row_faults(e, body): yield f"chain {e['chain']} row {e['seq']}: {fault}"
        if e["kind"] == "start": named += body.get("heads", [])
        if e["kind"] == "pruned":
            statement = json.loads(opened(body["statement"], keys).split("\n")[2])
            pruned.update((p["chain"], p) for p in statement["chains"] if p["seq"] > pruned.get(p["chain"], NONE)["seq"])
            count = max(count, statement["notes"])
    for chain, entries in rows.items():
        gone, first, head = pruned.get(chain, NONE), entries[0], heads.get(chain, NONE)
        last = gone if first["seq"] > gone["seq"] else {"seq": first["seq"] - 1, "hash": first["prev"]}
        for e in entries:
            if e["seq"] != last["seq"] + 1 or e["prev"] != last["hash"]: yield f"chain {chain} row {e['seq']}: it does not follow the row before"
            last = e
        if (last["seq"], last["hash"]) != (head["seq"], head["hash"]): yield f"chain {chain} row {last['seq']}: it is not the end of the chain"
    for n in (i for i in items if i["type"] == "note"):
        try: text = opened(n["note"], keys)
        except Exception: yield f"note {n['number']}: no known key signed it"; continue
        _, number, _, link, *lines = text.rstrip("\n").split("\n")
        if number != f"note {n['number']}" or n["number"] > count + 1 or link != f"before {before or '-'}" and (before or n["number"] == 1): yield f"note {n['number']}: it does not follow the note before"
        named += [{"chain": c, "seq": int(s), "hash": h} for _, c, s, h in (line.split(" ") for line in lines)]
        before, count = sha(text), n["number"]
    at = {(e["chain"], e["seq"]): e["hash"] for entries in rows.values() for e in entries}
    for h in named:
        if at.get((h["chain"], h["seq"])) != h["hash"] and h["seq"] > pruned.get(h["chain"], NONE)["seq"]: yield f"chain {h['chain']} row {h['seq']}: it is not the row that was named"

split, found = sys.argv.index("--"), {}
trusted = [(k.split("+", 2)[0], base64.b64decode(k.split("+", 2)[2])[1:]) for k in sys.argv[1:split]]
for path in sys.argv[split + 1:]: found[path] = list(check(path, trusted)); print(path + ":", "; ".join(found[path][:3]) or "nothing was changed")
sys.exit(1 if any(found.values()) else 0)
