/** The name of a field in the publisher's input: `pointsPerReferral` for `points_per_referral`. */
export type InputName<Field extends string> = Field extends `${infer Head}_${infer Tail}` ? `${Head}${Capitalize<InputName<Tail>>}` : Field

/** The publisher's method for a type of event: `publishUserSignedUp` for `user.signed_up`. */
export type MethodName<Type extends string> = `publish${PascalCase<Type>}`

type PascalCase<Name extends string> = Name extends `${infer Head}.${infer Tail}`
  ? `${Capitalize<InputName<Head>>}${PascalCase<Tail>}`
  : Capitalize<InputName<Name>>

export function inputName<Field extends string>(field: Field): InputName<Field> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type says the same
  return field.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) as InputName<Field>
}

export function methodName<Type extends string>(type: Type): MethodName<Type> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type says the same
  return `publish${type.replaceAll(/(?:^|[._])([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())}` as MethodName<Type>
}
