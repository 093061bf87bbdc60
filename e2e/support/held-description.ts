import { readFileSync } from "node:fs";
import { expect } from "vitest";
import type { WireResponse } from "./raw-http.ts";

export type Schema = Readonly<Record<string, unknown>>;
interface Response {
  readonly headers: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, { readonly schema: Schema }>>;
}
interface Header {
  readonly required?: boolean;
  readonly schema: Schema;
}
interface Description {
  readonly paths: Readonly<
    Record<string, Readonly<Record<string, { readonly responses: Readonly<Record<string, Response>> }>>>
  >;
  readonly components: {
    readonly schemas: Readonly<Record<string, Schema>>;
    readonly headers: Readonly<Record<string, Header>>;
  };
}

/** An OpenAPI description that real answers are held against. */
export interface HeldDescription {
  /** Method and path of each operation. */
  readonly operations: readonly (readonly [string, string])[];
  /** What was answered so far: `POST /tokens 200`. */
  readonly seen: ReadonlySet<string>;
  /** Every answer that is described, those to unexpected faults left out. */
  readonly described: readonly string[];
  /** Insists that this is described of an operation: status, headers with their values, body. Gives the status. */
  readonly expectDescribed: (method: string, path: string, answer: WireResponse | undefined) => number;
  /** Whether a value fits a schema of the description, by its name. */
  readonly fits: (schema: string, value: unknown) => boolean;
}

/** Reads a description below `docs/api`. */
export function descriptionAt(name: string): HeldDescription {
  const { paths, components } = JSON.parse(
    readFileSync(new URL(`../../docs/api/${name}`, import.meta.url), "utf8"),
  ) as Description;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => [method.toUpperCase(), path] as const),
  );
  const seen = new Set<string>();
  const fits = schemaJudge(components.schemas);
  return {
    operations,
    seen,
    described: operations
      .flatMap(([method, path]) =>
        Object.keys(paths[path]?.[method.toLowerCase()]?.responses ?? {}).map(
          (status) => `${method} ${path} ${status}`,
        ),
      )
      .filter((answer) => !answer.endsWith(" 500")),
    expectDescribed(method, path, answer) {
      if (answer === undefined) throw new Error(`${method} ${path} was not answered`);
      const { status, headers, text } = answer;
      const response = paths[path]?.[method.toLowerCase()]?.responses[String(status)];
      if (response === undefined) throw new Error(`${method} ${path} answers ${String(status)}, undescribed`);
      seen.add(`${method} ${path} ${String(status)}`);
      expect(headerFaults(headers, response, components.headers, fits)).toEqual([]);
      const [type, content] = Object.entries(response.content ?? {})[0] ?? [];
      if (type === undefined) {
        expect(text).toBe("");
        return status;
      }
      expect(headers.get("content-type")?.split(";")[0]).toBe(type);
      const value: unknown = type === "application/json" ? JSON.parse(text) : text;
      expect(fits(content?.schema, value), text).toBe(true);
      return status;
    },
    fits: (schema, value) => fits(components.schemas[schema], value),
  };
}

/** Headers of the framing and of the content, which a description leaves out. */
const FRAMING = ["connection", "content-length", "content-type", "date", "keep-alive"];

type Fits = (schema: Schema | undefined, value: unknown) => boolean;

function headerFaults(
  headers: ReadonlyMap<string, string>,
  response: Response,
  components: Description["components"]["headers"],
  fits: Fits,
): string[] {
  const described = new Map(
    Object.entries(response.headers).map(([name, { $ref }]) => [
      name,
      components[$ref.replace("#/components/headers/", "")],
    ]),
  );
  const lacking = [...described]
    .filter(([name, header]) => header?.required === true && !headers.has(name))
    .map(([name]) => `${name} is required and lacking`);
  const odd = [...headers]
    .filter(([name, value]) => !FRAMING.includes(name) && !fits(described.get(name)?.schema, value))
    .map(([name, value]) => `${name}: ${value} is not described`);
  return [...lacking, ...odd];
}

const isObject = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const always = () => true;

const TYPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  object: isObject,
  array: Array.isArray,
  string: (value) => typeof value === "string",
  number: (value) => typeof value === "number" && Number.isFinite(value),
  integer: Number.isInteger,
  boolean: (value) => typeof value === "boolean",
  null: (value) => value === null,
};

/** Judges values by schemas that refer to these. Knows the words that the descriptions use, and throws at any other. */
function schemaJudge(schemas: Readonly<Record<string, Schema>>): Fits {
  const fits: Fits = (schema, value) => {
    if (schema === undefined) return false;
    return Object.entries(schema).every(([word, wanted]) => {
      const holds = words[word];
      if (holds === undefined) throw new Error(`the description says ${word}, which this test cannot judge`);
      return holds(wanted, value, schema);
    });
  };
  const words: Readonly<Record<string, (wanted: unknown, value: unknown, schema: Schema) => boolean>> = {
    description: always,
    examples: always,
    $ref: (name, value) => fits(schemas[String(name).replace("#/components/schemas/", "")], value),
    type: (names, value) => [names].flat().some((name) => TYPES[String(name)]?.(value) === true),
    const: (only, value) => value === only,
    default: always,
    enum: (only, value) => (only as unknown[]).includes(value),
    maxLength: (most, value) => typeof value !== "string" || value.length <= Number(most),
    minLength: (least, value) => typeof value !== "string" || value.length >= Number(least),
    pattern: (pattern, value) => typeof value !== "string" || new RegExp(String(pattern), "u").test(value),
    minimum: (least, value) => typeof value !== "number" || value >= Number(least),
    maximum: (most, value) => typeof value !== "number" || value <= Number(most),
    exclusiveMinimum: (end, value) => typeof value !== "number" || value > Number(end),
    exclusiveMaximum: (end, value) => typeof value !== "number" || value < Number(end),
    multipleOf: (step, value) => typeof value !== "number" || value % Number(step) === 0,
    anyOf: (options, value) => (options as Schema[]).some((option) => fits(option, value)),
    oneOf: (options, value) => (options as Schema[]).filter((option) => fits(option, value)).length === 1,
    items: (item, value) => !Array.isArray(value) || value.every((member) => fits(item as Schema, member)),
    minItems: (least, value) => !Array.isArray(value) || value.length >= Number(least),
    maxItems: (most, value) => !Array.isArray(value) || value.length <= Number(most),
    prefixItems: (items, value) =>
      !Array.isArray(value) ||
      (items as Schema[]).every((item, place) => place >= value.length || fits(item, value[place])),
    required: (names, value) =>
      !isObject(value) || (names as string[]).every((name) => Object.hasOwn(value, name)),
    properties: (members, value) =>
      !isObject(value) ||
      Object.entries(members as Record<string, Schema>).every(
        ([name, member]) => !Object.hasOwn(value, name) || fits(member, value[name]),
      ),
    propertyNames: (name, value) =>
      !isObject(value) || Object.keys(value).every((member) => fits(name as Schema, member)),
    additionalProperties: (others, value, { properties }) =>
      !isObject(value) ||
      others !== false ||
      Object.keys(value).every((name) => Object.hasOwn(properties as object, name)),
  };
  return fits;
}
