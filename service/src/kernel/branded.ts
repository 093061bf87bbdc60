declare const brand: unique symbol;

/**
 * A value that only the file that declares its type makes, of a checked value or as evidence of a step: no other value of `Base`
 * passes for it, and no other file may cast to it (a lint rule).
 */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };
