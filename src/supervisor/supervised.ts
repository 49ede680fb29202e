import { isProcessOrder, type ProcessReport } from './process-messages.ts'

/** The signal that is logged when the supervisor has ended. */
const SUPERVISOR_ENDED = 'supervisor-ended'

/** The end of the channel between a supervisor and a process, in the process. */
export interface SupervisorChannel {
  readonly connected: boolean
  on(event: 'message', listener: (message: unknown) => void): unknown
  on(event: 'disconnect', listener: () => void): unknown
  send(report: ProcessReport): void
}

export interface SupervisorConnection {
  report(report: ProcessReport): void
  /**
   * Calls `act` at the orders of the supervisor for one of `signals`, and returns the listener for signals that arrive directly.
   *
   * A stop may come twice, because terminals and service managers signal every process of a group, and the supervisor passes it on. Only a
   * second order of the supervisor is therefore a second stop. The end of the supervisor is a first one.
   */
  listen(isStop: boolean, signals: readonly string[], act: (signal: string) => void): (signal: string) => void
}

/** Connects a process to the supervisor that started it; without a channel, the supervisor counts as ended. */
export function connectToSupervisor(channel: SupervisorChannel = channelOfThisProcess()): SupervisorConnection {
  return {
    report(report) {
      if (channel.connected) channel.send(report)
    },
    listen(isStop, signals, act) {
      let stops = 0
      const stop = (times: number, signal: string) => {
        if (times <= stops) return
        stops = times
        act(signal)
      }
      channel.on('message', (message) => {
        if (!isProcessOrder(message) || !signals.includes(message.signal)) return
        if (isStop) stop(message.times, message.signal)
        else act(message.signal)
      })
      if (!isStop) return act
      channel.on('disconnect', () => stop(1, SUPERVISOR_ENDED))
      if (!channel.connected) stop(1, SUPERVISOR_ENDED)
      return (signal) => stop(1, signal)
    },
  }
}

function channelOfThisProcess(): SupervisorChannel {
  return {
    get connected() {
      return process.connected ?? false
    },
    on: (event: string, listener: (message: unknown) => void) => process.on(event, listener),
    // An error means that the supervisor has ended, which `disconnect` says, too.
    send: (report) => void process.send?.(report, undefined, undefined, () => undefined),
  }
}
