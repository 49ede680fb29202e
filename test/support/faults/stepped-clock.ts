// Loaded before a daemon (`--import`): the wall clock of this one process can be set forward and back, as an operator or a time service does
// it. The monotonic clock (`performance.now()`, timers) goes on untouched. See `Daemon.stepClock`.
const wallClock = Date.now.bind(Date)
let shiftMs = 0
const now = () => wallClock() + shiftMs

Date.now = now
globalThis.Date = new Proxy(Date, {
  construct: (target, given, newTarget) => Object(Reflect.construct(target, given.length === 0 ? [now()] : given, newTarget)),
})

process.on('message', (message) => {
  shiftMs += Number(Object(message).stepClockMs)
  process.send?.('stepped')
})
// Its test must not keep the process alive.
process.channel?.unref()
