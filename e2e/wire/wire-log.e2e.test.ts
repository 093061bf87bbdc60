import { describe, expect, test } from "vitest";
import { postTokens } from "../support/raw-http.ts";
import { sharedService } from "../support/service-process.ts";
import { type MintResponse, mintChecked } from "../support/token-check.ts";

const service = sharedService();
const port = () => service().port;

describe("row 38: what a mint leaves in the log", () => {
  test("row 38: a mint is one line with sender, TTL, jti, kid and the request id of the response", async () => {
    const answer = await postTokens(port(), { sender: "agent://logged", ttl_seconds: 77 });
    const { token, token_id: jti } = JSON.parse(answer.text) as MintResponse;
    const header = JSON.parse(Buffer.from(token.split(".")[0] ?? "", "base64url").toString()) as {
      kid: string;
    };
    const line = await service().event("token_minted", (minted) => minted["jti"] === jti);
    expect(line).toMatchObject({
      sender: "agent://logged",
      ttl_seconds: 77,
      jti,
      kid: header.kid,
      request_id: answer.headers.get("x-request-id"),
    });
    expect(
      service()
        .events("token_minted")
        .filter((minted) => minted["jti"] === jti),
    ).toHaveLength(1);
  });

  test("row 38: the TTL in the log is the one that was granted", async () => {
    const { response } = await mintChecked(port(), { sender: "a", ttl_seconds: 99_999 });
    const line = await service().event("token_minted", (minted) => minted["jti"] === response.token_id);
    expect(line["ttl_seconds"]).toBe(3_600);
  });

  test("row 38: neither the token nor its signature is in any line", async () => {
    const { response } = await mintChecked(port(), {
      sender: "agent://quiet",
      scopes: { x: "secret scope" },
    });
    await service().event("token_minted", (minted) => minted["jti"] === response.token_id);
    const written = service().output();
    expect(written).not.toContain(response.token);
    for (const part of response.token.split(".").slice(1)) expect(written).not.toContain(part);
  });

  test("row 38: a rejected mint leaves no line that looks like a mint", async () => {
    const before = service().events("token_minted").length;
    await postTokens(port(), {});
    await postTokens(port(), "{");
    const { response } = await mintChecked(port(), { sender: "a" });
    await service().event("token_minted", (minted) => minted["jti"] === response.token_id);
    expect(service().events("token_minted")).toHaveLength(before + 1);
  });

  test("row 38: stdout is JSON, one object a line, and stderr is empty without errors", async () => {
    await mintChecked(port(), { sender: 'quoted " and \n broken' });
    for (const line of service().stdout) expect(JSON.parse(line)).toBeTypeOf("object");
    expect(service().stderr).toEqual([]);
  });
});
