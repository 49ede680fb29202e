import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { chmod, copyFile, cp, mkdir, readdir, constants } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { variableNames } from '../../config/variables.ts'
import { tempFolder } from '../../stack/temp-folder.ts'
import { cleanEnvironment } from '../../stack/worker-environment.ts'
import { copied, execForm, instructionsOf, readDockerfile } from '../support/dockerfile.ts'
import { files } from '../repo/source-files.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The image without an engine: what its Dockerfile installs and copies, in a folder that its user can only read. */
export interface BuiltImage extends AsyncDisposable {
  /** In place of WORKDIR. */
  readonly folder: string
  readonly entrypoint: readonly string[]
  readonly healthcheck: readonly string[]
  /** Runs a command as the image's user to its end. */
  run(command: readonly string[], variables: Readonly<Record<string, string>>): Promise<Ran>
  /** Starts one as the image's user. */
  start(command: readonly string[], variables: Readonly<Record<string, string>>): ChildProcess
}

/** Takes the steps of the Dockerfile. Only root can become the image's user; other users run the commands as themselves. */
export async function buildImage(): Promise<BuiltImage> {
  const stages = readDockerfile()
  const image = stages.at(-1)
  const temp = tempFolder('image')
  await chmod(temp.path, 0o755)
  const [install, folder, bin] = [join(temp.path, 'packages'), join(temp.path, 'app'), join(temp.path, 'bin')]
  await Promise.all([install, folder, bin].map((path) => mkdir(path)))
  // Node lies where the image's user may read it, wherever this repository is.
  await copyFile(process.execPath, join(bin, 'node'), constants.COPYFILE_FICLONE)

  await copy(copied(stages[0], files), install)
  for (const { text } of instructionsOf(stages[0], 'RUN')) {
    const [program = '', ...args] = execForm(text)
    const path = [bin, process.env['PATH'] ?? ''].join(delimiter)
    const env = cleanEnvironment({ PATH: path, npm_config_prefer_offline: 'true' }, variableNames)
    await promisify(execFile)(program, args, { cwd: install, env })
  }
  const targets = instructionsOf(image, 'COPY').filter(({ flags }) => flags.get('from') === stages[0]?.name)
  for (const { text } of targets) {
    const [from = '', to = ''] = text.split(' ')
    await cp(join(install, from.replace('/app/', '')), join(folder, to), { recursive: true, verbatimSymlinks: true })
  }
  await copy(copied(image, files), folder)
  // As COPY --chmod and root's ownership leave it for the image's user.
  await setModes(folder, 0o555)

  const [uid, gid] = (instructionsOf(image, 'USER')[0]?.text ?? '').split(':').map(Number)
  const user = process.getuid?.() === 0 ? { uid, gid } : {}
  const start = ([program = '', ...args]: readonly string[], variables: Readonly<Record<string, string>>) => {
    const path = join(bin, program)
    const env = { PATH: bin, HOME: '/nonexistent', TMPDIR: '/nonexistent', NODE_ENV: 'production', ...variables }
    return spawn(path, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], ...user })
  }
  return {
    folder,
    entrypoint: execForm(instructionsOf(image, 'ENTRYPOINT')[0]?.text ?? ''),
    healthcheck: execForm((instructionsOf(image, 'HEALTHCHECK')[0]?.text ?? '').replace(/^CMD /, '')),
    run: (command, variables) => ended(start(command, variables)),
    start,
    [Symbol.asyncDispose]: async () => {
      // Only root removes what is in a folder that nobody may write.
      if (process.getuid?.() !== 0) await setModes(folder, 0o755)
      await temp.remove()
    },
  }
}

async function copy(paths: ReadonlyMap<string, string>, folder: string): Promise<void> {
  for (const [from, to] of paths) {
    await mkdir(dirname(join(folder, to)), { recursive: true })
    await copyFile(from, join(folder, to))
  }
}

/** Of everything below and of the folder itself. */
async function setModes(folder: string, mode: number): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true })
  await Promise.all(
    entries
      .filter((entry) => !entry.isSymbolicLink())
      .map((entry) => (entry.isDirectory() ? setModes(join(folder, entry.name), mode) : chmod(join(folder, entry.name), mode))),
  )
  await chmod(folder, mode)
}

/** Waits for the end. */
async function ended(child: ChildProcess): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  child.stdout?.on('data', (chunk) => out.push(String(chunk)))
  child.stderr?.on('data', (chunk) => err.push(String(chunk)))
  const code = await new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (status) => resolve(status ?? -1))
  })
  return { code, out: out.join(''), err: err.join('') }
}
