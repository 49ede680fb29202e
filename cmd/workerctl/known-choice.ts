import type { Argument, Option } from 'commander'
import { knownWord } from '../../src/admin/unknown-word.ts'

/**
 * The option or argument takes these words only, which help and completion list. Any other is refused as everywhere: in one sentence with
 * the nearest word.
 *
 * @param what one of them, such as `check`
 */
export function knownChoice<Word extends Option | Argument>(word: Word, what: string, choices: readonly string[]): Word {
  word.choices([...choices])
  const take = word.parseArg
  word.argParser((given: string, previous: unknown) => {
    knownWord(what, given, choices)
    return take?.(given, previous)
  })
  return word
}
