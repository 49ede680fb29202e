#!/usr/bin/env node
import { withWholeOutput } from '../../src/std/with-whole-output.ts'
import { main } from './run.ts'

process.exit(await withWholeOutput(() => main(process.argv.slice(2))))
