import { spawn } from 'node:child_process'
import { isProcessReport, type ProcessReport } from './process-messages.ts'
import type { ProcessEnd, WorkerProcess } from './supervisor.ts'

/**
 * Starts a Node program as a worker process. It writes to our standard output and error, and is connected to us by a channel of Node's
 * child_process: when we end, for whatever reason, the channel closes, which the program takes as an order to stop.
 *
 * @param args the arguments of node
 */
export function spawnProcess(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  onReport: (report: ProcessReport) => void,
): WorkerProcess {
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  child.on('message', (message) => {
    if (isProcessReport(message)) onReport(message)
  })
  return {
    pid: child.pid,
    send(order) {
      // A process that has ended gets no order: its end is noticed by itself.
      if (child.connected) child.send(order, () => undefined)
    },
    kill: () => void child.kill('SIGKILL'),
    ended: new Promise<ProcessEnd>((resolve) => {
      child.once('exit', (code, signal) => resolve({ code, cause: signal }))
      child.on('error', (error) => {
        // Other errors are of an order that could not be given to a process that ends.
        if (child.pid === undefined) resolve({ code: null, cause: error.message })
      })
    }),
  }
}
