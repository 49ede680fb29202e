#!/usr/bin/env node
import { OperatorError } from '../../src/std/failure.ts'
import { withWholeOutput } from '../../src/std/with-whole-output.ts'
import { main } from './run.ts'

process.exit(
  await withWholeOutput(async () => {
    try {
      return await main(process.argv.slice(2))
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error
      process.stderr.write(`${error.message}\n`)
      return 1
    }
  }),
)
