/**
 * Runs a program and resolves to its exit code once everything that it wrote has been read, or its reader is gone: `process.exit` drops
 * what a full pipe has not taken yet, behind its first 64 KiB.
 *
 * A reader that goes away (`| head`) does not end the program, so what it was asked to do is done. Its output is not complete then, and 0
 * becomes 1.
 */
export async function withWholeOutput(main: () => Promise<number> | number): Promise<number> {
  const streams = [process.stdout, process.stderr]
  let isWhole = true
  const incomplete = () => {
    isWhole = false
  }
  // Without a listener the error of a pipe that nobody reads any more is thrown, and ends the process in the middle of its work.
  for (const stream of streams) stream.on('error', incomplete)
  const code = await main()
  for (const stream of streams) await written(stream)
  for (const stream of streams) stream.off('error', incomplete)
  return code === 0 && !isWhole ? 1 : code
}

/** Resolves when the stream has passed on all that was written to it, or never will. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve()
    else stream.write('', () => resolve())
  })
}
