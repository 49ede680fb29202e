import { readFileSync } from 'node:fs'

/** One instruction of a Dockerfile. */
export interface Instruction {
  readonly keyword: string
  /** Without its flags, on one line. */
  readonly text: string
  readonly flags: ReadonlyMap<string, string>
}

export interface Stage {
  /** What stands behind FROM, arguments filled in. */
  readonly image: string
  readonly name: string | null
  readonly instructions: readonly Instruction[]
}

/** The stages of the repository's Dockerfile, the last one being the image. */
export function readDockerfile(): readonly Stage[] {
  const lines = readFileSync('Dockerfile', 'utf8')
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
  const stages: { image: string; name: string | null; instructions: Instruction[] }[] = []
  const globals = new Map<string, string>()
  for (const line of lines) {
    const instruction = parse(line)
    if (instruction.keyword === 'FROM') {
      const [image = '', , name = null] = instruction.text.split(' ')
      stages.push({ image: image.replaceAll(/\$\{(\w+)\}/g, (_, arg: string) => globals.get(arg) ?? ''), name, instructions: [] })
    } else if (stages.length === 0) {
      const [arg = '', value = ''] = instruction.text.split('=')
      globals.set(arg, value)
    } else stages.at(-1)?.instructions.push(instruction)
  }
  return stages
}

/** The instructions of one kind. */
export function instructionsOf(stage: Stage | undefined, keyword: string): readonly Instruction[] {
  return stage?.instructions.filter((one) => one.keyword === keyword) ?? []
}

/** The words of an exec form. @throws {Error} it is the shell form, whose shell would stand between a signal and the program. */
export function execForm(text: string): readonly string[] {
  const words: unknown = text.startsWith('[') ? JSON.parse(text) : null
  if (!Array.isArray(words) || !words.every((word) => typeof word === 'string')) throw new Error(`${text} is no exec form`)
  return words
}

/** What an ENV or LABEL sets. */
export function pairs(text: string): ReadonlyMap<string, string> {
  return new Map([...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S*))/g)].map(([, name = '', quoted, bare]) => [name, quoted ?? bare ?? '']))
}

/** Whether .dockerignore lets a file into the build: the last rule that names it or a folder above it decides. */
export function isInContext(path: string): boolean {
  const rules = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const parts = path.split('/')
  const names = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  const last = rules.findLast((rule) => names.some((name) => glob(rule.replace(/^!/, '')).test(name)))
  return last === undefined || last.startsWith('!')
}

/** For each file that a COPY takes from the build context: where it goes in the image, relative to WORKDIR. */
export function copied(stage: Stage | undefined, files: readonly string[]): ReadonlyMap<string, string> {
  const context = files.filter(isInContext)
  const targets = instructionsOf(stage, 'COPY')
    .filter(({ flags }) => !flags.has('from'))
    .flatMap(({ text }) => {
      const words = text.split(' ')
      const sources = words.slice(0, -1)
      const target = (words.at(-1) ?? '').replace(/^\.\/?/, '')
      return sources.flatMap((source) => taken(source, target, context))
    })
  return new Map(targets)
}

/** @throws {Error} the COPY finds nothing, which ends a build. */
function taken(source: string, target: string, context: readonly string[]): (readonly [string, string])[] {
  const below = context.filter((path) => path.startsWith(`${source}/`)).map((path) => [path, target + path.slice(source.length)] as const)
  if (below.length > 0) return below
  const folder = target === '' || target.endsWith('/') ? target : `${target}/`
  const found = context.filter((path) => glob(source).test(path)).map((path) => [path, folder + (path.split('/').at(-1) ?? '')] as const)
  if (found.length === 0) throw new Error(`COPY ${source} finds nothing that .dockerignore lets in`)
  return found
}

/** As Docker matches: a star stands for anything within a folder, names that begin with a dot included. */
function glob(pattern: string): RegExp {
  return new RegExp(`^${pattern.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')}$`)
}

function parse(line: string): Instruction {
  const [, keyword = '', rest = ''] = /^(\S+)\s+(.*)$/.exec(line) ?? []
  const flags = new Map<string, string>()
  const text = rest.replace(/^(?:--\S+\s+)+/, (all) => {
    for (const [, name = '', value = ''] of all.matchAll(/--([\w-]+)=(\S+)/g)) flags.set(name, value)
    return ''
  })
  return { keyword, text, flags }
}
