import { copyFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { rolldown, type Plugin } from 'rolldown'
import { dts } from 'rolldown-plugin-dts'
import { events } from '../../src/events/catalogue/events.ts'
import { eventTypesModule } from './event-types.ts'
import { SIGNER } from './packed-texts.ts'

/** What an application gets beside the package, or has, or installs where its login needs it. */
const external = [/^node:/, /^kafkajs(?:\/|$)/, SIGNER]

/**
 * Writes the publisher for CommonJS, ES modules and the compiler: one file each, with everything in it but kafkajs. The module for
 * `import` takes what that for `require` exports, so that a process has each class and each connection once.
 *
 * @throws what cannot be bundled
 */
export async function bundle({ root, to }: { readonly root: string; readonly to: string }): Promise<void> {
  const entry = join(root, 'src/publisher/connect-publisher.ts')
  await using code = await rolldown({ input: entry, platform: 'node', external, transform: { target: 'node20' } })
  const { output } = await code.write({ format: 'cjs', file: join(to, 'publisher.cjs') })
  const names = output.flatMap((chunk) => (chunk.type === 'chunk' ? chunk.exports : []))
  await writeFile(join(to, 'publisher.js'), `import publisher from './publisher.cjs'\n\nexport const { ${names.join(', ')} } = publisher\n`)

  const plugins = [writtenOut(join(root, 'src/events/event.ts')), dts({ emitDtsOnly: true, generator: 'oxc', tsconfig: false })]
  const treeshake = { moduleSideEffects: false }
  await using types = await rolldown({ input: { publisher: entry }, platform: 'node', external, plugins, treeshake })
  await types.write({ format: 'es', dir: to })
  // The same declarations under the name by which TypeScript knows that a module is CommonJS.
  await copyFile(join(to, 'publisher.d.ts'), join(to, 'publisher.d.cts'))
}

function writtenOut(path: string): Plugin {
  return {
    name: 'event-types',
    load: { order: 'pre', handler: (id) => (id === path ? { code: eventTypesModule(events), moduleType: 'ts' } : null) },
  }
}
