/** Servers that run already and are left running: for programs that start vitest more than once. */
export interface RunningStack {
  readonly kafkaBootstrap: readonly string[]
  readonly postgresUrl: string
}

/** The variable in which {@link RunningStack} is handed over, as JSON. */
const VARIABLE = 'TEST_STACK'

/** What a run of vitest must be given to use these servers. */
export function stackVariables(stack: RunningStack): Readonly<Record<string, string>> {
  return { [VARIABLE]: JSON.stringify(stack) }
}

/** Null: nothing was handed over, the run starts its own. */
export function runningStack(): RunningStack | null {
  const text = process.env[VARIABLE]
  if (text === undefined) return null
  const stack: RunningStack = JSON.parse(text)
  return stack
}
