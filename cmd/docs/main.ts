#!/usr/bin/env node
import { withWholeOutput } from '../../src/std/with-whole-output.ts'
import { run } from './run.ts'

process.exit(await withWholeOutput(() => run(process.argv.slice(2))))
