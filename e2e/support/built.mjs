/**
 * A module of the built service, by its path in `dist` without the extension. The importer states its type, that of its source:
 * what is built has none.
 * @param {string} path
 * @returns {Promise<any>}
 */
export function built(path) {
  return import(new URL(`../../service/dist/${path}.js`, import.meta.url).href);
}
