import { z } from "zod";
import { NO_SNIFF, UNCACHED } from "./route.ts";

/** Of every answer. */
export const REQUEST_ID = z
  .string()
  .regex(/^[A-Za-z0-9._-]{1,64}$/)
  .meta({
    description: "The caller's own if it is valid, otherwise a new one.",
    header: { id: "RequestId" },
  });

/** Of an answer that may also be written before there is a request. */
export const UNCACHED_IF_READ = {
  "x-content-type-options": NO_SNIFF.optional().meta({
    description: "`nosniff`; absent when the bytes could not be read as a request.",
    header: { id: "NoSniffIfRead" },
  }),
  "cache-control": UNCACHED["cache-control"].optional().meta({
    description: "`no-store`; absent when the bytes could not be read as a request.",
    header: { id: "NoStoreIfRead" },
  }),
};

const RETRY_AFTER = z.string().regex(/^[0-9]+$/);

/** The headers that a reason brings, by name. */
export const OF_REASONS: Readonly<Record<string, z.ZodType>> = {
  "retry-after": RETRY_AFTER.meta({
    description: "Seconds to wait before another attempt.",
    header: { id: "RetryAfter" },
  }),
  "www-authenticate": z
    .literal("Bearer")
    .meta({ description: "Always `Bearer`.", header: { id: "WwwAuthenticate" } }),
};

/** Where only some answers of a status carry it. */
export const OF_SOME_REASONS: Readonly<Record<string, z.ZodType>> = {
  "retry-after": RETRY_AFTER.optional().meta({
    description: "Seconds to wait before another attempt; absent when the answer is not about a fault.",
    header: { id: "RetryAfterIfFault" },
  }),
};

/** By the methods that a path has. */
export const ALLOW: Readonly<Record<string, z.ZodType>> = {
  POST: z.literal("POST").meta({ description: "Always `POST`.", header: { id: "AllowPost" } }),
  "GET, HEAD, POST": z
    .literal("GET, HEAD, POST")
    .meta({ description: "Always `GET, HEAD, POST`.", header: { id: "AllowGetPost" } }),
  "GET, HEAD": z
    .literal("GET, HEAD")
    .meta({ description: "Always `GET, HEAD`.", header: { id: "AllowGet" } }),
};
