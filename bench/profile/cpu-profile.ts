/** What V8 writes: a tree of calls and a sample of it every so often. https://chromedevtools.github.io/devtools-protocol/tot/Profiler/#type-Profile */
export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  /** Microseconds of the monotonic clock. */
  readonly startTime: number
  /** Ids of nodes, in order. */
  readonly samples: readonly number[]
  /** Microseconds since the sample before, or the start. */
  readonly timeDeltas: readonly number[]
}

export interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
}

export interface Share {
  readonly name: string
  /** Milliseconds of CPU in it, not in what it calls. */
  readonly selfMs: number
  /** Of all CPU that was used. */
  readonly share: number
}

/** What the CPU was used for between two moments, in milliseconds of the monotonic clock: by function, and by package or folder of ours. */
export function sharesOf(
  profile: CpuProfile,
  from = 0,
  to = Infinity,
): { readonly functions: readonly Share[]; readonly places: readonly Share[] } {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node.callFrame]))
  const functions = new Map<string, number>()
  const places = new Map<string, number>()
  let at = profile.startTime
  let total = 0
  for (const [index, id] of profile.samples.entries()) {
    // A sample stands for the time until the next.
    at += profile.timeDeltas[index] ?? 0
    const lasted = profile.timeDeltas[index + 1] ?? 0
    const frame = nodes.get(id)
    if (frame === undefined || at < from * 1_000 || at >= to * 1_000 || isIdle(frame.functionName)) continue
    total += lasted
    add(functions, functionOf(frame), lasted)
    add(places, placeOf(frame), lasted)
  }
  return { functions: ranked(functions, total), places: ranked(places, total) }
}

const isIdle = (name: string) => name === '(idle)' || name === '(root)'

function functionOf({ functionName, url, lineNumber }: ProfileNode['callFrame']): string {
  const name = functionName === '' ? '(anonymous)' : functionName
  return url === '' ? name : `${name} ${fileOf(url)}:${lineNumber + 1}`
}

/** A package, a folder two levels deep in `src`, a part of Node, native code, or what V8 does by itself. */
function placeOf({ functionName, url }: ProfileNode['callFrame']): string {
  if (url === '') return functionName.startsWith('(') ? functionName : 'native'
  const file = fileOf(url)
  if (file.startsWith('node:')) return 'node'
  if (file.startsWith('node_modules/')) return /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1] ?? file
  return file.split('/').slice(0, -1).slice(0, 3).join('/')
}

/** From the root of the repository, or of its packages. */
function fileOf(url: string): string {
  const path = url.replace(/^file:\/\//, '')
  const packages = path.lastIndexOf('/node_modules/')
  if (packages !== -1) return path.slice(packages + 1)
  return /\/((?:src|cmd|config)\/.*)$/.exec(path)?.[1] ?? path
}

function add(sums: Map<string, number>, name: string, micros: number): void {
  sums.set(name, (sums.get(name) ?? 0) + micros)
}

function ranked(sums: ReadonlyMap<string, number>, total: number): readonly Share[] {
  return [...sums]
    .map(([name, micros]) => ({ name, selfMs: micros / 1_000, share: total === 0 ? 0 : micros / total }))
    .toSorted((one, other) => other.selfMs - one.selfMs)
}
