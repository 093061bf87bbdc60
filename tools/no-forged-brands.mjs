// A lint rule: only the file that declares a branded type may cast to it. Any other cast would forge a checked value or evidence.

/** The property of `Branded` in kernel/branded.ts: how the compiler names a property whose key is a unique symbol. */
const BRAND = /^__@brand@/;
const CAST = ":matches(TSAsExpression, TSTypeAssertion)";

/**
 * What the type-aware parser offers.
 * @typedef {{ getTypeAtLocation(node: import("eslint").Rule.Node): import("typescript").Type }} TypeServices
 */

/** @param {import("typescript").Type} type */
function isBranded(type) {
  return type.getProperties().some(({ escapedName }) => BRAND.test(String(escapedName)));
}

/** @param {import("typescript").Type} type */
function declaringFile(type) {
  return type.aliasSymbol?.declarations?.[0]?.getSourceFile().fileName;
}

/** @type {import("eslint").Rule.RuleModule} */
export const noForgedBrands = {
  meta: {
    type: "problem",
    schema: [],
    messages: {
      forged: "Only the file that declares this branded type makes one: call its maker.",
      laundered: "A cast through unknown, any or never can forge anything: narrow the value instead.",
    },
  },
  create(context) {
    const services = /** @type {TypeServices} */ (/** @type {unknown} */ (context.sourceCode.parserServices));
    /** @param {import("eslint").Rule.Node} node */
    const checkReference = (node) => {
      const type = services.getTypeAtLocation(node);
      if (isBranded(type) && declaringFile(type) !== context.filename)
        context.report({ node, messageId: "forged" });
    };
    /** @param {import("eslint").Rule.Node} node */
    const reportLaundering = (node) => {
      context.report({ node, messageId: "laundered" });
    };
    return {
      [`${CAST} > TSTypeReference.typeAnnotation`]: checkReference,
      [`${CAST} > .typeAnnotation TSTypeReference`]: checkReference,
      "TSTypePredicate TSTypeReference": checkReference,
      [`${CAST} > ${CAST}.expression > :matches(TSUnknownKeyword, TSAnyKeyword).typeAnnotation`]:
        reportLaundering,
      [`${CAST} > TSNeverKeyword.typeAnnotation`]: reportLaundering,
    };
  },
};
