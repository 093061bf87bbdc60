import type { MethodDefinition, ServiceDefinition } from "@grpc/grpc-js";
import { fromJSON } from "@grpc/proto-loader";
import { Impossible } from "../../../kernel/assert.ts";

/** What is read of a `CheckRequest`: every other field is skipped. */
export interface CheckRequest {
  readonly attributes: {
    readonly request: { readonly http: HttpRequest | null } | null;
    /** What the proxy's configuration says beside the request. */
    readonly contextExtensions: Readonly<Record<string, string>>;
  } | null;
}

/** The headers of the request that Envoy asks about, in one of two forms. */
export interface HttpRequest {
  /** Several with one name are joined by Envoy. */
  readonly headers: Readonly<Record<string, string>>;
  /** With `encode_raw_headers`: each as it came. */
  readonly headerMap: { readonly headers: readonly RawHeader[] } | null;
}

interface RawHeader {
  readonly key: string;
  readonly value: string;
  readonly rawValue: Buffer;
}

/** A header that takes the place of those with its name. */
export interface HeaderToSet {
  readonly header: { readonly key: string; readonly value: string };
  readonly appendAction: typeof OVERWRITE;
}

/** `OVERWRITE_IF_EXISTS_OR_ADD` of `HeaderAppendAction`. */
export const OVERWRITE = 2;

/** The answer. `status.code`: of gRPC; 0 lets the request pass. */
export interface CheckResponse {
  readonly status: { readonly code: number };
  readonly deniedResponse?: {
    readonly status: { readonly code: number };
    readonly headers: readonly HeaderToSet[];
    readonly body: string;
  };
  readonly okResponse?: {
    readonly headers: readonly HeaderToSet[];
    readonly headersToRemove: readonly string[];
  };
}

const message = <Fields>(fields: Fields) => ({ fields });

/**
 * `envoy.service.auth.v3.Authorization` as far as the guard reads and writes it. Envoy fixes package, service and numbers; the messages
 * are described here as data, so that no file is read and no generated code is needed.
 */
const DESCRIPTION = {
  nested: {
    envoy: {
      nested: {
        service: {
          nested: {
            auth: {
              nested: {
                v3: {
                  nested: {
                    Authorization: {
                      methods: {
                        Check: { requestType: "CheckRequest", responseType: "CheckResponse", comment: "" },
                      },
                    },
                    CheckRequest: message({ attributes: { type: "AttributeContext", id: 1 } }),
                    AttributeContext: message({
                      request: { type: "Request", id: 4 },
                      contextExtensions: { keyType: "string", type: "string", id: 10 },
                    }),
                    Request: message({ http: { type: "HttpRequest", id: 2 } }),
                    HttpRequest: message({
                      headers: { keyType: "string", type: "string", id: 3 },
                      headerMap: { type: "HeaderMap", id: 13 },
                    }),
                    HeaderMap: message({ headers: { rule: "repeated", type: "HeaderValue", id: 1 } }),
                    HeaderValue: message({
                      key: { type: "string", id: 1 },
                      value: { type: "string", id: 2 },
                      rawValue: { type: "bytes", id: 3 },
                    }),
                    HeaderValueOption: message({
                      header: { type: "HeaderValue", id: 1 },
                      appendAction: { type: "int32", id: 3 },
                    }),
                    CheckResponse: message({
                      status: { type: "Status", id: 1 },
                      deniedResponse: { type: "DeniedHttpResponse", id: 2 },
                      okResponse: { type: "OkHttpResponse", id: 3 },
                    }),
                    Status: message({ code: { type: "int32", id: 1 } }),
                    DeniedHttpResponse: message({
                      status: { type: "HttpStatus", id: 1 },
                      headers: { rule: "repeated", type: "HeaderValueOption", id: 2 },
                      body: { type: "string", id: 3 },
                    }),
                    HttpStatus: message({ code: { type: "int32", id: 1 } }),
                    OkHttpResponse: message({
                      headers: { rule: "repeated", type: "HeaderValueOption", id: 2 },
                      headersToRemove: { rule: "repeated", type: "string", id: 5 },
                    }),
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

/** The service with its one method, for a server and for a client. */
export interface Authorization extends ServiceDefinition {
  readonly Check: MethodDefinition<CheckRequest, CheckResponse>;
}

/** Makes it from the description above. */
export function authorizationService(): Authorization {
  const service = fromJSON(DESCRIPTION, { defaults: true })["envoy.service.auth.v3.Authorization"];
  const method = service === undefined || "format" in service ? undefined : service["Check"];
  if (method === undefined) throw new Impossible("the description has no such method");
  return {
    Check: {
      ...method,
      requestDeserialize: (bytes) => method.requestDeserialize(bytes) as CheckRequest,
      responseDeserialize: (bytes) => method.responseDeserialize(bytes) as CheckResponse,
    },
  };
}
