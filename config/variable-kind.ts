/** The result of reading one variable's text: its value, or what is wrong with it as a clause that quotes no secret. */
export type Parsed<Value> = { readonly value: Value } | { readonly wrong: string }

/** The parser of one kind of variable. */
export interface Kind<Value> {
  /** What the operator may give, as it reads after "it must be". */
  readonly expects: string
  /** `text` is trimmed and not empty. The clause after `wrong` begins with a verb, as in `has no port`. */
  parse(text: string): Parsed<Value>
}
