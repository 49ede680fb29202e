import { expect } from 'vitest'
import type { Daemon } from './daemon.ts'

/**
 * Waits for a start that is refused, and holds it against what every refusal keeps: exit code 1, one fatal line that is one sentence,
 * nothing else on standard error, no stack trace, none of `secrets` anywhere. Returns the sentence.
 */
export async function refusalOf(daemon: Daemon, secrets: readonly string[] = []): Promise<string> {
  expect({ code: await daemon.exited, other: daemon.other }).toEqual({ code: 1, other: [] })
  const fatal = daemon.lines.filter(({ level }) => level === 'fatal')
  expect(fatal).toHaveLength(1)
  expectClean(daemon, secrets)
  const sentence = fatal[0]?.msg ?? ''
  expect(sentence).toMatch(/^[A-Z].*[^.]\.$/)
  expect(fatal[0]).not.toHaveProperty('err')
  return sentence
}

/** Nothing in the daemon's output is a stack trace or one of `secrets`. */
export function expectClean({ lines, other }: Daemon, secrets: readonly string[] = []): void {
  const all = [...lines.map((line) => JSON.stringify(line)), ...other].join('\n')
  expect(all).not.toMatch(/^\s+at |\\n\s+at |node:internal/m)
  for (const secret of secrets) expect(all).not.toContain(secret)
}
