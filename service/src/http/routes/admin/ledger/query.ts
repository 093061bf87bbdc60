import type { z } from "zod";

/** The query of a request target in this shape; `undefined` when it has a member twice, or is not of that shape. */
export function queryOf<Shape extends z.ZodObject>(
  shape: Shape,
  target: string | undefined,
): z.output<Shape> | undefined {
  const [, query = ""] = (target ?? "").split("?", 2);
  const pairs = [...new URLSearchParams(query)];
  const members = Object.fromEntries(pairs);
  if (Object.keys(members).length !== pairs.length) return undefined;
  return shape.safeParse(members).data;
}
