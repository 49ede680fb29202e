import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** For a login by IAM of AWS; an application installs it where it has one. */
export const SIGNER = 'aws-msk-iam-sasl-signer-js'

/** The packages of which the bundle holds parts; their licences require their notices. */
const bundled = ['typebox', 'uuid']

/** The package's `package.json`: of the daemon's dependencies it has kafkajs alone, and takes later releases of the signer of AWS. */
export async function packedManifest(root: string): Promise<string> {
  const { name, version, license, type, engines, dependencies } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const manifest = {
    name,
    version,
    description: 'Publishes the domain events of a referral and waitlist platform to Kafka.',
    license,
    type,
    engines,
    exports: {
      './publisher': { import: entry('publisher.js', 'publisher.d.ts'), require: entry('publisher.cjs', 'publisher.d.cts') },
      './package.json': './package.json',
    },
    files: ['dist'],
    dependencies: { kafkajs: dependencies.kafkajs },
    peerDependencies: { [SIGNER]: `^${dependencies[SIGNER]}` },
    peerDependenciesMeta: { [SIGNER]: { optional: true } },
  }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

function entry(module: string, types: string) {
  return { types: `./dist/${types}`, default: `./dist/${module}` }
}

/** The part of the guide that is for those who install the package. */
export async function packedReadme(root: string): Promise<string> {
  const guide = await readFile(join(root, 'docs/guide/publishing.md'), 'utf8')
  const [, part] = /<!-- package -->\n([\s\S]*?)\n<!-- \/package -->/.exec(guide) ?? []
  if (part === undefined) throw new Error('docs/guide/publishing.md has no part between <!-- package --> and <!-- /package -->')
  return `# kafka-worker/publisher\n\n${part.replaceAll(/<!-- example: [\w-]+ -->\n/g, '').trim()}\n`
}

export async function notices(root: string): Promise<string> {
  const texts = bundled.map(async (name) => {
    const folder = join(root, 'node_modules', name)
    const file = (await readdir(folder)).find((path) => /^licen[cs]e\b/i.test(path))
    if (file === undefined) throw new Error(`${name} has no licence`)
    const text = await readFile(join(folder, file), 'utf8')
    return `publisher.cjs holds parts of ${name}, under this licence:\n\n${text.trim()}\n`
  })
  return (await Promise.all(texts)).join('\n\n')
}
