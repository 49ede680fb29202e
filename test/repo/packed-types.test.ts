import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { eventTypesModule } from '../../cmd/package/event-types.ts'
import { events } from '../../src/events/catalogue/events.ts'
import { tempFolder } from '../../stack/temp-folder.ts'

/** Compiles only when both types are the same. */
const comparison = `
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
type Flat<Data> = { [Type in keyof Data]: { [Field in keyof Data[Type]]: Data[Type][Field] } }
true satisfies Same<Flat<Own>, Flat<EventData>>
true satisfies Same<OwnType, EventType>
`

it('gives those who install the package the types that the catalogue has', async () => {
  const folder = tempFolder('packed-types')
  try {
    const own = join(process.cwd(), 'src/events/event.ts')
    const imports = `import type { EventData as Own, EventType as OwnType } from '${own}'\n`
    await writeFile(join(folder.path, 'types.ts'), `${imports}${eventTypesModule(events)}${comparison}`)
    const compilerOptions = { typeRoots: [join(process.cwd(), 'node_modules/@types')] }
    const config = { extends: join(process.cwd(), 'tsconfig.json'), compilerOptions, include: [], files: [join(folder.path, 'types.ts')] }
    await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const complaints = await promisify(execFile)(join(process.cwd(), 'node_modules/.bin/tsc'), ['-p', folder.path]).then(
      () => '',
      (error: { stdout?: string }) => error.stdout,
    )
    expect(complaints).toBe('')
  } finally {
    await folder.remove()
  }
})
