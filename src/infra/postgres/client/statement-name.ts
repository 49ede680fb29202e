/**
 * A readable name for a statement: its verbs and the tables that it names, such as `UPDATE worker.intents, INSERT platform.email_logs`.
 * Made of our own constant text, so it holds no value and there are few.
 */
export function statementName(text: string): string {
  const writes = found(text, /\b(INSERT INTO|UPDATE|DELETE FROM|LOCK TABLE)\s+((?:platform|worker)\.\w+)/g)
  if (writes.length > 0) return writes.join(', ')
  const reads = found(text, /\b(FROM|JOIN)\s+((?:platform|worker)\.\w+)/g).map((read) => read.replace(/^\S+ /, ''))
  if (reads.length > 0) return `SELECT ${[...new Set(reads)].join(', ')}`
  return text.trim().split(/\s+/).slice(0, 2).join(' ')
}

function found(text: string, pattern: RegExp): readonly string[] {
  const all = [...text.matchAll(pattern)].map(([, verb = '', table = '']) => `${verb.replace(/ (?:INTO|FROM|TABLE)$/, '')} ${table}`)
  return [...new Set(all)]
}
