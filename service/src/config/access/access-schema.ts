import { z } from "zod";
import { ROLES } from "../../callers/caller.ts";
import { PRESETS } from "../../callers/declared/registry.ts";
import { DEFAULT_FOREIGN_ALGORITHMS, FOREIGN_ALGORITHMS } from "../../callers/foreign/foreign-key.ts";
import { ALGORITHMS } from "../../keys/algorithm.ts";
import { Events } from "./events-schema.ts";
import { Limit, Limits } from "./limits-schema.ts";
import { endDate, httpsUrl, name, path, text } from "./schema-texts.ts";

// The access document as a person writes it: who may call, and what each may have minted. Everything is closed: a name that is not
// known is a fault, so that a typing mistake never widens or narrows what is granted.

const Keys = z
  .union(
    [
      z.literal("discovery"),
      z.strictObject({
        discovery: z.literal(true).meta({ description: "Found through the issuer's own document." }),
        jwks_hosts: z
          .array(text(256))
          .default([])
          .meta({ description: "Hosts beside the issuer's own on which its keys may be." }),
        ca_file: path.optional(),
      }),
      z.strictObject({
        jwks_url: httpsUrl,
        ca_file: path.optional(),
        bearer_token_file: path.optional().meta({
          description: "A file with a token that is sent for the keys, read each time.",
        }),
      }),
      z.strictObject({ jwks_file: path }),
      z.strictObject({ spiffe_bundle_url: httpsUrl, ca_file: path.optional() }),
      z.strictObject({ spiffe_bundle_file: path }),
    ],
    {
      error:
        'must be "discovery" or one of jwks_url, jwks_file, spiffe_bundle_url, spiffe_bundle_file, each with ca_file where it is a URL',
    },
  )
  .meta({ description: "Where the issuer's public keys are." });

const Issuer = z.strictObject({
  preset: z
    .enum(PRESETS, {
      error: "must be kubernetes, github, gitlab, spiffe or oidc",
    })
    .meta({ description: "What its tokens look like: which claims they must have, and their short names." }),
  issuer: text(512).meta({
    description:
      "The `iss` of its tokens, byte for byte; for spiffe the trust domain, such as spiffe://example.org.",
  }),
  keys: Keys.default("discovery"),
  audience: text(512)
    .optional()
    .meta({ description: "The `aud` that its tokens must have; unset: the issuer name of this service." }),
  other_audiences: z
    .boolean()
    .default(false)
    .meta({ description: "Whether its tokens may name other audiences beside ours." }),
  algorithms: z
    .array(z.enum(FOREIGN_ALGORITHMS))
    .min(1)
    .default([...DEFAULT_FOREIGN_ALGORITHMS])
    .meta({ description: "The signature algorithms that are accepted." }),
  max_token_seconds: z
    .int()
    .min(1)
    .max(86_400)
    .default(3_600)
    .meta({ description: "A token that is valid for longer (exp - iat) is rejected." }),
  private_network: z
    .boolean()
    .default(false)
    .meta({ description: "Whether its URLs may lead to loopback and private addresses." }),
  disabled: z.boolean().default(false),
  token_review: z
    .strictObject({ url: httpsUrl, token_file: path, ca_file: path.optional() })
    .optional()
    .meta({ description: "Kubernetes: ask the API server about each new token (TokenReview)." }),
});

const ClientCa = z
  .strictObject({
    ca_file: path.optional().meta({ description: "Their certificates, PEM." }),
    spiffe_trust_domain: z
      .string()
      .regex(/^[a-z0-9._-]{1,255}$/, { error: "must be a trust domain such as example.org" })
      .optional()
      .meta({
        description:
          "In place of `ca_file`: the trust domain whose bundle the SPIFFE agent of MACP_AUTH_SPIFFE_SOCKET gives. They prove only SPIFFE ids of this trust domain.",
      }),
    crl_file: path.optional().meta({
      description:
        "The revocation lists of them and of their intermediates, PEM. With it, a certificate whose issuer has no list in force is rejected.",
    }),
  })
  .meta({
    description: "Authorities of client certificates: either `ca_file` or `spiffe_trust_domain` names them.",
  });

const ca = name("the name of a client CA").default("default").meta({
  description: "The client CA that it leads to; `default` is that of MACP_AUTH_TLS_CLIENT_CA_FILE.",
});

const patterns = z
  .union([text(512).transform((one) => [one]), z.array(text(512)).min(1)], {
    error: "must be a text or a list of texts; put each in quotes",
  })
  .meta({ description: "A value or a list of values; `*` stands for any part." });

