/**
 * Runs a program and resolves to its exit code once its output has been read or the reader is gone: `process.exit` drops whatever a full
 * pipe has not accepted yet, beyond the first 64 KiB.
 *
 * A reader that closes early (`| head`) does not end the program, so its work is completed; the output is incomplete then, and exit code 0
 * becomes 1.
 */
export async function withWholeOutput(main: () => Promise<number> | number): Promise<number> {
  const streams = [process.stdout, process.stderr]
  let isWhole = true
  const incomplete = () => {
    isWhole = false
  }
  // Without a listener, EPIPE is thrown and ends the process in the middle of its work.
  for (const stream of streams) stream.on('error', incomplete)
  const code = await main()
  for (const stream of streams) await written(stream)
  for (const stream of streams) stream.off('error', incomplete)
  return code === 0 && !isWhole ? 1 : code
}

/** Resolves when the stream has been flushed or destroyed. */
function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve()
    else stream.write('', () => resolve())
  })
}
