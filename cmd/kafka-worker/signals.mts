/** The signals that the daemon handles. Node itself handles SIGUSR1: it opens the debugger. */
export const signals = {
  stop: ['SIGTERM', 'SIGINT'],
  quiet: ['SIGTSTP'],
  resume: ['SIGCONT'],
  report: ['SIGUSR2', 'SIGTTIN'],
} as const