const Proof = z
  .union(
    [
      z.strictObject({
        secret: text(256).meta({
          description: "The line that `macp-auth secret generate` prints, not the secret.",
        }),
      }),
      z.strictObject({
        workload: z.strictObject({
          issuer: name("the name of an issuer"),
          subject: text(512).default("**").meta({
            description:
              "The `sub`: exact, or with `*` for one part between `/` or `:`, and `**` at the end for all that follow.",
          }),
          claims: z.record(text(128), patterns).default({}),
        }),
      }),
      z.strictObject({
        private_key_jwt: z.union(
          [
            z.strictObject({ jwks_file: path }),
            z.strictObject({
              jwks: z.strictObject({ keys: z.array(z.looseObject({ kty: z.string() })).min(1) }),
            }),
          ],
          { error: "must be one of jwks_file, jwks" },
        ),
      }),
      z.strictObject({
        certificate: z.union(
          [
            z.strictObject({
              ca,
              uri: text(512).meta({
                description:
                  "A URI of the certificate, such as a SPIFFE id: exact, or with `*` for one part between `/` or `:`, and `**` at the end for all that follow.",
              }),
            }),
            z.strictObject({
              ca,
              dns: text(253).meta({
                description: "A DNS name of the certificate; `*` stands for one label or a part of it.",
              }),
            }),
            z.strictObject({
              ca,
              subject: text(512).meta({
                description: "The whole subject as RFC 4514 writes it, such as CN=planner,O=Example.",
              }),
            }),
          ],
          { error: "must have one of uri, dns, subject, and may have ca" },
        ),
      }),
    ],
    { error: "must be one of secret, workload, private_key_jwt, certificate" },
  )
  .meta({
    description:
      "One way in which the caller proves who it is (RFC 7523 for private_key_jwt; mutual TLS for certificate).",
  });

const Caller = z.strictObject({
  owner: text(256).optional().meta({ description: "Whom to ask about this caller." }),
  expires: endDate.optional(),
  disabled: z.boolean().default(false),
  role: z
    .enum(ROLES, { error: "must be viewer, operator or security" })
    .optional()
    .meta({ description: "What it may do at the admin listener; unset: nothing." }),
  introspects: z
    .array(text(512))
    .max(64)
    .default([])
    .meta({ description: "The audiences whose tokens it may ask about (RFC 7662); exact." }),
  revokes: z.array(text(512)).max(256).default([]).meta({
    description:
      "The senders whose tokens it may stop (RFC 7009), beside those that it had minted: as in a grant, without {claims.NAME}.",
  }),
  guards: z.boolean().default(false).meta({
    description: "Whether it may follow all that is revoked, as `macp-auth guard serve` does.",
  }),
  limit: Limit.optional().meta({ description: "Its tokens, in place of `limits.caller`." }),
  proofs: z.array(Proof).max(16).default([]),
});

const callerNames = z.array(text(65)).min(1).meta({ description: "Names of callers, and @groups of them." });
const senders = z.array(text(512)).min(1).meta({
  description:
    "Senders, and @groups of them: exact, or with `*` for a part of a segment and `**` for whole segments; {claims.NAME} stands for a claim of the proof.",
});

/** What is omitted is not granted. */
const Scopes = z
  .strictObject({
    can_start_sessions: z.boolean().default(false),
    can_manage_mode_registry: z.boolean().default(false),
    is_observer: z.boolean().default(false),
    allowed_modes: z
      .union([z.literal("any"), z.array(z.string().max(512))], { error: 'must be "any" or a list of modes' })
      .default([])
      .meta({ description: '`""` stands for signals outside of sessions.' }),
    max_open_sessions: z
      .union([z.literal("unlimited"), z.int().min(0)], {
        error: 'must be "unlimited" or a whole number',
      })
      .default(0),
  })
  .meta({
    description: "The most that a token may be allowed at the runtime. What is omitted is not granted.",
  });

const Grant = z.strictObject({
  name: name("the name of the grant"),
  callers: callerNames,
  senders,
  scopes: Scopes,
  unknown_scopes: z
    .enum(["allow", "deny"])
    .default("deny")
    .meta({ description: "Whether other members of `scopes` are passed on." }),
  max_ttl_seconds: z.int().min(1).optional(),
  audiences: z
    .array(text(512))
    .min(1)
    .optional()
    .meta({ description: "The runtimes; unset: only the audience that is set for this service." }),
  algorithms: z.array(z.enum(ALGORITHMS)).min(1).optional(),
  claims: z.record(text(128), patterns).default({}).meta({ description: "What the proof must say." }),
  on_excess: z
    .enum(["reject", "narrow"])
    .default("reject")
    .meta({ description: "What becomes of a request for more: rejected, or granted as far as it may be." }),
});

const Deny = z
  .strictObject({
    name: name("the name of the rule"),
    callers: callerNames.optional(),
    senders: senders.optional(),
    audiences: z.array(text(512)).min(1).optional(),
  })
  .meta({ description: "Rejected whatever is granted. What is omitted is any." });

/** The access document. */
export const AccessText = z
  .strictObject({
    version: z.literal(1, { error: "must be 1" }),
    issuers: z.record(name("the name of an issuer"), Issuer).default({}),
    client_cas: z.record(name("the name of a client CA"), ClientCa).default({}),
    callers: z.record(name("the name of a caller"), Caller).default({}),
    groups: z
      .strictObject({
        agents: z.record(name("the name of a group"), senders).default({}),
        callers: z
          .record(name("the name of a group"), z.array(name("the name of a caller")).min(1))
          .default({}),
      })
      .prefault({}),
    grants: z.array(Grant).max(100_000).default([]),
    denies: z.array(Deny).max(1_000).default([]),
    limits: Limits.optional(),
    events: Events,
  })
  .meta({
    title: "MACP access document",
    description: "Who may call macp-auth, and what each may have minted.",
  });

export type AccessText = z.infer<typeof AccessText>;
