import { fromJSON } from "@grpc/proto-loader";
import { Impossible } from "../../kernel/assert.ts";

/** One identity with all that belongs to it. A field that was not sent is empty. */
export interface X509Svid {
  readonly spiffeId: string;
  /** Certificates in DER, one after the other: that of the identity, then what leads to an authority. */
  readonly certificates: Buffer;
  /** PKCS #8 in DER, not encrypted. */
  readonly key: Buffer;
  /** The authorities of its trust domain, in DER, one after the other. */
  readonly bundle: Buffer;
  /** What the operator of the agent says it is for. */
  readonly hint: string;
}

/** What the Workload API answers: each message is whole and replaces the one before (SPIFFE Workload API section 4.3). */
export interface X509SvidMessage {
  readonly svids: readonly X509Svid[];
  /** The authorities of foreign trust domains, as `bundle`, by their SPIFFE ids. */
  readonly federatedBundles: Readonly<Record<string, Buffer>>;
}

/** The one method that is called. */
export const FETCH_X509_SVID = "/SpiffeWorkloadAPI/FetchX509SVID";

/**
 * The messages of that method (SPIFFE Workload API section 5.1). The standard fixes numbers and types; the names of fields are ours.
 * Revocation lists are not read: number 2 of the answer is skipped, as every unknown field is.
 */
const DESCRIPTION = {
  nested: {
    X509SVIDRequest: { fields: {} },
    X509SVIDResponse: {
      fields: {
        svids: { rule: "repeated", type: "X509SVID", id: 1 },
        federatedBundles: { keyType: "string", type: "bytes", id: 3 },
      },
    },
    X509SVID: {
      fields: {
        spiffeId: { type: "string", id: 1 },
        certificates: { type: "bytes", id: 2 },
        key: { type: "bytes", id: 3 },
        bundle: { type: "bytes", id: 4 },
        hint: { type: "string", id: 5 },
      },
    },
    SpiffeWorkloadAPI: {
      methods: {
        FetchX509SVID: {
          requestType: "X509SVIDRequest",
          responseType: "X509SVIDResponse",
          responseStream: true,
          comment: "",
        },
      },
    },
  },
};

/** How the request is written and the answer is read. */
export interface MethodForm {
  readonly requestSerialize: (request: object) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => X509SvidMessage;
}

/** Makes it from the description above: no file is read. */
export function formOfFetchX509Svid(): MethodForm {
  const service = fromJSON(DESCRIPTION, { defaults: true })["SpiffeWorkloadAPI"];
  const method = service === undefined || "format" in service ? undefined : service["FetchX509SVID"];
  if (method === undefined) throw new Impossible("the description has no such method");
  return {
    requestSerialize: method.requestSerialize,
    responseDeserialize: (bytes) => method.responseDeserialize(bytes) as X509SvidMessage,
  };
}
