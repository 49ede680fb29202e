import { styleText } from 'node:util'
import type { Terminal } from './terminal.ts'

const styles = { good: 'green', warning: 'yellow', bad: 'red', aside: 'gray' } as const
export type Tone = keyof typeof styles

/** What the words of verdicts and states mean for an operator; others have no colour. */
const tones: Readonly<Record<string, Tone>> = {
  ok: 'good',
  warning: 'warning',
  failed: 'bad',
  skipped: 'aside',
  // Verdicts of lag.
  'catching-up': 'warning',
  'intents-late': 'warning',
  paused: 'warning',
  'breaker-open': 'warning',
  'falling-behind': 'bad',
  stalled: 'bad',
  'no-member': 'bad',
  'data-lost': 'bad',
  stopped: 'bad',
  // States of replays.
  done: 'good',
  cancelled: 'aside',
  // The end of a pause that has none.
  'until resumed': 'warning',
}

/** Colours a word by what it means, or by `tone`, on a terminal without `NO_COLOR`; elsewhere returns it as it is. */
export function coloured(
  { isTerminal, environment }: Pick<Terminal, 'isTerminal' | 'environment'>,
  word: string,
  tone = tones[word],
): string {
  if (tone === undefined || !isTerminal || environment['NO_COLOR']) return word
  return styleText(styles[tone], word, { validateStream: false })
}
