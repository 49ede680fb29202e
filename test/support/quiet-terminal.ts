import type { Terminal } from '../../cmd/workerctl/terminal.ts'

/** No terminal: a pipe of any width, from which nothing is read, but for what is named. */
export function quietTerminal(more: Partial<Terminal> = {}): Terminal {
  return { environment: {}, out: () => undefined, err: () => undefined, isTerminal: false, columns: null, ask: null, ...more }
}
