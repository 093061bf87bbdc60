/** The runtime's whole gRPC header list may hold 16 KiB: a longer token would never arrive. */
export const TOKEN_BYTES_MAX = 12_288;

/** Whether scopes are longer than any token that holds them may be: a token is base64url of their JSON and more. */
export function fitIntoNoToken(scopesJson: string): boolean {
  return scopesJson.length > TOKEN_BYTES_MAX;
}
