/** Beginnings of names that the worker, and the clients inside it, read as settings of their own. */
const workerPrefixes = ['KAFKA_', 'DATABASE_', 'PG', 'SMTP_', 'HTTP_', 'MAIL_', 'WEBHOOK_', 'OTEL_']

/**
 * The environment for a process that demo or tests start: this process's own, without anything the worker would read, plus `extra`.
 * A `DATABASE_URL` exported for production in the same shell can so never reach a server or daemon of the stack.
 *
 * @param extra variables to set, after the removal
 * @param names further exact names to remove; configuration knows which variables the worker reads beyond the prefixes above
 */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}, names: readonly string[] = []): Record<string, string> {
  const clean: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || names.includes(name) || workerPrefixes.some((prefix) => name.startsWith(prefix))) continue
    clean[name] = value
  }
  return { ...clean, ...extra }
}

/** All variables of this process. */
export function wholeEnvironment(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))
}
