/**
 * `JSON.parse` that preserves number literals: a number that JavaScript would print differently (`6011000990139424123`, `10.00`, `1e400`)
 * becomes a raw JSON object that `JSON.stringify` prints unchanged. All other values are those of `JSON.parse`.
 *
 * @throws {SyntaxError} the text is not JSON.
 */
export function parseExactJson(text: string): unknown {
  const keep = (_key: string, value: unknown, { source }: { readonly source?: string }): unknown =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value
  return exact.parse(text, keep)
}

/** Part of the language since ES2026 (https://github.com/tc39/proposal-json-parse-with-source), not yet of its type declarations. */
interface ExactJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  rawJSON(text: string): object
}

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the declared type lacks what Node has had since 21
const exact = JSON as unknown as ExactJson
