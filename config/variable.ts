/** The result of reading one variable's text: its value, or what is wrong with it as a clause that quotes no secret. */
export type Parsed<Value> = { readonly value: Value } | { readonly wrong: string }

/** The parser of one kind of variable. */
export interface Kind<Value> {
  /** What the operator may give, as it reads after "it must be". */
  readonly expects: string
  /** `text` is trimmed and not empty. The clause after `wrong` begins with a verb, as in `has no port`. */
  parse(text: string): Parsed<Value>
}

/** A variable of the environment. A secret `X` may be given as the path of a file in `X_FILE` instead. */
export interface Variable<Value, Need extends 'required' | 'optional' | 'default' = 'required' | 'optional' | 'default'> {
  readonly kind: Kind<Value>
  readonly need: Need
  /** As text, parsed like a value from the environment. */
  readonly default: string | null
  /** `url`: only the password in it is hidden. */
  readonly secret: 'whole' | 'url' | null
  readonly doc: string
}

export function required<Value>(kind: Kind<Value>, doc: string): Variable<Value, 'required'> {
  return { kind, need: 'required', default: null, secret: null, doc }
}

export function optional<Value>(kind: Kind<Value>, doc: string, secret: 'whole' | 'url' | null = null): Variable<Value, 'optional'> {
  return { kind, need: 'optional', default: null, secret, doc }
}

export function withDefault<Value>(kind: Kind<Value>, value: string, doc: string): Variable<Value, 'default'> {
  return { kind, need: 'default', default: value, secret: null, doc }
}
